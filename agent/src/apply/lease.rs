//! The lease on the limits in force: renewed each tick, and begun anew after others ended it.

use std::path::PathBuf;
use std::time::Duration;

use llmos_cgroupfs::{JournalError, LimitWriter, watchdog};
use llmos_proto::status::{Component, Health};

use super::log_report;
use crate::host::facts;

/// Ticks between two looks for a watchdog.
const LOOK_EVERY: u64 = 5;
/// Ticks between two looks at where it runs; a multiple of those.
const HOUSE_EVERY: u64 = 60;
/// How long the loop may stand still for one who is just restoring; else the next tick tries again.
const WAIT_AT_TICK: Duration = Duration::from_millis(50);
/// The same at the stop, where nothing else waits.
const WAIT_AT_STOP: Duration = Duration::from_secs(5);
/// Name of the watchdog in the status.
const WATCHDOG: &str = "watchdog";

/// What the agent knows of its lease.
#[derive(Debug)]
pub(super) struct Lease {
    state_dir: PathBuf,
    ticks: u64,
    /// Times that the limits were taken over, and by whom at last.
    taken: (u64, String),
    /// Why nothing may be written now.
    trouble: Option<String>,
    watchdog: Result<Option<String>, String>,
    /// The watchdog whose cgroup was looked up, and that cgroup.
    housed: Option<(String, Option<String>)>,
}

impl Lease {
    pub(super) fn new(state_dir: PathBuf) -> Self {
        let mut lease = Self {
            watchdog: find(&state_dir),
            state_dir,
            ticks: 0,
            taken: (0, String::new()),
            trouble: None,
            housed: None,
        };
        lease.house();
        lease
    }

    /// Renews the lease. True when the limits were taken over, and all that was known of earlier
    /// writes counts no more.
    pub(super) fn tick(&mut self, writer: &mut LimitWriter) -> bool {
        self.ticks += 1;
        if self.ticks.is_multiple_of(LOOK_EVERY) {
            self.watchdog = find(&self.state_dir);
            self.house();
        }
        match writer.renew() {
            Ok(()) => {
                self.trouble = None;
                false
            }
            Err(JournalError::Fenced { by, .. }) => {
                self.begin_anew(writer, by, WAIT_AT_TICK);
                true
            }
            Err(error) => {
                self.trouble(format!("the lease cannot be renewed: {error}"));
                false
            }
        }
    }

    /// Looks up the cgroup of another watchdog than before, and now and then of the same one.
    fn house(&mut self) {
        let Ok(Some(pid)) = &self.watchdog else {
            self.housed = None;
            return;
        };
        let known = self.housed.as_ref().is_some_and(|(of, _)| of == pid);
        if !known || self.ticks.is_multiple_of(HOUSE_EVERY) {
            self.housed = Some((pid.clone(), facts::cgroup_of(pid)));
        }
    }

    /// The cgroup in which the watchdog runs.
    pub(super) fn watchdog_cgroup(&self) -> Option<&str> {
        self.housed.as_ref()?.1.as_deref()
    }

    /// Before the last restore: takes in that the limits were taken over.
    pub(super) fn stop(&mut self, writer: &mut LimitWriter) {
        if let Err(JournalError::Fenced { by, .. }) = writer.renew() {
            self.begin_anew(writer, by, WAIT_AT_STOP);
        }
    }

    fn begin_anew(&mut self, writer: &mut LimitWriter, by: String, wait: Duration) {
        match writer.reopen(wait) {
            Ok(report) => {
                tracing::warn!(
                    by,
                    "the lease had run out and the limits were put back; begun anew"
                );
                log_report("limits still in the journal", &report);
                self.taken = (self.taken.0 + 1, by);
                self.trouble = None;
            }
            Err(error) => self.trouble(format!(
                "the limits were put back by process {by}, and nothing is written until the \
                 journal is open again: {error}"
            )),
        }
    }

    fn trouble(&mut self, what: String) {
        if self.trouble.as_ref() != Some(&what) {
            tracing::error!("{what}");
            self.trouble = Some(what);
        }
    }

    /// Why nothing may be written now, if so.
    pub(super) fn in_trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What happened to the limits since the start, if anything.
    pub(super) fn history(&self) -> Option<String> {
        let (times, by) = &self.taken;
        (*times > 0).then(|| {
            format!(
                "put back by process {by} because the lease had run out, then begun anew ({times} \
                 in all)"
            )
        })
    }

    /// Whether a watchdog runs, for the status.
    pub(super) fn watchdog(&self) -> Component {
        let (state, cause) = match &self.watchdog {
            Ok(Some(pid)) => (
                Health::Healthy,
                format!("process {pid} puts limits back when the agent does not answer"),
            ),
            Ok(None) => (
                Health::Degraded,
                "no llmos-watchdog runs: if the agent hangs or is killed, limits stay until it \
                 starts again or llmosctl restore is run"
                    .to_owned(),
            ),
            Err(error) => (
                Health::Degraded,
                format!("cannot tell whether llmos-watchdog runs: {error}"),
            ),
        };
        Component {
            name: WATCHDOG.to_owned(),
            state,
            cause,
        }
    }
}

fn find(state_dir: &std::path::Path) -> Result<Option<String>, String> {
    watchdog(state_dir).map_err(|error| error.to_string())
}
