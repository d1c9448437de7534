//! The figures that `bench forecast` always gives, with the limits that the project has set itself.

use crate::bench::figures::Limit::{self, AtMost};
use crate::bench::figures::{Figure, figure};

/// See the module. Figures of single families stand beside them.
pub const FIGURES: [Figure; 7] = [
    figure(
        "replay",
        "pinball_ratio_geomean_cpu",
        AtMost(0.85),
        "loss of the system over the best simple rule, geometric mean of the CPU families",
    ),
    figure(
        "replay",
        "pinball_ratio_max",
        AtMost(1.0),
        "the same, the worst family and resource",
    ),
    figure(
        "replay",
        "coverage_err_pp_max",
        AtMost(1.0),
        "coverage, the worst family, resource and quantile, in percentage points",
    ),
    figure(
        "replay",
        "copier_share",
        Limit::None,
        "series on which the model only repeats its input late",
    ),
    figure(
        "replay",
        "system_copier_share",
        AtMost(0.0),
        "series on which the system only repeats its input late",
    ),
    figure(
        "leave-one-out",
        "pinball_ratio_geomean_loo",
        AtMost(0.92),
        "families that the training never saw, geometric mean",
    ),
    figure(
        "leave-one-out",
        "pinball_ratio_max_loo",
        AtMost(1.02),
        "the same, the worst",
    ),
];
