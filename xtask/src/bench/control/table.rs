//! The figures that `bench control` always gives, with the limits that the project has set itself.

use crate::bench::figures::Limit::{self, AtLeast, AtMost};
use crate::bench::figures::{Figure, figure};

/// See the module. Figures of single families stand beside them.
pub const FIGURES: [Figure; 17] = [
    replayed(
        "slack_vs_vpa_at_equal_stall",
        AtMost(0.4),
        "CPU: slack at the stall of the Vertical Pod Autoscaler, over its slack",
    ),
    replayed(
        "slack_vs_captain_at_equal_stall",
        AtMost(0.8),
        "CPU: slack at the stall of Autothrottle's Captain, over its slack",
    ),
    replayed(
        "dominated_families",
        AtMost(0.0),
        "CPU families on which a rival has both less slack and less stall",
    ),
    replayed(
        "dominated_families_memory",
        Limit::None,
        "the same of memory, with no more kills",
    ),
    replayed(
        "kills_standard",
        AtMost(0.0),
        "OOM kills with the standard preset",
    ),
    replayed(
        "all.memory.llmos.slack_ratio",
        AtMost(0.2),
        "memory: limit less use over use, against memory.max",
    ),
    replayed(
        "lstm_gain",
        Limit::None,
        "slack without the model over slack with it, at the stall of the standard preset",
    ),
    replayed("jain_70pct", AtLeast(0.95), "fairness at 70 % load"),
    replayed("jain_100pct", AtLeast(0.95), "fairness at 100 % load"),
    replayed("jain_130pct", AtLeast(0.95), "fairness at 130 % load"),
    replayed(
        "floors_broken_70pct",
        AtMost(0.0),
        "guaranteed floors that were broken at 70 % load",
    ),
    replayed(
        "floors_broken_100pct",
        AtMost(0.0),
        "guaranteed floors that were broken at 100 % load",
    ),
    replayed(
        "floors_broken_130pct",
        AtMost(0.0),
        "guaranteed floors that were broken at 130 % load",
    ),
    replayed(
        "bursts_served_70pct",
        Limit::None,
        "share of the bursts that are served in full one tick later, at 70 % load",
    ),
    replayed(
        "bursts_served_100pct",
        Limit::None,
        "share of the bursts that are served in full one tick later, at 100 % load",
    ),
    replayed(
        "decide_ms_1000",
        AtMost(2.0),
        "rates and decisions of 1,000 workloads, milliseconds on one core",
    ),
    replayed(
        "tick_ms_1000",
        Limit::None,
        "the same with the forecasts of the baseline",
    ),
];

const fn replayed(key: &'static str, limit: Limit, what: &'static str) -> Figure {
    figure("replay", key, limit, what)
}
