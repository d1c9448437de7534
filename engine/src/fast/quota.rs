//! A quota that is nearly used up: is it a burst, and how far must the quota rise?
//!
//! What is left lasts for `left / rate`, with the rate at which it fell just now. If that is shorter
//! than the rest of the period, the cgroup will be throttled, and the quota rises by what one more
//! core needs or to its double, whichever is more. Each event of a period in which the new quota
//! runs low as well does the same again.

use crate::Engine;
use crate::decide::{Action, Decision, Knob, Lease, Reason};
use crate::policy::Policy;
use crate::step::NodeFacts;
use crate::units::{CgroupId, Timestamp};

/// The kernel hands a quota out to CPUs in slices; its default in nanoseconds. At most so much of
/// what is gone may not have been used yet.
const SLICE_NS: f64 = 5e6;
/// The least rise in cores: a task that begins to run needs a whole one.
const STEP: f64 = 1.0;
/// Ticks for which a raise holds: the first may have seen a part of the burst only.
const HOLDS_TICKS: f64 = 2.0;
/// Writes are multiples of this, in cores.
const QUANTUM: f64 = 0.01;
/// Share of the raised quota that is to be told of, if it cannot be less.
const TOLD_LEAST: f64 = 0.125;
const TOLD_MOST: f64 = 0.5;

/// The kernel says that a quota runs low in this period. Amounts are CPU time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearQuota {
    /// Which cgroup.
    pub id: CgroupId,
    /// When it was seen.
    pub at: Timestamp,
    /// The quota of a period.
    pub quota_ns: u64,
    /// What is left of it.
    pub left_ns: u64,
    /// When the period ends, where that is known.
    pub ends: Option<Timestamp>,
    /// What was left earlier in this period, and when, where somebody looked.
    pub before: Option<(u64, Timestamp)>,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Raise {
    /// The raise.
    pub decision: Decision,
    /// Share of the new quota, 0 to 1, that has to be used for the next event: then more was used
    /// than there would have been.
    pub tell_at: f64,
}

impl NearQuota {
    /// Will it be used up before the period of `period_ns` ends, at the rate of just now?
    fn runs_out(&self, period_ns: f64) -> bool {
        let left_ns = self.left_ns as f64;
        let Some(ends) = self.ends.filter(|ends| *ends > self.at) else {
            return true;
        };
        let rest_ns = (ends.0 - self.at.0) as f64;
        if rest_ns > period_ns {
            return true;
        }
        let (gone_ns, span_ns) = match self.before {
            Some((left, at)) if at < self.at && left > self.left_ns => {
                ((left - self.left_ns) as f64, (self.at.0 - at.0) as f64)
            }
            _ => {
                let gone = self.quota_ns.saturating_sub(self.left_ns) as f64;
                // One slice of that has only just been handed out.
                (
                    (gone - SLICE_NS).max(gone / 2.0),
                    (period_ns - rest_ns).max(1.0),
                )
            }
        };
        gone_ns / span_ns * rest_ns > left_ns
    }
}

impl Engine {
    /// Decides on a quota that runs low: `None` when it lasts for the period, when there is nothing
    /// to lend, or when earlier raises of this workload were for nothing. The raise is a lease from
    /// the node's reserve.
    pub fn near_quota(
        &mut self,
        event: &NearQuota,
        now: Timestamp,
        node: NodeFacts,
        policy: &Policy,
    ) -> Option<Raise> {
        let hold_s = HOLDS_TICKS * self.tick_s;
        let (workload, shares) = self.fast(event.id)?;
        let period_ns = workload.period_us? as f64 * 1e3;
        if policy.hands_off || event.quota_ns == 0 || period_ns <= 0.0 {
            return None;
        }
        if workload.alarm.is_raised(now) {
            workload.alarm.needed();
        }
        if !workload.alarm.listens(now) || !event.runs_out(period_ns) {
            return None;
        }
        let from = event.quota_ns as f64 / period_ns;
        let ceiling = policy
            .cpu_ceiling
            .map_or(node.cpu.0, |most| most.0.min(node.cpu.0));
        let base = workload.laws.quota().unwrap_or(from).min(from);
        let wanted = (from + from.max(STEP)).min(ceiling);
        let lease: Lease = shares.lend_cpu(now, event.id, hold_s, wanted - base)?;
        let to = ((base + lease.amount).min(wanted) / QUANTUM + 1e-6).floor() / QUANTUM.recip();
        if to < from + QUANTUM {
            return None;
        }
        workload.alarm.raise(lease.expires);
        workload.laws.lend_quota(to, lease.expires);
        let left = event.left_ns as f64 / event.quota_ns as f64;
        Some(Raise {
            tell_at: (left * from / to).clamp(TOLD_LEAST, TOLD_MOST),
            decision: Decision {
                workload: event.id,
                knob: Knob::CpuMax,
                at: now,
                from: Some(from),
                to,
                action: Action::Raise,
                reasons: vec![
                    Reason::NearQuota { left },
                    Reason::Lease {
                        amount: to - base,
                        left_s: lease.expires.seconds_since(now),
                        value: to,
                    },
                ],
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn event(left_ms: u64, at_ms: u64, before: Option<(u64, u64)>) -> NearQuota {
        NearQuota {
            id: CgroupId(1),
            at: Timestamp(at_ms * MS),
            quota_ns: 20 * MS,
            left_ns: left_ms * MS,
            ends: Some(Timestamp(100 * MS)),
            before: before.map(|(left, at)| (left * MS, Timestamp(at * MS))),
        }
    }

    #[test]
    fn the_rate_of_just_now_tells_a_burst_from_steady_use() {
        let period = 100e6;
        assert!(event(10, 5, Some((15, 0))).runs_out(period), "a whole core");
        assert!(
            !event(10, 56, Some((15, 28))).runs_out(period),
            "0.18 cores"
        );
        assert!(
            event(10, 65, Some((15, 60))).runs_out(period),
            "late in the period"
        );
        assert!(
            !event(10, 95, Some((15, 90))).runs_out(period),
            "nearly over"
        );
    }

    #[test]
    fn without_an_earlier_look_the_period_so_far_counts() {
        let period = 100e6;
        assert!(event(10, 6, None).runs_out(period));
        assert!(!event(10, 60, None).runs_out(period));
        let unknown = NearQuota {
            ends: None,
            ..event(10, 60, None)
        };
        assert!(unknown.runs_out(period), "better too early than too late");
    }
}
