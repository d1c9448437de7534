//! Demand that a quota cuts off is not seen, so the quota grows until it is.

use crate::policy::Policy;
use crate::sample::Usage;

/// Growth of a quota that cuts demand off a little, in one tick.
const GROWTH: f64 = 1.5;
/// The most that it grows in one tick.
const GROWTH_MOST: f64 = 2.0;
/// Share of throttled periods from which it grows the most.
const HARD: f64 = 0.25;

/// The quota cuts demand off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Censored {
    /// Share of the periods in which it did.
    pub share: f64,
    /// Growth of the quota, a factor: `1.5 + 0.5 * min(1, share / 0.25)`.
    pub factor: f64,
}

impl Censored {
    /// What the last tick shows under a quota of `limit` cores.
    pub(super) fn of(usage: &Usage, limit: f64, policy: &Policy) -> Option<Self> {
        let share = usage.throttled_share?;
        (limit.is_finite() && share > policy.cpu_throttle_tolerance).then(|| Self {
            share,
            factor: GROWTH + (GROWTH_MOST - GROWTH) * (share / HARD).min(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(share: Option<f64>, limit: f64) -> Option<f64> {
        let usage = Usage {
            throttled_share: share,
            ..Usage::default()
        };
        Censored::of(&usage, limit, &Policy::default()).map(|found| found.factor)
    }

    #[test]
    fn growth_rises_with_the_share_up_to_a_bound() {
        assert_eq!(factor(Some(0.03), 1.0), None, "tolerated");
        assert!((factor(Some(0.125), 1.0).unwrap() - 1.75).abs() < 1e-9);
        assert!((factor(Some(0.25), 1.0).unwrap() - 2.0).abs() < 1e-9);
        assert!((factor(Some(1.0), 1.0).unwrap() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_unknown_or_unlimited_is_not_cut_off() {
        assert_eq!(factor(None, 1.0), None);
        assert_eq!(factor(Some(1.0), f64::INFINITY), None);
    }
}
