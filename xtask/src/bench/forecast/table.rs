//! The figures that `bench forecast` always gives, with the limits that the project has set itself.

use crate::bench::figures::Limit::{self, AtMost};
use crate::bench::figures::{Figure, figure};

/// See the module. Figures of single families stand beside them.
pub const FIGURES: [Figure; 23] = [
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
    figure(
        "speed",
        "step_us.1",
        Limit::None,
        "a step as the agent takes it, microseconds a row, batches of 1",
    ),
    figure(
        "speed",
        "step_us.16",
        AtMost(3.0),
        "a step as the agent takes it, microseconds a row, batches of 16",
    ),
    figure(
        "speed",
        "step_us.128",
        AtMost(3.0),
        "a step as the agent takes it, microseconds a row, batches of 128",
    ),
    figure(
        "speed",
        "step_us.1024",
        AtMost(3.0),
        "a step as the agent takes it, microseconds a row, batches of 1,024",
    ),
    figure(
        "speed",
        "ort_ratio.1",
        Limit::None,
        "the same over ONNX Runtime, batches of 1",
    ),
    figure(
        "speed",
        "ort_ratio.16",
        AtMost(1.15),
        "the same over ONNX Runtime, batches of 16",
    ),
    figure(
        "speed",
        "ort_ratio.128",
        AtMost(1.15),
        "the same over ONNX Runtime, batches of 128",
    ),
    figure(
        "speed",
        "ort_ratio.1024",
        AtMost(1.15),
        "the same over ONNX Runtime, batches of 1,024",
    ),
    figure(
        "speed",
        "ort_us.1",
        Limit::None,
        "a step in ONNX Runtime, microseconds a row, batches of 1",
    ),
    figure(
        "speed",
        "ort_us.16",
        Limit::None,
        "a step in ONNX Runtime, microseconds a row, batches of 16",
    ),
    figure(
        "speed",
        "ort_us.128",
        Limit::None,
        "a step in ONNX Runtime, microseconds a row, batches of 128",
    ),
    figure(
        "speed",
        "ort_us.1024",
        Limit::None,
        "a step in ONNX Runtime, microseconds a row, batches of 1,024",
    ),
    figure(
        "speed",
        "tract_us.1",
        Limit::None,
        "a step in tract, microseconds a row, batches of 1",
    ),
    figure(
        "speed",
        "tract_us.16",
        Limit::None,
        "a step in tract, microseconds a row, batches of 16",
    ),
    figure(
        "speed",
        "tract_us.128",
        Limit::None,
        "a step in tract, microseconds a row, batches of 128",
    ),
    figure(
        "speed",
        "tract_us.1024",
        Limit::None,
        "a step in tract, microseconds a row, batches of 1,024",
    ),
];
