//! Turns decisions into writes: only in mode `enforce`, only for opted-in workloads, and undone
//! when the agent stops, when a workload is no longer opted in, after a crash, and by a watchdog when
//! the agent does not answer. With others who change the same limits there is a truce (`truce`,
//! `guard`, `foreign`).
//!
//! Invariant: in mode `observe` there is no writer. What an earlier run left behind is restored in
//! every mode.

mod enforce;
mod foreign;
#[cfg(test)]
mod frozen_tests;
mod guard;
mod hierarchy;
mod lease;
mod order;
mod others;
mod outcome;
#[cfg(test)]
mod tests;
mod truce;
mod units;

use llmos_cgroupfs::{
    CgroupRef, Controllers, Journal, JournalError, LimitWriter, RestoreReport, Root, WritePermit,
    restore_all_on,
};
use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::policy::Policy;
use llmos_engine::sample::Limits;
use llmos_engine::units::{CgroupId, Timestamp};
use llmos_proto::status::{Component, Health};

use crate::config::Config;
use crate::freeze::Verdict;
use enforce::Enforcer;
pub use foreign::Class;
pub use outcome::Outcome;
use units::{Units, Which};

/// Name of the component in the status.
const COMPONENT: &str = "limits";

/// The journal cannot be used, so nothing may be written.
#[derive(Debug, thiserror::Error)]
#[error("limits cannot be written safely: {0}")]
pub struct ApplyError(#[from] JournalError);

impl ApplyError {
    /// Exit code by `sysexits.h`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        enforce::exit_code(&self.0)
    }
}

/// Applies decisions, or only says that it would.
#[derive(Debug)]
pub struct Applier {
    /// `None` in mode `observe`.
    enforcer: Option<Enforcer>,
    controllers: Controllers,
    /// Which actuator a cgroup has.
    which: Which,
    /// What became of an earlier run's limits, when that is worth telling.
    leftovers: Option<String>,
}

impl Applier {
    /// Restores what an earlier run left behind, and in mode `enforce` makes the writer.
    ///
    /// # Errors
    /// In mode `enforce`, when the journal cannot be used. In mode `observe` that is a degraded
    /// state.
    pub fn start(config: &Config, root: &Root) -> Result<Self, ApplyError> {
        let which = Which::of_this_machine(config.enforce.systemd, root);
        Self::start_with(config, root, which)
    }

    fn start_with(config: &Config, root: &Root, which: Which) -> Result<Self, ApplyError> {
        let controllers = root.controllers();
        let Some(permit) = WritePermit::of(config.mode) else {
            let leftovers = match restore_all_on(&config.state_dir, root.path(), which.host()) {
                Ok(report) => told(&report),
                Err(error) => {
                    tracing::warn!(%error, "limits of an earlier run cannot be restored");
                    Some(format!(
                        "limits of an earlier run cannot be restored: {error}"
                    ))
                }
            };
            return Ok(Self {
                enforcer: None,
                controllers,
                which,
                leftovers,
            });
        };
        let mut journal = Journal::open(&config.state_dir)?;
        journal.set_lease(config.enforce.lease);
        journal.set_host(which.host().clone());
        let mut report = journal.restore_all(root.path())?;
        report.damage = journal.damage().to_vec();
        let leftovers = told(&report);
        let writer = LimitWriter::new(permit, root.path().to_owned(), journal);
        let (root, state_dir) = (root.path().to_owned(), config.state_dir.clone());
        let units = Units::new(which.clone(), root.clone());
        Ok(Self {
            enforcer: Some(Enforcer::new(writer, root, state_dir, units)),
            controllers,
            which,
            leftovers,
        })
    }

    /// Renews the lease on the limits in force. To be called first of all at each tick, so that the
    /// tick sees limits as they are after a takeover.
    pub fn tick(&mut self, now: Timestamp) {
        if let Some(enforcer) = &mut self.enforcer {
            enforcer.tick(now);
        }
    }

    /// From now on nothing is written that `verdict` refuses. What is restored is not refused.
    pub fn obey(&mut self, verdict: &Verdict) {
        if let Some(enforcer) = &mut self.enforcer {
            enforcer.obey(verdict);
        }
    }

    /// Would a raise of this limit be written now, whatever the workload?
    #[must_use]
    pub fn may_raise(&self, knob: Knob) -> bool {
        let enforcer = self.enforcer.as_ref();
        enforcer.is_some_and(|enforcer| enforcer.refusal(knob, Action::Raise).is_none())
    }

    /// Applies the decisions for one workload at one tick; an outcome for each, in their order.
    /// `managed` is the policy of one that a rule opts in, `limits` are those in force before.
    pub fn apply(
        &mut self,
        now: Timestamp,
        path: &str,
        managed: Option<&Policy>,
        limits: &Limits,
        decisions: &[Decision],
    ) -> Vec<Outcome> {
        let Some(first) = decisions.first() else {
            return Vec::new();
        };
        match (&mut self.enforcer, managed) {
            (Some(enforcer), Some(policy)) => {
                let cgroup = CgroupRef {
                    path,
                    id: first.workload.0,
                };
                enforcer.apply(now, cgroup, policy, limits, decisions)
            }
            (Some(enforcer), None) => {
                enforcer.release(now, first.workload);
                decisions.iter().map(not_written).collect()
            }
            (None, _) => decisions.iter().map(not_written).collect(),
        }
    }

