//! A quota that is nearly used up: is it a burst, and how far must the quota rise?
//!
//! What is left lasts for `left / rate`, with the rate at which it fell just now. If that is shorter
//! than the rest of the period, the cgroup will be throttled, and the quota rises by what one more
//! core needs or to its double, whichever is more. Each event of a period in which the new quota
//! runs low as well does the same again.
//!
//! A raise holds for a few periods. While the burst goes on, each of them has an event that says that
//! more is used than there would be without the raise, and it holds for as long again. When none comes,
//! the burst is over, and the quota goes back to what the tick decided.

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
/// Periods for which a raise holds after the last event that needed it: one may begin late in its
/// period, and the next may have its event late.
const HOLDS_PERIODS: f64 = 1.5;
/// Writes are multiples of this, in cores.
const QUANTUM: f64 = 0.01;
/// Part of what is left at which to look again in the same period.
const LATER: f64 = 0.75;
/// The share of the raised quota that is to be told of at the latest.
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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The raise, if it is one.
    pub raise: Option<Decision>,
    /// Share of the quota (of the new one after a raise), 0 to 1, that has to be used for the next
    /// event, in this period too; `None` leaves that as it is.
    pub tell_at: Option<f64>,
}

/// An earlier look in the same period, at the same quota.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    left_ns: u64,
    at: Timestamp,
    ends: Option<Timestamp>,
}

impl NearQuota {
    /// What is gone in this period, if it began with all of quota and credit.
    fn gone_ns(&self, credit_ns: f64) -> f64 {
        (self.quota_ns as f64 + credit_ns - self.left_ns as f64).max(0.0)
    }

    /// Will it be used up before the period of `period_ns` ends, at the rate of just now? The period
    /// began with as much as `credit_ns` more than the quota.
    fn runs_out(&self, earlier: Option<Look>, period_ns: f64, credit_ns: f64) -> bool {
        let left_ns = self.left_ns as f64;
        let Some(ends) = self.ends.filter(|ends| *ends > self.at) else {
            return true;
        };
        let rest_ns = (ends.0 - self.at.0) as f64;
        if rest_ns > period_ns {
            return true;
        }
        let since = |left: u64, at: Timestamp| {
            (at < self.at && left > self.left_ns)
                .then(|| ((left - self.left_ns) as f64, (self.at.0 - at.0) as f64))
        };
        // The longer the span, the less it matters that CPUs draw in slices.
        let (gone_ns, span_ns) = earlier
            .filter(|look| look.ends == self.ends)
            .and_then(|look| since(look.left_ns, look.at))
            .or_else(|| self.before.and_then(|(left, at)| since(left, at)))
            .unwrap_or_else(|| {
                let gone = self.gone_ns(credit_ns);
                // One slice of that has only just been handed out.
                (
                    (gone - SLICE_NS).max(gone / 2.0),
                    (period_ns - rest_ns).max(1.0),
                )
            });
        gone_ns / span_ns * rest_ns > left_ns
    }

    /// The share at which to look again in this period.
    fn later(&self) -> f64 {
        1.0 - self.left_ns as f64 * LATER / self.quota_ns as f64
    }
}

impl Engine {
    /// Decides on a quota that runs low: no raise when it lasts for the period, when there is nothing
    /// to lend, or when earlier raises of this workload were for nothing. The raise is a lease from
    /// the node's reserve; an event of a quota that is raised already may only make it hold longer.
    pub fn near_quota(
        &mut self,
        event: &NearQuota,
        now: Timestamp,
        node: NodeFacts,
        policy: &Policy,
    ) -> Answer {
        self.answer(event, now, node, policy).unwrap_or_default()
    }

