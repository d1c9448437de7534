//! A memory limit that was reached: room at once, before the kernel has to kill.

use crate::Engine;
use crate::decide::{Action, Decision, Knob, Reason, room};
use crate::policy::Policy;
use crate::sample::Limits;
use crate::step::NodeFacts;
use crate::units::{Bytes, CgroupId, Timestamp};

/// Room of `memory.high` above use, as a fraction of use and at least in bytes.
const ROOM: f64 = 0.25;
const ROOM_BYTES: f64 = 32.0 * 1_048_576.0;
/// Room of `memory.max` above `memory.high`, likewise: what may be allocated until the next raise.
const MAX_ROOM: f64 = 0.25;
const MAX_ROOM_BYTES: f64 = 64.0 * 1_048_576.0;
/// A raise has to hold until the tick has seen it twice.
const HOLDS_TICKS: f64 = 2.0;
const PAGE: f64 = 4096.0;

/// A cgroup has run into `memory.high` or `memory.max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tripped {
    /// Which cgroup.
    pub id: CgroupId,
    /// What it uses now.
    pub current: Bytes,
    /// What the node has free.
    pub free: Bytes,
    /// The limits in force now.
    pub limits: Limits,
}

impl Engine {
    /// Raises `memory.max` and `memory.high`, in the order of the writes; empty when there is no
    /// room to give. The raise is a lease from the node's reserve.
    pub fn memory_tripped(
        &mut self,
        tripped: &Tripped,
        now: Timestamp,
        node: NodeFacts,
        policy: &Policy,
    ) -> Vec<Decision> {
        let hold_s = HOLDS_TICKS * self.tick_s;
        let Some((workload, shares)) = self.fast(tripped.id) else {
            return Vec::new();
        };
        let bytes = |limit: Option<Bytes>| limit.filter(|b| b.0 != u64::MAX).map(|b| b.0 as f64);
        let (high, max) = (
            bytes(tripped.limits.memory_high),
            bytes(tripped.limits.memory_max),
        );
        if policy.hands_off || (high.is_none() && max.is_none()) {
            return Vec::new();
        }
        let use_now = tripped.current.0 as f64;
        let ceiling = policy
            .memory_ceiling
            .map_or(node.memory.0, |most| most.0.min(node.memory.0)) as f64;
        let most = ceiling.min(use_now + room(tripped.free, node.memory));
        if most <= use_now {
            return Vec::new();
        }
        let wanted_high = use_now + (use_now * ROOM).max(ROOM_BYTES);
        let wanted_max = (wanted_high + (wanted_high * MAX_ROOM).max(MAX_ROOM_BYTES)).min(most);
        let held = max.or(high).unwrap_or(0.0);
        let base = workload.laws.memory_limit().unwrap_or(held).min(held);
        let more = wanted_max - base;
        // What is granted already needs no lease: then `memory.high` alone is in the way.
        let lease = if more > 0.0 {
            let Some(lease) = shares.lend_memory(now, tripped.id, hold_s, more) else {
                return Vec::new();
            };
            Some(lease)
        } else {
            None
        };
        let granted = base + lease.map_or(0.0, |lease| lease.amount);
        let to_max = pages(wanted_max.min(granted));
        let to_high = pages(wanted_high.min(to_max));
        let mut made = Vec::with_capacity(2);
        for (knob, from, to) in [
            (Knob::MemoryMax, max, to_max),
            (Knob::MemoryHigh, high, to_high),
        ] {
            let Some(from) = from.filter(|from| to >= from + PAGE) else {
                continue;
            };
            made.push(Decision {
                workload: tripped.id,
                knob,
                at: now,
                from: Some(from),
                to,
                action: Action::Raise,
                reasons: [Reason::Tripped { current: use_now }]
                    .into_iter()
                    .chain(lease.map(|lease| Reason::Lease {
                        amount: lease.amount,
                        left_s: lease.expires.seconds_since(now),
                        value: to,
                    }))
                    .collect(),
            });
        }
        for decision in &made {
            workload.laws.lend_memory(now, decision.knob, decision.to);
        }
        made
    }
}

/// Down to whole pages.
fn pages(bytes: f64) -> f64 {
    (bytes / PAGE).floor() * PAGE
}
