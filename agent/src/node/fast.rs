//! The fast path: from an event to a written limit in one hop, without waiting for the tick.
//!
//! Only in mode `enforce` and for workloads that a rule opts in. What one wake may write is bounded,
//! so that a storm of events cannot starve the tick.

use std::collections::HashSet;
use std::time::Duration;

use llmos_engine::decide::{Decision, Knob};
use llmos_engine::fast::{NearQuota, Tripped};
use llmos_engine::policy::{Mode, Policy};
use llmos_engine::units::{Bytes, CgroupId, Timestamp};

use super::Node;
use crate::apply::Outcome;
use crate::board::Between;
use crate::host::{clock, facts};
use crate::probes::KernelEvent;
use crate::watch::{WatchEvent, Watches};

/// Quotas that one wake may raise; whose event is passed over is told of again in its next period.
const RAISES_PER_WAKE: usize = 64;

impl Node {
    /// Raises the quotas that the kernel says will not last for their period.
    pub(super) fn raise_quotas(&mut self, events: &[KernelEvent]) {
        if !self.config.fast.cpu || self.config.mode != Mode::Enforce {
            return;
        }
        if !self.may_raise(Knob::CpuMax) {
            return;
        }
        let mut seen = HashSet::new();
        let mut left = RAISES_PER_WAKE;
        // The newest event of a cgroup counts.
        for event in events.iter().rev() {
            let Some(event) = near_quota(event).filter(|event| seen.insert(event.id)) else {
                continue;
            };
            if left == 0 {
                tracing::debug!("more quotas run low than can be raised in one go");
                return;
            }
            left -= usize::from(self.raise_quota(&event));
        }
    }

    /// Was it worth a write?
    fn raise_quota(&mut self, event: &NearQuota) -> bool {
        let Some((path, policy)) = self.opted_in(event.id) else {
            return false;
        };
        let Ok(now) = clock::monotonic() else {
            return false;
        };
        let size = self.identity.size;
        let answer = self.engine.near_quota(event, now, size, &policy);
        let written = answer
            .raise
            .as_ref()
            .map(|raise| self.write_at_once(Some(event.at), &path, raise));
        if written != Some(false)
            && let Some(share) = answer.tell_at
        {
            self.fast.told_early(event.id);
            self.sensor.tell_at(event.id, Some(share));
        }
        written.is_some()
    }

    /// How long the first raise still holds; `None` without one.
    #[must_use]
    pub fn until_lease_end(&self) -> Option<Duration> {
        let end = self.engine.next_lease_end()?;
        let now = clock::monotonic().ok()?;
        Some(Duration::from_nanos(end.0.saturating_sub(now.0)))
    }

    /// Takes back what was lent to bursts that are over.
    pub fn end_leases(&mut self) {
        let Ok(now) = clock::monotonic() else { return };
        let ended = self.engine.end_leases(now);
        if ended.is_empty() {
            return;
        }
        // It may have been thrown since the last tick; what was lent then stays.
        self.applier.obey(self.freeze.look_at_switch());
        for decision in ended {
            if let Some((path, _)) = self.opted_in(decision.workload) {
                self.write_at_once(None, &path, &decision);
            }
            self.fast.told_as_usual(decision.workload);
            self.sensor.tell_at(decision.workload, None);
        }
    }

    /// Raises the memory limits of a workload that has run into one.
    pub(super) fn raise_memory(&mut self, event: &WatchEvent) {
        let WatchEvent::MemoryEvents { cgroup, new, at } = *event else {
            return;
        };
        let reached = [new.high, new.max, new.oom]
            .iter()
            .any(|n| n.is_some_and(|n| n > 0));
        if !reached || !self.config.fast.memory || self.config.mode != Mode::Enforce {
            return;
        }
        if !self.may_raise(Knob::MemoryMax) {
            return;
        }
        let Some((path, policy)) = self.opted_in(cgroup) else {
            return;
        };
        let Ok(now) = clock::monotonic() else { return };
        let Some((sample, limits)) = self.sensor.read_now(cgroup, now) else {
            return;
        };
        let (Some(current), Some(free)) = (sample.memory_current, facts::memory_available()) else {
            return;
        };
        let tripped = Tripped {
            id: cgroup,
            current,
            free: Bytes(free),
            limits,
        };
        let size = self.identity.size;
        for decision in self.engine.memory_tripped(&tripped, now, size, &policy) {
            self.write_at_once(Some(at), &path, &decision);
        }
    }

    /// Takes in whose memory limits are raised when they are reached, of those that are watched.
    pub(super) fn settle_memory(&mut self, watches: &Watches) {
        self.memory_served.clear();
        if self.config.fast.memory && self.config.mode == Mode::Enforce {
            self.memory_served.extend(watches.memory_events_of());
        }
    }

    /// Before the tick decides: events of raises that are over come at the usual share again, and the
    /// laws are told how long a raise takes.
    pub(super) fn settle_leases(&mut self, now: Timestamp) {
        self.end_leases();
        let serves = self.config.fast.cpu
            && self.config.mode == Mode::Enforce
            && self.sensor.probes.quota.is_some()
            && self.applier.may_raise(Knob::CpuMax);
        self.engine
            .serve_at_once(serves.then(|| self.fast.reaction_s()));
        let engine = &self.engine;
        for id in self.fast.take_over(|id| !engine.quota_is_lent(id, now)) {
            self.sensor.tell_at(id, None);
        }
    }

    /// Not while frozen: nothing may be lent that cannot be written. The switch is looked at anew, so
    /// that none is raised after it was thrown.
    fn may_raise(&mut self, knob: Knob) -> bool {
        self.applier.obey(self.freeze.look_at_switch());
        self.applier.may_raise(knob)
    }

    /// Path and policy of a workload that may be written to.
    fn opted_in(&self, id: CgroupId) -> Option<(String, Policy)> {
        let known = self.sensor.tree().get(id)?;
        let policy = self.managed_by(&known.path)?;
        Some((known.path.clone(), policy.clone()))
    }

    /// Was it written? `event_at` is when the kernel told of its cause.
    fn write_at_once(
        &mut self,
        event_at: Option<Timestamp>,
        path: &str,
        decision: &Decision,
    ) -> bool {
        let outcome = self.applier.at_once(decision.at, path, decision);
        let applied = outcome == Outcome::Applied;
        if applied
            && let Some(event_at) = event_at
            && let Ok(done) = clock::monotonic()
        {
            self.fast.wrote(done.0.saturating_sub(event_at.0));
        }
        let at_unix_ms = clock::wall_ms();
        self.fast.show(Between {
            cgroup: path.to_owned(),
            at_unix_ms,
            decision: decision.clone(),
            outcome,
        });
        applied
    }
}

/// The engine's view of a near-quota event.
fn near_quota(event: &KernelEvent) -> Option<NearQuota> {
    match *event {
        KernelEvent::NearQuota {
            id,
            at,
            quota_ns,
            left_ns,
            ends,
            before,
            ..
        } => Some(NearQuota {
            id,
            at,
            quota_ns,
            left_ns,
            ends,
            before,
        }),
        _ => None,
    }
}
