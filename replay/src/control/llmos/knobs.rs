//! The two numbers of a policy that are moved to trace the frontier between slack and stall.

use llmos_engine::policy::Policy;

/// Quantile of the forecast peak, and room above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knobs {
    /// One of the quantiles that forecasts have.
    pub quantile: f64,
    /// Room as a fraction of the target; below zero the limit is under the forecast.
    pub margin: f64,
}

/// The points of the frontier from tight to generous. The place of [`STANDARD`] holds the policy as
/// it is.
pub const KNOBS: [Option<Knobs>; 8] = [
    knobs(0.5, -0.25),
    knobs(0.5, 0.0),
    knobs(0.9, 0.0),
    knobs(0.95, 0.05),
    None,
    knobs(0.99, 0.2),
    knobs(0.99, 0.6),
    knobs(0.99, 2.0),
];
/// Place of the standard policy among them.
pub const STANDARD: usize = 4;

const fn knobs(quantile: f64, margin: f64) -> Option<Knobs> {
    Some(Knobs { quantile, margin })
}

impl Knobs {
    /// The policy of a point: `base` but for the knobs.
    #[must_use]
    pub fn policy(point: Option<Self>, base: &Policy) -> Policy {
        let mut policy = base.clone();
        if let Some(knobs) = point {
            policy.quantile = knobs.quantile;
            // With their bounds, so that feedback does not pull the points together.
            for margin in [
                &mut policy.cpu_margin,
                &mut policy.cpu_margin_min,
                &mut policy.cpu_margin_max,
                &mut policy.memory_margin,
                &mut policy.memory_margin_min,
                &mut policy.memory_margin_max,
            ] {
                *margin = knobs.margin;
            }
        }
        policy
    }
}
