//! Writes the limits of opted-in workloads. Exists in mode `enforce` only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use llmos_cgroupfs::{CgroupRef, JournalError, LimitWriter, SetError, Unwritable};
use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::sample::Limits;
use llmos_engine::units::{CgroupId, Timestamp};

use super::guard::{Guard, Trouble};
use super::hierarchy::Hierarchy;
use super::lease::Lease;
use super::log_report;
use super::order::order;
use super::outcome::Outcome;
use super::units::Units;
use crate::freeze::Verdict;

/// A workload that was not seen for this many ticks is gone or is no workload any more.
const MISSED_TICKS: u64 = 3;
/// Why a workload waits whose unit has not got its own limits back yet.
const STALE: &str = "systemd takes back what an earlier cgroup of this unit had";

/// The state between ticks.
#[derive(Debug)]
pub(super) struct Enforcer {
    writer: LimitWriter,
    hierarchy: Hierarchy,
    freeze: Verdict,
    lease: Lease,
    units: Units,
    workloads: BTreeMap<u64, Workload>,
    tick: (Timestamp, u64),
    /// Changes by somebody else since the start.
    drifts: u64,
}

#[derive(Debug, Default)]
struct Workload {
    seen: u64,
    guards: BTreeMap<Knob, Guard>,
}

impl Enforcer {
    /// `root` is the root of the cgroup hierarchy.
    pub(super) fn new(
        writer: LimitWriter,
        root: PathBuf,
        state_dir: PathBuf,
        units: Units,
    ) -> Self {
        Self {
            writer,
            hierarchy: Hierarchy::new(root),
            freeze: Verdict::default(),
            units,
            lease: Lease::new(state_dir),
            workloads: BTreeMap::new(),
            tick: (Timestamp(0), 0),
            drifts: 0,
        }
    }

