//! The numbers of a policy that are moved to trace the frontier between slack and stall.

use llmos_engine::policy::Policy;

/// Quantile of the forecast peak, and room above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knobs {
    /// One of the quantiles that forecasts have.
    pub quantile: f64,
    /// Room as a fraction of the target.
    pub margin: f64,
    /// What a second of waiting for CPU costs (`cpu_stall_price`).
    pub price: f64,
}

/// The points of the frontier from tight to generous. The place of [`STANDARD`] holds the policy as
/// it is.
pub const KNOBS: [Option<Knobs>; 9] = [
    knobs(0.5, 0.0, 0.25),
    knobs(0.9, 0.0, 0.5),
    knobs(0.9, 0.05, 1.0),
    knobs(0.95, 0.0, 3.0),
    knobs(0.95, 0.05, 10.0),
    None,
    knobs(0.95, 0.15, f64::INFINITY),
    knobs(0.99, 0.2, f64::INFINITY),
    knobs(0.99, 0.8, f64::INFINITY),
];
/// Place of the standard policy among them.
pub const STANDARD: usize = 5;

const fn knobs(quantile: f64, margin: f64, price: f64) -> Option<Knobs> {
    Some(Knobs {
        quantile,
        margin,
        price,
    })
}

impl Knobs {
    /// The policy of a point: `base` but for the knobs.
    #[must_use]
    pub fn policy(point: Option<Self>, base: &Policy) -> Policy {
        let mut policy = base.clone();
        if let Some(knobs) = point {
            policy.quantile = knobs.quantile;
            policy.cpu_stall_price = knobs.price;
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
