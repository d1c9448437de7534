//! Writes the limits of opted-in workloads. Exists in mode `enforce` only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use llmos_cgroupfs::{CgroupRef, JournalError, LimitWriter, Look, SetError, Unwritable};
use llmos_engine::decide::{Action, Decision, Knob};
use llmos_engine::policy::Policy;
use llmos_engine::sample::Limits;
use llmos_engine::units::{CgroupId, Timestamp};

use super::foreign::Class;
use super::guard::{Guard, HandedOver, Trouble};
use super::hierarchy::Hierarchy;
use super::lease::Lease;
use super::log_report;
use super::order::order;
use super::outcome::Outcome;
use super::truce::{LimitFile, Terms, Truce};
use super::units::Units;
use crate::freeze::Verdict;

/// A workload that was not seen for this many ticks is gone or is no workload any more.
const MISSED_TICKS: u64 = 3;
/// Why a workload waits whose unit has not got its own limits back yet.
const STALE: &str = "systemd takes back what an earlier cgroup of this unit had";
/// What a write waits for that is not made.
const LEFT_TO_OTHERS: &str = "left to somebody else who changes it";

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
    truce: Truce,
}

#[derive(Debug)]
struct Workload {
    path: String,
    terms: Terms,
    seen: u64,
    /// Has a tick applied something since the last takeover?
    ticked: bool,
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
            truce: Truce::default(),
        }
    }

    /// Renews the lease; after a takeover nothing of what was written before is known any more.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.hierarchy.look(now);
        if self.lease.tick(&mut self.writer) {
            self.truce.begin_anew();
            for workload in self.workloads.values_mut() {
                workload.ticked = false;
                workload.guards.values_mut().for_each(Guard::begin_anew);
            }
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
        policy: &Policy,
        limits: &Limits,
        decisions: &[Decision],
    ) -> Vec<Outcome> {
        self.begin(now);
        let known = self.workloads.remove(&cgroup.id);
        let mut workload = Workload {
            terms: Terms::of(policy),
            seen: self.tick.1,
            ticked: true,
            ..known.unwrap_or_else(|| Workload::new(cgroup.path, policy))
        };
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
            if !mended {
                self.note_drift(now, cgroup.id, decision.knob, limits, &mut workload);
            }
            let falls = decision.action == Action::Lower;
            outcomes[at] = match decision.knob {
                Knob::MemoryMax if falls && !high_is_down => {
                    Outcome::Waiting("memory.high could not be lowered first")
                }
                Knob::CpuMax if falls && !burst_is_down => {
                    Outcome::Waiting("cpu.max.burst could not be lowered first")
                }
                _ => self.one(now, cgroup, decision, &mut workload),
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
        let ticked = self.workloads.get(&cgroup.id).is_some_and(|w| w.ticked);
        let Some(mut workload) = self.workloads.remove(&cgroup.id).filter(|_| ticked) else {
            return Outcome::Waiting("the tick comes first");
        };
        let guard = workload.guards.get(&decision.knob);
        if guard.is_some_and(|guard| guard.theirs().is_some()) {
            // They may have set yet another value, which is to be waited for as well.
            self.look_at(now, cgroup.id, decision.knob, &mut workload);
        }
        let outcome = self.one(now, cgroup, decision, &mut workload);
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
        self.truce.forget(id.0, None);
        // Also where all that was held is left to others: opted in again, it begins anew.
        if self.workloads.remove(&id.0).is_some() || self.writer.holds(id.0) {
            self.restore(id.0, "no longer opted in");
        }
    }

    /// Puts everything back.
    pub(super) fn stop(&mut self) {
        self.workloads.clear();
        self.units.stop(self.tick.0, &mut self.writer);
        self.lease.stop(&mut self.writer);
        match self.writer.restore_all() {
            Ok(report) => log_report("limits restored at stop", &report),
            Err(error) => tracing::error!(%error, "limits may not be restored"),
        }
    }

    /// When the last tick was.
    pub(super) fn now(&self) -> Timestamp {
        self.tick.0
    }

    /// Number of files that hold a limit of ours.
    pub(super) fn held(&self) -> usize {
        self.writer.held()
    }

    /// Takes in that a file may have been changed: looks at once, and writes nothing.
    pub(super) fn look(&mut self, now: Timestamp, id: CgroupId, knob: Knob) {
        if let Some(mut workload) = self.workloads.remove(&id.0) {
            self.look_at(now, id.0, knob, &mut workload);
            self.workloads.insert(id.0, workload);
        }
    }

    /// The writer, to ask what it holds.
    pub(super) fn writer(&self) -> &LimitWriter {
        &self.writer
    }

    /// Changes by somebody else since the start.
    pub(super) fn truce(&self) -> &Truce {
        &self.truce
    }

    /// Files that are left to somebody else: path of the cgroup, which file, since when, and for how
    /// many seconds.
    pub(super) fn handed_over(&self) -> impl Iterator<Item = (&str, Knob, HandedOver, f64)> {
        self.workloads.values().flat_map(|workload| {
            let guards = workload.guards.iter();
            guards.filter_map(move |(knob, guard)| {
                let handed = guard.handed_over()?;
                Some((&*workload.path, *knob, handed, workload.terms.hand_over_s))
            })
        })
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

    /// At the first call of a tick: forgets what has not been seen for a while, and hands over what
    /// others insist on.
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
        self.settle(now);
    }

    /// Takes in who changed what, now that it is known.
    fn settle(&mut self, now: Timestamp) {
        for (change, class) in self.truce.decided(now) {
            let workload = self.workloads.get_mut(&change.cgroup);
            let guard = workload.and_then(|w| w.guards.get_mut(&change.knob));
            if let Some(guard) = guard
                && guard.decided(change.at, class)
            {
                self.truce.quarrel(change.cgroup, change.knob);
            }
        }
        for (id, knob) in self.truce.due() {
            let Some(workload) = self.workloads.get_mut(&id) else {
                self.truce.forget(id, None);
                continue;
            };
            let path = &workload.path;
            let file = LimitFile { id, path, knob };
            let guard = workload.guards.entry(knob).or_default();
            self.truce.hand_over(now, file, guard, &mut self.writer);
        }
    }

    fn restore(&mut self, id: u64, why: &str) {
        self.units.leave(id);
        match self.writer.restore_cgroup(id) {
            Ok(report) => log_report(why, &report),
            Err(error) => tracing::error!(%error, cgroup_id = id, "limits may not be restored"),
        }
    }

    /// Compares what the walk has read with what was written last. What looks like a change is looked
    /// at again: the walk may be older than a write of ours.
    fn note_drift(
        &mut self,
        now: Timestamp,
        id: u64,
        knob: Knob,
        limits: &Limits,
        workload: &mut Workload,
    ) {
        let Some(value) = in_force(limits, knob) else {
            return;
        };
        let known = workload.guards.get(&knob).and_then(Guard::theirs);
        if known.is_some() || self.writer.is_foreign(id, knob, value) {
            self.look_at(now, id, knob, workload);
        }
    }

    fn look_at(&mut self, now: Timestamp, id: u64, knob: Knob, workload: &mut Workload) {
        match self.writer.look(id, knob) {
            Ok(Some(look)) => self.saw(now, id, knob, look, workload),
            Ok(None) => {}
            // Gone, or just being written; the next tick sees.
            Err(error) => tracing::debug!(%error, "a limit cannot be looked at"),
        }
    }

    fn saw(&mut self, now: Timestamp, id: u64, knob: Knob, look: Look, workload: &mut Workload) {
        let path = &workload.path;
        let file = LimitFile { id, path, knob };
        let guard = workload.guards.entry(knob).or_default();
        let state = (guard, workload.terms);
        self.truce.saw(now, file, look, state, &mut self.writer);
    }

    fn one(
        &mut self,
        now: Timestamp,
        cgroup: CgroupRef<'_>,
        decision: &Decision,
        workload: &mut Workload,
    ) -> Outcome {
        if decision.action == Action::Hold {
            return Outcome::Held;
        }
        if let Some(refusal) = self.refusal(decision.knob, decision.action) {
            return refusal;
        }
        let knob = decision.knob;
        let hand_over_s = workload.terms.hand_over_s;
        let guard = workload.guards.entry(knob).or_default();
        if guard.take_back(now, hand_over_s) {
            self.writer.take_back(cgroup.id, knob);
        }
        if guard.handed_over().is_some() {
            return Outcome::Waiting(LEFT_TO_OTHERS);
        }
        match guard.wait(now) {
            Some(Trouble::Foreign) => return Outcome::Waiting(guard.class().waits_for()),
            Some(Trouble::Failed) => return Outcome::Waiting("the last write failed"),
            None => {}
        }
        // Only a change that was seen, and waited for, is written over.
        let written = match guard.theirs() {
            Some(_) => self.writer.set(cgroup, knob, decision.to),
            None => self.writer.set_unless_foreign(cgroup, knob, decision.to),
        };
        match written {
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
            // Not seen before. It may be the burst credit, which has to go down before a quota.
            Err(SetError::Foreign { knob, .. }) => {
                // Where a value of theirs was written over, the one that is there now is a new change.
                workload.guards.entry(knob).or_default().written();
                self.look_at(now, cgroup.id, knob, workload);
                Outcome::Waiting(Class::Unknown.waits_for())
            }
            Err(SetError::HandedOver(_)) => Outcome::Waiting(LEFT_TO_OTHERS),
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

impl Workload {
    fn new(path: &str, policy: &Policy) -> Self {
        Self {
            path: path.to_owned(),
            terms: Terms::of(policy),
            seen: 0,
            ticked: false,
            guards: BTreeMap::new(),
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
