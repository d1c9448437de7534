//! Pace: when and how far a limit may move. Both laws use it, so no law can forget a guard.

use super::stale::Fresh;
use super::{Action, Reason};
use crate::policy::Policy;
use crate::units::Timestamp;

/// What the pace of one limit depends on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Guard {
    first_seen: Option<Timestamp>,
    fresh: Fresh,
    last_raise: Option<Timestamp>,
    /// The highest value that would be no surprise: in force, or decided at the last tick.
    expected: Option<f64>,
}

/// A move that a law would like to make. All values are in the knob's unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proposal {
    pub now: Timestamp,
    /// The limit in force; infinite for `max`.
    pub from: f64,
    pub target: f64,
    /// Lower and upper bound of what may be set.
    pub floor: f64,
    pub ceiling: f64,
    /// The fair share while the node is short, infinite else. What is above it falls at once:
    /// neither a veto nor the rest after a raise may keep what others are promised.
    pub share: f64,
    /// Values are multiples of this (unless a bound is not).
    pub quantum: f64,
    /// Rise even if the change is small.
    pub urgent: bool,
    /// Pressure forbids lowering; the law has given the reason.
    pub veto: bool,
}

impl Guard {
    /// Notes the limit in force, at each tick. A limit that somebody else raised rests as well.
    pub(super) fn see(&mut self, now: Timestamp, from: f64) {
        self.first_seen.get_or_insert(now);
        if self
            .expected
            .is_some_and(|expected| from > expected * (1.0 + 1e-9))
        {
            self.last_raise = Some(now);
        }
        self.expected = Some(from);
    }

    /// The fast path has raised the limit in our name: no surprise, and no raise of the tick's to rest
    /// after.
    pub(super) fn lent(&mut self, to: f64) {
        self.expected = Some(to);
    }

    /// The same, but what was raised rests as after any raise.
    pub(super) fn raised(&mut self, now: Timestamp, to: f64) {
        self.lent(to);
        self.last_raise = Some(now);
    }

    /// Notes that use is known, at each tick at which it is.
    pub(super) fn known(&mut self, now: Timestamp, policy: &Policy) {
        self.fresh.known(now, policy.stale_s);
    }

    /// The value to set and what that is, with the reasons that changed the proposal.
    pub(super) fn judge(
        &mut self,
        mut proposal: Proposal,
        policy: &Policy,
        reasons: &mut Vec<Reason>,
    ) -> (f64, Action) {
        let bound = proposal.ceiling;
        // Whole quanta, so that all shares together stay within what there is.
        let share = (proposal.share / proposal.quantum + 1e-6).floor() / proposal.quantum.recip();
        proposal.ceiling = bound.min(share);
        proposal.floor = proposal.floor.min(proposal.ceiling);
        let Proposal {
            now,
            from,
            ceiling,
            quantum,
            ..
        } = proposal;
        let wanted = in_bounds(proposal.target, &proposal);
        let outside = from < proposal.floor || from > bound;
        let change = (wanted - from).abs();
        // Against an infinite limit no change is small.
        let needed = if from.is_finite() {
            policy.hysteresis * from
        } else {
            0.0
        };
        // A share that grew by a hair is no help to anybody, however urgent it is.
        let urgent = proposal.urgent && wanted > from && wanted < share;
        if change < needed.max(quantum / 2.0) && !outside && !urgent {
            if change >= quantum / 2.0 {
                reasons.push(Reason::Hysteresis {
                    change: change / from,
                    needed: policy.hysteresis,
                });
            }
            return (from, Action::Hold);
        }
        if wanted > from {
            self.last_raise = Some(now);
            self.expected = Some(wanted);
            return (wanted, Action::Raise);
        }
        let surplus = from > share;
        if proposal.veto && !surplus {
            return (from, Action::Hold);
        }
        if let Some(rest) = self.rest(now, policy, surplus) {
            reasons.push(rest);
            return (from, Action::Hold);
        }
        // One step, at least a quantum so that small limits move too. What is above the ceiling
        // comes down to it at once, and from infinity there is no fraction to take.
        let step = (from * policy.max_step_down.clamp(0.0, 1.0)).max(quantum);
        let lowest = (from - step).min(ceiling);
        if from.is_finite() && lowest > wanted + quantum / 2.0 {
            let value = in_bounds(lowest, &proposal);
            reasons.push(Reason::StepLimit {
                fraction: policy.max_step_down,
                value,
            });
            return (value, Action::Lower);
        }
        (wanted, Action::Lower)
    }

    /// Why the limit may not fall yet, if so. What others are owed does not wait for a raise to
    /// have rested.
    fn rest(&self, now: Timestamp, policy: &Policy, surplus: bool) -> Option<Reason> {
        let left = |since: Option<Timestamp>, span_s: f64| {
            since
                .map(|at| span_s - now.seconds_since(at))
                .filter(|left_s| *left_s > 0.0)
        };
        if let Some(left_s) = left(self.first_seen, policy.warmup_s) {
            return Some(Reason::Warmup { left_s });
        }
        if let Some((gap_s, left_s)) = self.fresh.frozen(now, policy.warmup_s) {
            return Some(Reason::Stale { gap_s, left_s });
        }
        if surplus {
            return None;
        }
        left(self.last_raise, policy.cooldown_s).map(|left_s| Reason::Cooldown { left_s })
    }
}

