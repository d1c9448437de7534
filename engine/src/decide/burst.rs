//! The law of `cpu.max.burst`: unused quota that may be spent later, for peaks of less than a tick.
//!
//! `credit = min(part of the quota, q99 - q50 of the forecast peak) * period`: a steady workload
//! needs none, one whose peaks differ much gets as much as they do. Where the fast path raises quotas,
//! the credit bridges the time until it has, and is as much as the quota: it is touched only by who
//! wants more than that. The kernel refuses a credit above the quota, and while the node is short a
//! credit would be spent at the cost of others.

use super::{Action, Decision, Knob, Pool, Reason};
use crate::forecast::Forecast;
use crate::policy::Policy;
use crate::units::{CgroupId, Timestamp};

/// The kernel's default enforcement period in microseconds.
const PERIOD_US: u64 = 100_000;
/// Credits are whole milliseconds.
const QUANTUM_US: f64 = 1000.0;
/// Quantiles between which peaks are spread.
const LOW: f64 = 0.5;
const HIGH: f64 = 0.99;
/// A change below this fraction of the credit in force is not made.
const HYSTERESIS: f64 = 0.25;

/// What the law sees of one workload at one tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct BurstInput<'a> {
    pub workload: CgroupId,
    pub now: Timestamp,
    pub forecast: Option<&'a Forecast>,
    /// The credit in force, in microseconds; `None` if the file cannot be read.
    pub from_us: Option<u64>,
    pub period_us: Option<u64>,
    /// The quota that will be in force, in cores.
    pub quota: f64,
    /// Seconds in which the fast path raises the quota, if it does.
    pub served_in: Option<f64>,
    /// Did the workload get less than it wanted, because the node is short?
    pub short: bool,
    pub policy: &'a Policy,
}

/// Decides on the credit; `None` where there is no such file, or no quota to save up from.
pub(super) fn decide(input: &BurstInput<'_>, pool: &mut Pool) -> Option<Decision> {
    let from = input.from_us? as f64;
    if !input.quota.is_finite() {
        return None;
    }
    let period_us = input.period_us.filter(|us| *us > 0).unwrap_or(PERIOD_US) as f64;
    let quota_us = input.quota * period_us;
    let mut reasons = pool.reasons();
    let wanted = wanted(input, quota_us, period_us, &mut reasons);
    // The kernel has the last word, also over a credit that people have set.
    let most = whole(quota_us);
    let to = whole(wanted.unwrap_or(from)).min(most);
    let small = (to - from).abs() < (HYSTERESIS * from).max(QUANTUM_US);
    let needed = from > most || (to <= 0.0 && from > 0.0);
    let (to, action) = if (small && !needed) || to.total_cmp(&from).is_eq() {
        (from, Action::Hold)
    } else if to > from {
        (to, Action::Raise)
    } else {
        (to, Action::Lower)
    };
    Some(Decision {
        workload: input.workload,
        knob: Knob::CpuBurst,
        at: input.now,
        from: Some(from),
        to,
        action,
        reasons,
    })
}

/// The credit wanted in microseconds; `None` while there is no forecast to tell.
fn wanted(
    input: &BurstInput<'_>,
    quota_us: f64,
    period_us: f64,
    reasons: &mut Vec<Reason>,
) -> Option<f64> {
    if input.short {
        reasons.push(Reason::NoCredit);
        return Some(0.0);
    }
    let fraction = input.policy.cpu_burst.clamp(0.0, 1.0);
    if let Some(seconds) = input.served_in.filter(|_| fraction > 0.0) {
        reasons.push(Reason::Bridge {
            seconds,
            value: quota_us,
        });
        return Some(quota_us);
    }
    let Some(forecast) = input.forecast else {
        reasons.push(Reason::NoData);
        return None;
    };
    let (low, high) = (forecast.at(0, LOW), forecast.at(0, HIGH));
    let value = (high - low).max(0.0) * period_us;
    reasons.push(Reason::Spread { low, high, value });
    let most = fraction * quota_us;
    if value > most {
        reasons.push(Reason::QuotaPart {
            fraction,
            value: most,
        });
    }
    Some(value.min(most))
}

/// Rounded down to what is written.
fn whole(us: f64) -> f64 {
    (us.max(0.0) / QUANTUM_US + 1e-6).floor() * QUANTUM_US
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::Source;

    fn forecast(q50: f64, q99: f64) -> Forecast {
        Forecast {
            source: Source::Baseline,
            horizons: [[q50, q99, q99, q99]; 2],
        }
    }

    fn decided(
        spread: Option<(f64, f64)>,
        from_us: u64,
        quota: f64,
        short: bool,
    ) -> Option<(f64, Action)> {
        let forecast = spread.map(|(low, high)| forecast(low, high));
        let input = BurstInput {
            workload: CgroupId(1),
            now: Timestamp(0),
            forecast: forecast.as_ref(),
            from_us: Some(from_us),
            period_us: None,
            quota,
            served_in: None,
            short,
            policy: &Policy::default(),
        };
        decide(&input, &mut Pool::default()).map(|decision| (decision.to, decision.action))
    }

    #[test]
    fn credit_is_the_spread_up_to_a_part_of_the_quota() {
        let wide = Some((0.5, 0.7));
        assert_eq!(
            decided(wide, 0, 1.0, false),
            Some((20_000.0, Action::Raise))
        );
        assert_eq!(
            decided(wide, 0, 0.2, false),
            Some((10_000.0, Action::Raise))
        );
        assert_eq!(
            decided(Some((0.5, 0.5)), 20_000, 1.0, false),
            Some((0.0, Action::Lower))
        );
    }

    #[test]
    fn credit_never_exceeds_the_quota_that_comes_even_without_a_forecast() {
        assert_eq!(
            decided(None, 50_000, 0.3, false),
            Some((30_000.0, Action::Lower))
        );
        assert_eq!(
            decided(None, 50_000, 0.6, false),
            Some((50_000.0, Action::Hold))
        );
    }

    #[test]
    fn with_a_fast_path_it_is_all_of_the_quota_unless_policy_wants_none() {
        let forecast = forecast(0.1, 0.1);
        let credit = |cpu_burst: f64| {
            let policy = Policy {
                cpu_burst,
                ..Policy::default()
            };
            let input = BurstInput {
                workload: CgroupId(1),
                now: Timestamp(0),
                forecast: Some(&forecast),
                from_us: Some(0),
                period_us: None,
                quota: 0.25,
                served_in: Some(0.01),
                short: false,
                policy: &policy,
            };
            decide(&input, &mut Pool::default()).unwrap().to
        };
        assert!((credit(0.5) - 25_000.0).abs() < 1.0);
        assert!(credit(0.0).abs() < 1.0);
    }

    #[test]
    fn small_changes_are_not_made() {
        assert_eq!(
            decided(Some((0.5, 0.7)), 18_000, 1.0, false),
            Some((18_000.0, Action::Hold))
        );
    }

    #[test]
    fn a_short_node_gives_no_credit_and_no_quota_needs_none() {
        assert_eq!(
            decided(Some((0.5, 0.7)), 20_000, 1.0, true),
            Some((0.0, Action::Lower))
        );
        assert_eq!(decided(Some((0.5, 0.7)), 0, f64::INFINITY, false), None);
    }
}
