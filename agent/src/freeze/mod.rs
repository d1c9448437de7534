//! When the agent keeps its hands still: people freeze all limits by a [`Switch`], and while the node
//! is in trouble none is lowered. What may not be written is a [`Verdict`], which the writer obeys.
//!
//! [`Judge`] and [`Verdict`] are pure; the files are read in `readings.rs`.

mod judge;
mod latch;
mod readings;
pub mod switch;
mod verdict;

use std::path::PathBuf;
use std::sync::Arc;

use llmos_engine::units::Timestamp;
use llmos_proto::status::{Component, FreezeCause, Health};

use crate::config::Config;
pub use judge::{Clocks, Finding, Judge, Readings};
pub use switch::{Frozen, Switch};
pub use verdict::{Cause, Stops, Verdict};

/// Name of the component in the status.
const COMPONENT: &str = "freeze";

/// Looks at the switch and at the node, and says what may not be written.
#[derive(Debug)]
pub struct Freeze {
    switch: Arc<Switch>,
    state_dir: PathBuf,
    judge: Judge,
    frozen: Option<Frozen>,
    found: Vec<Finding>,
    verdict: Verdict,
}

impl Freeze {
    /// Nothing is frozen before the first tick.
    #[must_use]
    pub fn new(config: &Config, switch: Arc<Switch>) -> Self {
        Self {
            switch,
            state_dir: config.state_dir.clone(),
            judge: Judge::new(config.freeze.clone()),
            frozen: None,
            found: Vec::new(),
            verdict: Verdict::default(),
        }
    }

    /// The switch, for who throws it.
    #[must_use]
    pub fn switch(&self) -> &Arc<Switch> {
        &self.switch
    }

    /// Looks at everything. `lost` is what the kernel side has lost so far, if there is one. What
    /// changed is logged.
    pub fn tick(&mut self, now: Timestamp, lost: Option<u64>) -> &Verdict {
        let readings = readings::read(&self.state_dir, lost);
        let found = self.judge.tick(now, &readings);
        for new in &found {
            let before = self.found.iter().find(|old| old.cause == new.cause);
            let was = before.is_some_and(|old| old.active);
            let (cause, stops) = (new.cause.name(), new.cause.stops().words());
            match (was, new.active) {
                (false, true) => tracing::warn!(cause, "{stops}: {}", new.text),
                (true, false) => tracing::info!(cause, "over: {}", new.text),
                _ => {}
            }
        }
        self.found = found;
        let active = self.found.iter().filter(|found| found.active);
        self.verdict = Verdict::new(None, active.map(|found| found.cause));
        self.look_at_switch()
    }

    /// Looks at the switch alone, before a write between two ticks.
    pub fn look_at_switch(&mut self) -> &Verdict {
        let frozen = self.switch.frozen();
        let cause = |frozen: &Option<Frozen>| frozen.as_ref().map(|frozen| frozen.cause.clone());
        let (before, after) = (cause(&self.frozen), cause(&frozen));
        if before != after {
            let file = self.switch.file().display();
            match &after {
                Some(cause) => tracing::warn!(cause, %file, "frozen: no limit is written"),
                None => tracing::info!(%file, "not frozen any more"),
            }
        }
        self.frozen = frozen;
        self.verdict = self.verdict.with_switch(after);
        &self.verdict
    }

    /// Each cause as the status shows it.
    #[must_use]
    pub fn shown(&self) -> Vec<FreezeCause> {
        let shown = |cause: Cause, active, state, text| FreezeCause {
            name: cause.name().to_owned(),
            active,
            stops: cause.stops().name().to_owned(),
            state,
            cause: text,
        };
        let switch = match &self.frozen {
            Some(frozen) => with_doubt(frozen),
            None => format!("{} is not there", self.switch.file().display()),
        };
        let on = self.frozen.is_some();
        let mut all = vec![shown(Cause::Switch, on, Health::Healthy, switch)];
        let found = self.found.iter();
        all.extend(found.map(|f| shown(f.cause, f.active, f.state, f.text.clone())));
        all
    }

    /// Name of the sched_ext scheduler that runs, in words.
    #[must_use]
    pub fn sched_ext(&self) -> Option<&str> {
        let found = self.found.iter().find(|f| f.cause == Cause::SchedExt)?;
        found.active.then_some(found.text.as_str())
    }

    /// How it is, for the status: degraded while something is not written, or cannot be looked at.
    #[must_use]
    pub fn component(&self) -> Component {
        let mut words = Vec::new();
        if let Some(frozen) = &self.frozen {
            words.push(format!("{}: {}", Stops::All.words(), with_doubt(frozen)));
        }
        for found in self.found.iter().filter(|found| found.active) {
            words.push(format!("{}: {}", found.cause.stops().words(), found.text));
        }
        if words.is_empty() {
            words.push("not frozen".to_owned());
        }
        let blind = self
            .found
            .iter()
            .filter(|found| found.state == Health::Unsupported);
        words.extend(blind.map(|f| format!("{} is unsupported: {}", f.cause.name(), f.text)));
        let is_well = words.len() == 1 && words.first().is_some_and(|w| w == "not frozen");
        Component {
            name: COMPONENT.to_owned(),
            state: if is_well {
                Health::Healthy
            } else {
                Health::Degraded
            },
            cause: words.join("; "),
        }
    }
}

fn with_doubt(frozen: &Frozen) -> String {
    match &frozen.not_kept {
        Some(why) => format!("{} (may end with the agent: {why})", frozen.cause),
        None => frozen.cause.clone(),
    }
}