/// Rounded up to the quantum, then within the bounds; the ceiling has the last word.
fn in_bounds(value: f64, proposal: &Proposal) -> f64 {
    // A hair less, so that a value that is a multiple already stays where it is.
    let steps = (value / proposal.quantum - 1e-6).ceil();
    // Divided by the inverse, which is a whole number or a power of two: 7 steps of 0.01 are then
    // the same number as 0.07.
    (steps / proposal.quantum.recip())
        .max(proposal.floor)
        .min(proposal.ceiling)
}

/// Applies a lower and an upper bound to a demand and says which one bit.
pub(super) fn bounded(value: f64, floor: f64, ceiling: f64, reasons: &mut Vec<Reason>) -> f64 {
    let value = if value < floor {
        reasons.push(Reason::Floor { value: floor });
        floor
    } else {
        value
    };
    capped(value, ceiling, reasons)
}

/// Applies the ceiling and says so if it bit.
pub(super) fn capped(value: f64, ceiling: f64, reasons: &mut Vec<Reason>) -> f64 {
    if value > ceiling {
        reasons.push(Reason::Ceiling { value: ceiling });
        ceiling
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(now_s: u64, from: f64, target: f64) -> Proposal {
        Proposal {
            now: Timestamp(now_s * 1_000_000_000),
            from,
            target,
            floor: 0.05,
            ceiling: 8.0,
            share: f64::INFINITY,
            quantum: 0.01,
            urgent: false,
            veto: false,
        }
    }

    /// Judges with a guard that has seen the workload since second 0.
    fn judge(proposal: Proposal) -> (f64, Action, Vec<Reason>) {
        let mut guard = Guard::default();
        guard.see(Timestamp(0), proposal.from);
        guard.see(proposal.now, proposal.from);
        let mut reasons = Vec::new();
        let (to, action) = guard.judge(proposal, &Policy::default(), &mut reasons);
        (to, action, reasons)
    }

    #[test]
    fn values_are_rounded_up_to_the_quantum() {
        let (to, action, _) = judge(proposal(60, 1.0, 1.2345));
        assert!((to - 1.24).abs() < 1e-9);
        assert_eq!(action, Action::Raise);
        assert!(
            (judge(proposal(60, 1.0, 1.25)).0 - 1.25).abs() < 1e-9,
            "already a multiple"
        );
    }

    #[test]
    fn a_small_limit_still_falls_by_a_quantum() {
        let mut small = proposal(60, 0.03, 0.01);
        small.floor = 0.01;
        let (to, action, _) = judge(small);
        assert_eq!(action, Action::Lower);
        assert!(to < 0.03);
    }

    #[test]
    fn from_infinity_there_is_no_step_limit() {
        let (to, action, reasons) = judge(proposal(60, f64::INFINITY, 2.0));
        assert_eq!(action, Action::Lower);
        assert!((to - 2.0).abs() < 1e-9);
        assert!(reasons.is_empty());
    }

    #[test]
    fn above_the_ceiling_comes_down_to_it_at_once() {
        let (to, action, reasons) = judge(proposal(60, 64.0, 2.0));
        assert_eq!(action, Action::Lower);
        assert!((to - 8.0).abs() < 1e-9);
        assert!(matches!(reasons[..], [Reason::StepLimit { .. }]));
    }

    #[test]
    fn what_is_above_the_share_falls_at_once_even_under_a_veto() {
        let mut hog = proposal(60, 6.0, 7.0);
        (hog.share, hog.veto, hog.urgent) = (2.005, true, true);
        let (to, action, _) = judge(hog);
        assert_eq!(action, Action::Lower);
        assert!((to - 2.0).abs() < 1e-9, "in whole quanta: {to}");
        hog.now = Timestamp(5_000_000_000);
        assert_eq!(judge(hog).1, Action::Hold, "new all the same");
    }

    #[test]
    fn below_the_floor_rises_even_if_the_change_is_small() {
        let mut low = proposal(60, 0.99, 1.0);
        low.floor = 1.0;
        assert_eq!(judge(low).1, Action::Raise);
    }

    #[test]
    fn after_a_gap_in_the_data_nothing_falls_for_the_warm_up() {
        let policy = Policy::default();
        let mut guard = Guard::default();
        guard.see(Timestamp(0), 4.0);
        guard.known(Timestamp(0), &policy);
        guard.known(Timestamp(1_000_000_000), &policy);
        let judged = |guard: &mut Guard, s: u64| {
            let at = proposal(s, 4.0, 1.0);
            guard.see(at.now, 4.0);
            guard.known(at.now, &policy);
            let mut reasons = Vec::new();
            (guard.judge(at, &policy, &mut reasons).1, reasons)
        };
        let (action, reasons) = judged(&mut guard, 60);
        assert_eq!(action, Action::Hold);
        assert!(matches!(reasons[..], [Reason::Stale { gap_s, .. }] if gap_s > 58.0));
        assert_eq!(judged(&mut guard, 68).0, Action::Hold);
        assert_eq!(judged(&mut guard, 75).0, Action::Lower);
    }

    #[test]
    fn a_raise_by_somebody_else_rests_too() {
        let mut guard = Guard::default();
        guard.see(Timestamp(0), 1.0);
        let late = proposal(60, 4.0, 1.0);
        guard.see(late.now, 4.0);
        let mut reasons = Vec::new();
        let (_, action) = guard.judge(late, &Policy::default(), &mut reasons);
        assert_eq!(action, Action::Hold);
        assert!(matches!(reasons[..], [Reason::Cooldown { .. }]));
    }
}
