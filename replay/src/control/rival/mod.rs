//! Other systems' published rules, each in one file with its source named. They get what they would
//! measure of their own, tick by tick, and answer with limits.
//!
//! A rule that is written in seconds uses seconds. One that is written in its own samples or
//! decisions takes a tick for one of them where the tick is longer than that.

mod autopilot;
mod captain;
mod fixed;
mod in_force;
mod koordlet;
mod senpai;
mod target_tracking;
mod vpa;

use llmos_engine::forecast::Resource;

use super::{Bounds, Demand};
use autopilot::Autopilot;
pub use captain::Captain;
use fixed::Fixed;
use in_force::InForce;
pub use koordlet::Koordlet;
use senpai::Senpai;
use target_tracking::TargetTracking;
use vpa::Vpa;

/// What a controller can know at the end of a tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Length of the tick in seconds.
    pub step_s: f64,
    /// Mean cores, or bytes at the end; `None` where the trace has a gap.
    pub used: Option<f64>,
    /// The limits that were in force.
    pub bounds: Bounds,
    /// Share of the enforcement periods that were throttled, 0 to 1.
    pub throttled_share: f64,
    /// Share of the time in which tasks stalled for memory, 0 to 1.
    pub stalled_share: f64,
    /// OOM kills.
    pub kills: u64,
}

/// A rule at work on one workload.
pub trait Rival {
    /// The limits for the next tick.
    fn decide(&mut self, seen: &Seen) -> Bounds;
}

/// Name of the Vertical Pod Autoscaler among [`of`].
pub const VPA: &str = "vpa";
/// Name of Autothrottle's Captain among [`of`].
pub const CAPTAIN: &str = "captain";

/// Names of all rules, in the order in which they are shown.
pub const NAMES: [&str; 11] = [
    "static_mean2",
    "static_peak",
    "hpa_slow",
    "hpa_fast",
    VPA,
    "autopilot",
    CAPTAIN,
    "captain_strict",
    "koordlet",
    "senpai",
    "in_force",
];

/// All rules for the resource of this series, at their beginning, with their names.
#[must_use]
pub fn of(demand: &Demand) -> Vec<(&'static str, Box<dyn Rival + Send>)> {
    let mut rivals: Vec<(&'static str, Box<dyn Rival + Send>)> = vec![
        ("static_mean2", Box::new(Fixed::twice_the_mean(demand))),
        ("static_peak", Box::new(Fixed::peak(demand))),
    ];
    match demand.resource {
        Resource::Memory => {
            rivals.push((VPA, Box::new(Vpa::memory())));
            rivals.push(("autopilot", Box::new(Autopilot::memory())));
            rivals.push(("senpai", Box::new(Senpai::default())));
        }
        Resource::Cpu | Resource::Network => {
            rivals.push(("hpa_slow", Box::new(TargetTracking::slow())));
            rivals.push(("hpa_fast", Box::new(TargetTracking::fast())));
            rivals.push((VPA, Box::new(Vpa::cpu())));
            rivals.push(("autopilot", Box::new(Autopilot::cpu())));
            rivals.push((CAPTAIN, Box::new(Captain::new(0.1))));
            rivals.push(("captain_strict", Box::new(Captain::new(0.02))));
            rivals.push((
                "koordlet",
                Box::new(Koordlet::on(Fixed::twice_the_mean(demand))),
            ));
        }
    }
    if !demand.in_force.is_empty() {
        rivals.push(("in_force", Box::new(InForce::new(demand))));
    }
    rivals
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tick in which `used` was served and nothing was short.
    pub fn calm(step_s: f64, used: f64) -> Seen {
        Seen {
            step_s,
            used: Some(used),
            bounds: Bounds::NONE,
            throttled_share: 0.0,
            stalled_share: 0.0,
            kills: 0,
        }
    }

    #[test]
    fn every_rule_has_a_place_among_the_names() {
        for resource in [Resource::Cpu, Resource::Memory] {
            let demand = Demand {
                family: "f".into(),
                resource,
                step_s: 60.0,
                cut: 1,
                size: 1.0,
                values: vec![Some(1.0); 2],
                in_force: vec![Some(1.0); 2],
            };
            assert!(of(&demand).iter().all(|(name, _)| NAMES.contains(name)));
        }
    }

    pub fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs().max(1.0)
    }
}