    /// Renews the lease; after a takeover nothing of what was written before is known any more.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.hierarchy.look(now);
        if self.lease.tick(&mut self.writer) {
            self.workloads.clear();
            self.units.clear();
        }
        let still = self.is_still();
        self.units.tick(now, &mut self.writer, still);
        self.begin(now);
    }

    /// What must not be written from now on.
    pub(super) fn obey(&mut self, verdict: &Verdict) {
        self.freeze.clone_from(verdict);
    }

    /// Whether the hierarchy can be written.
    pub(super) fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// May nothing be lowered, or nothing be written at all? Then systemd is told nothing, and what it
    /// has put back stays, which may be more than what is held.
    fn is_still(&self) -> bool {
        self.refusal(Knob::MemoryMax, Action::Lower).is_some()
    }

    /// Why such a change is not written now, whatever the workload.
    pub(super) fn refusal(&self, knob: Knob, action: Action) -> Option<Outcome> {
        let frozen = self.freeze.refuses(knob, action);
        let closed = || match self.hierarchy.closed()? {
            Unwritable::Missing => Some("the cgroup v2 hierarchy is not there"),
            Unwritable::ReadOnly => Some("the cgroup v2 hierarchy is read-only"),
        };
        frozen
            .map(|why| Outcome::Frozen(why.to_owned()))
            .or_else(|| closed().map(Outcome::Waiting))
    }

    /// What systemd is told of the limits in force.
    pub(super) fn units(&self) -> &Units {
        &self.units
    }

    /// Number of systemd's units that have properties of ours.
    pub(super) fn units_held(&self) -> usize {
        self.writer.units().count()
    }

    /// The lease on the limits in force.
    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Applies the decisions for one workload; an outcome for each, in their order.
    pub(super) fn apply(
        &mut self,
        now: Timestamp,
        cgroup: CgroupRef<'_>,
        limits: &Limits,
        decisions: &[Decision],
    ) -> Vec<Outcome> {
        self.begin(now);
        let mut workload = self.workloads.remove(&cgroup.id).unwrap_or_default();
        workload.seen = self.tick.1;
        if self.units.is_stale(cgroup) {
            self.units.wait(cgroup);
            self.workloads.insert(cgroup.id, workload);
            return vec![Outcome::Waiting(STALE); decisions.len()];
        }
        let found = |knob| in_force(limits, knob);
        let mended = !self.is_still() && self.units.mend(&mut self.writer, cgroup, found);
        let mut outcomes = vec![Outcome::Held; decisions.len()];
        let (mut high_is_down, mut burst_is_down) = (true, true);
        for at in order(decisions) {
            let decision = &decisions[at];
            let guard = workload.guards.entry(decision.knob).or_default();
            if !mended {
                self.note_drift(now, cgroup, decision.knob, limits, guard);
            }
            let falls = decision.action == Action::Lower;
            outcomes[at] = match decision.knob {
                Knob::MemoryMax if falls && !high_is_down => {
                    Outcome::Waiting("memory.high could not be lowered first")
                }
                Knob::CpuMax if falls && !burst_is_down => {
                    Outcome::Waiting("cpu.max.burst could not be lowered first")
                }
                _ => self.one(now, cgroup, decision, guard),
            };
            let done = matches!(
                outcomes[at],
                Outcome::Applied | Outcome::Held | Outcome::Frozen(_) | Outcome::Gone
            );
            match decision.knob {
                Knob::MemoryHigh => high_is_down = done,
                Knob::CpuBurst if falls => burst_is_down = done,
                _ => {}
            }
        }
        if !outcomes.contains(&Outcome::Gone) {
            let calm = workload.guards.values().all(|g| g.wait(now).is_none());
            self.units.hold(&self.writer, cgroup, calm);
            self.workloads.insert(cgroup.id, workload);
        }
        outcomes
    }

    /// Applies one decision between two ticks. A workload that no tick has applied anything to yet
    /// waits for it.
    pub(super) fn at_once(
        &mut self,
        now: Timestamp,
        cgroup: CgroupRef<'_>,
        decision: &Decision,
    ) -> Outcome {
        if self.units.is_stale(cgroup) {
            return Outcome::Waiting(STALE);
        }
        let Some(mut workload) = self.workloads.remove(&cgroup.id) else {
            return Outcome::Waiting("the tick comes first");
        };
        let guard = workload.guards.entry(decision.knob).or_default();
        let outcome = self.one(now, cgroup, decision, guard);
        if outcome != Outcome::Gone {
            self.workloads.insert(cgroup.id, workload);
        }
        outcome
    }

    /// A workload that is not opted in (any more) gets its originals back.
    pub(super) fn release(&mut self, now: Timestamp, id: CgroupId) {
        self.begin(now);
        if self.hierarchy.closed().is_some() {
            return;
        }
        self.workloads.remove(&id.0);
        if self.writer.holds(id.0) {
            self.restore(id.0, "no longer opted in");
        }
    }

    /// Puts everything back.
    pub(super) fn stop(&mut self) {
        self.workloads.clear();
        self.units.stop();
        self.lease.stop(&mut self.writer);
        match self.writer.restore_all() {
            Ok(report) => log_report("limits restored at stop", &report),
            Err(error) => tracing::error!(%error, "limits may not be restored"),
        }
    }

    /// Number of files that hold a limit of ours.
    pub(super) fn held(&self) -> usize {
        self.writer.held()
    }

    /// Changes by somebody else since the start.
    pub(super) fn drifts(&self) -> u64 {
        self.drifts
    }

    /// Files in trouble at the last tick: changed by others, and not writable.
    pub(super) fn troubles(&self) -> (usize, usize) {
        let guards = self
            .workloads
            .values()
            .flat_map(|workload| workload.guards.values());
        let troubles: Vec<_> = guards
            .filter_map(|guard| guard.trouble(self.tick.0))
            .collect();
        let foreign = troubles
            .iter()
            .filter(|trouble| **trouble == Trouble::Foreign)
            .count();
        (foreign, troubles.len() - foreign)
    }

    /// At the first call of a tick: forgets what has not been seen for a while.
    fn begin(&mut self, now: Timestamp) {
        if now == self.tick.0 {
            return;
        }
        // Without the hierarchy nobody has left, and nothing can be put back.
        let is_there = self.hierarchy.closed().is_none();
        self.tick = (now, self.tick.1 + u64::from(is_there));
        let oldest = self.tick.1.saturating_sub(MISSED_TICKS);
        let missing: Vec<u64> = self
            .workloads
            .iter()
            .filter(|(_, w)| w.seen < oldest)
            .map(|(id, _)| *id)
            .collect();
        for id in missing {
            self.workloads.remove(&id);
            self.restore(id, "workload left");
        }
    }

    fn restore(&mut self, id: u64, why: &str) {
        self.units.leave(id);
        match self.writer.restore_cgroup(id) {
            Ok(report) => log_report(why, &report),
            Err(error) => tracing::error!(%error, cgroup_id = id, "limits may not be restored"),
        }
    }

    fn note_drift(
        &mut self,
        now: Timestamp,
        cgroup: CgroupRef<'_>,
        knob: Knob,
        limits: &Limits,
        guard: &mut Guard,
    ) {
        let Some(value) = in_force(limits, knob) else {
            return;
        };
        // A takeover is nobody else's change.
        let foreign = self.writer.is_foreign(cgroup.id, knob, value) && !self.writer.is_fenced();
        if guard.observe_foreign(now, foreign) {
            self.drifts += 1;
            let ours = self.writer.last_written(cgroup.id, knob);
            tracing::warn!(
                cgroup = cgroup.path,
                file = knob.file(),
                ?ours,
                found = value,
                "somebody else changed a limit"
            );
        }
    }

    fn one(
        &mut self,
        now: Timestamp,
        cgroup: CgroupRef<'_>,
        decision: &Decision,
        guard: &mut Guard,
    ) -> Outcome {
        if decision.action == Action::Hold {
            return Outcome::Held;
        }
        if let Some(refusal) = self.refusal(decision.knob, decision.action) {
            return refusal;
        }
        match guard.wait(now) {
            Some(Trouble::Foreign) => return Outcome::Waiting("somebody else changed it"),
            Some(Trouble::Failed) => return Outcome::Waiting("the last write failed"),
            None => {}
        }
        match self.writer.set(cgroup, decision.knob, decision.to) {
            Ok(report) => {
                guard.written();
                if report.written {
                    Outcome::Applied
                } else {
                    Outcome::Held
                }
            }
            Err(SetError::Gone(_)) => {
                // Drops its records; there is nothing left to restore.
                self.restore(cgroup.id, "cgroup gone");
                Outcome::Gone
            }
            // The next tick begins anew.
            Err(SetError::Fenced(_)) => Outcome::Waiting("the limits were taken over"),
            // Use changes by the moment, so the next tick may try again.
            Err(error @ SetError::WouldKill { .. }) => Outcome::Failed(error.to_string()),
            Err(error) => {
                guard.failed(now);
                if !self.hierarchy.has_told(now, &error) {
                    tracing::warn!(%error, cgroup = cgroup.path, "a limit could not be set");
                }
                Outcome::Failed(error.to_string())
            }
        }
    }
}

/// The limit in force, in the knob's unit; infinite for `max`.
fn in_force(limits: &Limits, knob: Knob) -> Option<f64> {
    let bytes = |limit: Option<llmos_engine::units::Bytes>| {
        limit.map(|bytes| {
            if bytes.0 == u64::MAX {
                f64::INFINITY
            } else {
                bytes.0 as f64
            }
        })
    };
    match knob {
        Knob::CpuMax => limits.cpu.map(|cores| cores.0),
        Knob::CpuBurst => limits.cpu_burst_us.map(|us| us as f64),
        Knob::CpuWeight => limits.cpu_weight.map(|weight| weight as f64),
        Knob::MemoryHigh => bytes(limits.memory_high),
        Knob::MemoryMax => bytes(limits.memory_max),
    }
}

/// The journal's error as the agent's exit code (`sysexits.h`).
pub(super) fn exit_code(error: &JournalError) -> u8 {
    match error {
        JournalError::InUse { .. } | JournalError::Fenced { .. } => 75,
        JournalError::Version { .. } => 65,
        JournalError::Io { .. } => 74,
    }
}