    /// Applies one decision of the fast path, between two ticks, for a workload that a rule opts in.
    pub fn at_once(&mut self, now: Timestamp, path: &str, decision: &Decision) -> Outcome {
        let cgroup = CgroupRef {
            path,
            id: decision.workload.0,
        };
        match &mut self.enforcer {
            Some(enforcer) => enforcer.at_once(now, cgroup, decision),
            None => Outcome::Observed,
        }
    }

    /// Takes in that a limit file of ours may have been changed. Costs one read if it was not.
    pub fn look(&mut self, now: Timestamp, id: CgroupId, knob: Knob) {
        if let Some(enforcer) = &mut self.enforcer {
            enforcer.look(now, id, knob);
        }
    }

    /// Restores the originals of all limits. Does nothing in mode `observe`.
    pub fn stop(&mut self) {
        if let Some(enforcer) = &mut self.enforcer {
            enforcer.stop();
        }
    }

    /// Number of limit files that hold a value of ours.
    #[must_use]
    pub fn held(&self) -> usize {
        self.enforcer.as_ref().map_or(0, Enforcer::held)
    }

    /// How it is, for the status.
    #[must_use]
    pub fn component(&self) -> Component {
        let (state, mut cause) = self.state();
        let history = self.enforcer.as_ref().and_then(|e| e.lease().history());
        for past in [history.as_ref(), self.leftovers.as_ref()]
            .into_iter()
            .flatten()
        {
            cause = format!("{cause}; {past}");
        }
        Component {
            name: COMPONENT.to_owned(),
            state,
            cause,
        }
    }

    /// Whether a watchdog runs; nothing in mode `observe`, which needs none.
    #[must_use]
    pub fn watchdog(&self) -> Option<Component> {
        let enforcer = self.enforcer.as_ref()?;
        Some(enforcer.lease().watchdog())
    }

    /// How the actuator of systemd's units is; nothing in mode `observe`, which needs none.
    #[must_use]
    pub fn systemd(&self) -> Option<Component> {
        let enforcer = self.enforcer.as_ref()?;
        Some(enforcer.units().component(enforcer.units_held()))
    }

    /// What limits of this cgroup are, or would be, set by: `systemd` for its units, where a
    /// direct write is followed by a call that makes it last, else `cgroupfs`.
    #[must_use]
    pub fn actuator(&self, path: &str) -> &'static str {
        match &self.enforcer {
            Some(enforcer) => enforcer.units().actuator(path),
            None => self.which.actuator(path),
        }
    }

    fn state(&self) -> (Health, String) {
        let Some(enforcer) = &self.enforcer else {
            return (Health::Off, "mode observe: no limit is written".to_owned());
        };
        if let Some(trouble) = enforcer.lease().in_trouble() {
            return (Health::Degraded, trouble.to_owned());
        }
        let missing = match (self.controllers.cpu, self.controllers.memory) {
            (true, true) => None,
            (false, false) => Some("cpu and memory controllers"),
            (false, true) => Some("cpu controller"),
            (true, false) => Some("memory controller"),
        };
        let held = enforcer.held();
        if let Some(trouble) = enforcer.hierarchy().trouble() {
            let cause = format!("{held} limits in force; {trouble}");
            return (Health::Degraded, cause);
        }
        if let Some(missing) = missing {
            let state = if held == 0 {
                Health::Unsupported
            } else {
                Health::Degraded
            };
            let cause = format!("the cgroup v2 hierarchy offers no {missing}");
            return (state, cause);
        }
        let (foreign, failed) = enforcer.troubles();
        let left = others::left(enforcer);
        let mut cause = format!("{held} limits in force");
        if foreign + failed > 0 {
            cause = format!(
                "{cause}, {foreign} changed by somebody else, {failed} could not be written"
            );
        }
        if !left.words.is_empty() {
            cause = format!("{cause}; left to others: {}", left.words);
        }
        let state = if foreign + failed > 0 || left.after_quarrel {
            Health::Degraded
        } else {
            Health::Healthy
        };
        (state, cause)
    }
}

fn not_written(decision: &Decision) -> Outcome {
    if decision.action == Action::Hold {
        Outcome::Held
    } else {
        Outcome::Observed
    }
}

/// Logs what became of an earlier run's limits; the line for the status if there were any.
fn told(report: &RestoreReport) -> Option<String> {
    if report.is_empty() {
        return None;
    }
    log_report("limits of an earlier run", report);
    let fenced = match &report.fenced {
        Some(pid) => format!("; process {pid} still holds the journal and is fenced off"),
        None => String::new(),
    };
    Some(format!("limits of an earlier run: {report}{fenced}"))
}

/// Logs a restore: one line, and one for each file that is not as it was.
fn log_report(why: &str, report: &RestoreReport) {
    if report.is_empty() {
        return;
    }
    tracing::info!("{why}: {report}");
    for (path, reason) in &report.failed {
        tracing::warn!("{}: {reason}", path.display());
    }
    for damage in &report.damage {
        tracing::warn!("{damage}");
    }
    for note in &report.notes {
        tracing::info!("{note}");
    }
}