    fn answer(
        &mut self,
        event: &NearQuota,
        now: Timestamp,
        node: NodeFacts,
        policy: &Policy,
    ) -> Option<Answer> {
        let (workload, shares) = self.fast(event.id)?;
        let period_ns = workload.period_us? as f64 * 1e3;
        let hold_s = HOLDS_PERIODS * period_ns / 1e9;
        if policy.hands_off || event.quota_ns == 0 || period_ns <= 0.0 {
            return None;
        }
        let from = event.quota_ns as f64 / period_ns;
        let base = workload.laws.quota().unwrap_or(from).min(from);
        let credit_ns = workload.burst_us as f64 * 1e3;
        let raised = workload.alarm.is_raised(now);
        let gone = event.gone_ns(credit_ns) / period_ns;
        // More than there would have been.
        if raised && gone >= base - QUANTUM / 2.0 {
            workload.alarm.needed();
            let held = from - base;
            if let Some(lease) = shares.lend_cpu(now, event.id, hold_s, held) {
                workload.alarm.raise(lease.expires);
                workload.laws.lend_quota(from, lease.expires);
            }
        }
        if !workload.alarm.listens(now) {
            return None;
        }
        if !event.runs_out(workload.look, period_ns, credit_ns) {
            workload.look = Some(Look {
                left_ns: event.left_ns,
                at: event.at,
                ends: event.ends,
            });
            // Steady use near its quota has an event in each period; more of them would not be worth it.
            let unusual = raised || credit_ns > 0.0;
            return Some(Answer {
                raise: None,
                tell_at: unusual.then(|| event.later()),
            });
        }
        let ceiling = policy
            .cpu_ceiling
            .map_or(node.cpu.0, |most| most.0.min(node.cpu.0));
        let wanted = (from + from.max(STEP)).min(ceiling);
        let lease: Lease = shares.lend_cpu(now, event.id, hold_s, wanted - base)?;
        let to = ((base + lease.amount).min(wanted) / QUANTUM + 1e-6).floor() / QUANTUM.recip();
        if to < from + QUANTUM {
            return None;
        }
        workload.look = None;
        workload.alarm.raise(lease.expires);
        workload.laws.lend_quota(to, lease.expires);
        let left = event.left_ns as f64 / event.quota_ns as f64;
        self.lent.insert(event.id);
        // So that the next event says that more was used than there would have been.
        let told = (base - credit_ns / period_ns) / to;
        Some(Answer {
            tell_at: Some(told.clamp(0.0, TOLD_MOST)),
            raise: Some(Decision {
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
            }),
        })
    }

    /// When the first raise ends, if nothing prolongs it.
    #[must_use]
    pub fn next_lease_end(&self) -> Option<Timestamp> {
        self.lent
            .iter()
            .filter_map(|id| self.workloads.get(*id)?.alarm.raised_until())
            .min()
    }

    /// Ends the raises that are over: what the quotas go back to. A tick between raise and end may
    /// have decided on more; then nothing falls.
    pub fn end_leases(&mut self, now: Timestamp) -> Vec<Decision> {
        let mut ended = Vec::new();
        let workloads = &mut self.workloads;
        self.lent.retain(|id| {
            let Some(workload) = workloads.get_mut(*id) else {
                return false;
            };
            if workload.alarm.is_raised(now) {
                return true;
            }
            workload.alarm.tick(now);
            if let Some((from, to)) = workload.laws.end_lease() {
                ended.push(Decision {
                    workload: *id,
                    knob: Knob::CpuMax,
                    at: now,
                    from: Some(from),
                    to,
                    action: Action::Lower,
                    reasons: vec![Reason::LeaseOver { value: to }],
                });
            }
            false
        });
        ended
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
        assert!(
            event(10, 5, Some((15, 0))).runs_out(None, period, 0.0),
            "a whole core"
        );
        assert!(
            !event(10, 56, Some((15, 28))).runs_out(None, period, 0.0),
            "0.18 cores"
        );
        assert!(
            event(10, 65, Some((15, 60))).runs_out(None, period, 0.0),
            "late in the period"
        );
        assert!(
            !event(10, 95, Some((15, 90))).runs_out(None, period, 0.0),
            "nearly over"
        );
    }

    #[test]
    fn slices_of_two_cpus_at_once_do_not_hide_how_fast_they_draw() {
        let now = event(10, 40, Some((12, 36)));
        let look = |left_ms: u64, at_ms: u64, ends: Option<Timestamp>| {
            Some(Look {
                left_ns: left_ms * MS,
                at: Timestamp(at_ms * MS),
                ends,
            })
        };
        let period = 100e6;
        assert!(now.runs_out(None, period, 0.0), "half a core");
        assert!(
            !now.runs_out(look(12, 0, now.ends), period, 0.0),
            "a twentieth"
        );
        assert!(now.runs_out(look(20, 30, now.ends), period, 0.0), "one");
        let past = look(12, 0, Some(Timestamp(0)));
        assert!(
            now.runs_out(past, period, 0.0),
            "another period says nothing"
        );
    }

    #[test]
    fn without_an_earlier_look_the_period_so_far_counts() {
        let period = 100e6;
        assert!(event(10, 6, None).runs_out(None, period, 0.0));
        assert!(!event(10, 60, None).runs_out(None, period, 0.0));
        let unknown = NearQuota {
            ends: None,
            ..event(10, 60, None)
        };
        assert!(
            unknown.runs_out(None, period, 0.0),
            "better too early than too late"
        );
    }
}
