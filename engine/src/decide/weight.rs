//! The law of `cpu.weight`: what policy says, and more where the node is short and the weight alone
//! would not give the guaranteed floor.
//!
//! `weight = policy * lift`, `lift = max(1, grant / (level * policy weight))` (see `share`).

use super::share::Grant;
use super::{Action, Decision, Knob, Pool, Reason};
use crate::units::{CgroupId, Timestamp};

/// What the kernel takes.
const LEAST: f64 = 1.0;
const MOST: f64 = 10_000.0;
/// A lift that changes the weight by less is not made.
const HYSTERESIS: f64 = 0.2;

/// Decides on the weight; `None` where policy gives none or the file cannot be read.
pub(super) fn decide(
    workload: CgroupId,
    now: Timestamp,
    from: Option<u64>,
    policy: Option<u64>,
    grant: Option<&Grant>,
    pool: &mut Pool,
) -> Option<Decision> {
    let from = from? as f64;
    let base = (policy? as f64).clamp(LEAST, MOST);
    let mut reasons = pool.reasons();
    reasons.push(Reason::PolicyWeight { value: base });
    let factor = grant.map_or(1.0, |grant| grant.lift);
    let lifted = (base * factor).round().clamp(LEAST, MOST);
    let lifts = lifted > base;
    if lifts {
        reasons.push(Reason::FloorLift {
            factor,
            value: lifted,
        });
    }
    let change = (lifted - from).abs() / from.max(LEAST);
    // The policy's own weight is set to the number; a lift may lag a little.
    let close = lifted.total_cmp(&from).is_eq() || (lifts && change < HYSTERESIS);
    if close && change > 0.0 {
        reasons.push(Reason::Hysteresis {
            change,
            needed: HYSTERESIS,
        });
    }
    let (to, action) = if close {
        (from, Action::Hold)
    } else if lifted > from {
        (lifted, Action::Raise)
    } else {
        (lifted, Action::Lower)
    };
    Some(Decision {
        workload,
        knob: Knob::CpuWeight,
        at: now,
        from: Some(from),
        to,
        action,
        reasons,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(from: Option<u64>, policy: Option<u64>, lift: f64) -> Option<(f64, Action)> {
        let grant = Grant {
            amount: 1.0,
            whole: false,
            lift,
        };
        let pool = &mut Pool::default();
        decide(CgroupId(1), Timestamp(0), from, policy, Some(&grant), pool)
            .map(|decision| (decision.to, decision.action))
    }

    #[test]
    fn without_a_weight_in_policy_the_file_is_left_alone() {
        assert_eq!(decided(Some(79), None, 1.0), None);
        assert_eq!(decided(None, Some(100), 1.0), None);
    }

    #[test]
    fn policy_sets_the_number() {
        assert_eq!(
            decided(Some(100), Some(400), 1.0),
            Some((400.0, Action::Raise))
        );
        assert_eq!(
            decided(Some(100), Some(99), 1.0),
            Some((99.0, Action::Lower))
        );
        assert_eq!(
            decided(Some(400), Some(400), 1.0),
            Some((400.0, Action::Hold))
        );
    }

    #[test]
    fn a_floor_lifts_the_weight_within_what_the_kernel_takes() {
        assert_eq!(
            decided(Some(25), Some(25), 3.0),
            Some((75.0, Action::Raise))
        );
        assert_eq!(decided(Some(75), Some(25), 2.9), Some((75.0, Action::Hold)));
        assert_eq!(
            decided(Some(75), Some(25), 1.0),
            Some((25.0, Action::Lower))
        );
        assert_eq!(
            decided(Some(25), Some(400), 1e6),
            Some((10_000.0, Action::Raise))
        );
    }
}
