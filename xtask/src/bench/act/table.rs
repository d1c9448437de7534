//! The figures that `bench act` always gives, with the limits that the project has set itself.

use crate::bench::figures::Limit;
use crate::bench::figures::{Figure, figure};

/// See the module.
pub const FIGURES: [Figure; 31] = [
    bursts(
        "bursts.llmos.unthrottled_share",
        "LLMOS: bursts without a throttled period",
    ),
    bursts(
        "bursts.llmos.stretch_p50",
        "LLMOS: median of wall time over what the CPU time takes",
    ),
    bursts(
        "bursts.llmos.stretch_p99",
        "LLMOS: the same, 99th percentile",
    ),
    bursts(
        "bursts.llmos.slack_ratio",
        "LLMOS: mean quota less mean use over mean use",
    ),
    bursts("bursts.llmos.bursts", "LLMOS: bursts that were measured"),
    bursts(
        "bursts.llmos_tick_only.unthrottled_share",
        "LLMOS without its fast path: bursts without a throttled period",
    ),
    bursts(
        "bursts.llmos_tick_only.stretch_p50",
        "LLMOS without its fast path: median of wall time over what the CPU time takes",
    ),
    bursts(
        "bursts.llmos_tick_only.stretch_p99",
        "LLMOS without its fast path: the same, 99th percentile",
    ),
    bursts(
        "bursts.llmos_tick_only.slack_ratio",
        "LLMOS without its fast path: mean quota less mean use over mean use",
    ),
    bursts(
        "bursts.llmos_tick_only.bursts",
        "LLMOS without its fast path: bursts that were measured",
    ),
    bursts(
        "bursts.captain.unthrottled_share",
        "Autothrottle's Captain: bursts without a throttled period",
    ),
    bursts(
        "bursts.captain.stretch_p50",
        "Autothrottle's Captain: median of wall time over what the CPU time takes",
    ),
    bursts(
        "bursts.captain.stretch_p99",
        "Autothrottle's Captain: the same, 99th percentile",
    ),
    bursts(
        "bursts.captain.slack_ratio",
        "Autothrottle's Captain: mean quota less mean use over mean use",
    ),
    bursts(
        "bursts.captain.bursts",
        "Autothrottle's Captain: bursts that were measured",
    ),
    bursts(
        "bursts.koordlet.unthrottled_share",
        "Koordinator's CPU burst: bursts without a throttled period",
    ),
    bursts(
        "bursts.koordlet.stretch_p50",
        "Koordinator's CPU burst: median of wall time over what the CPU time takes",
    ),
    bursts(
        "bursts.koordlet.stretch_p99",
        "Koordinator's CPU burst: the same, 99th percentile",
    ),
    bursts(
        "bursts.koordlet.slack_ratio",
        "Koordinator's CPU burst: mean quota less mean use over mean use",
    ),
    bursts(
        "bursts.koordlet.bursts",
        "Koordinator's CPU burst: bursts that were measured",
    ),
    bursts(
        "bursts.none.unthrottled_share",
        "the quota alone: bursts without a throttled period",
    ),
    bursts(
        "bursts.none.stretch_p50",
        "the quota alone: median of wall time over what the CPU time takes",
    ),
    bursts(
        "bursts.none.stretch_p99",
        "the quota alone: the same, 99th percentile",
    ),
    bursts(
        "bursts.none.slack_ratio",
        "the quota alone: mean quota less mean use over mean use",
    ),
    bursts(
        "bursts.none.bursts",
        "the quota alone: bursts that were measured",
    ),
    bursts(
        "event_to_write_ms.p50",
        "LLMOS: from the event in the kernel to the written quota, median",
    ),
    bursts(
        "event_to_write_ms.p99",
        "LLMOS: from the event in the kernel to the written quota, 99th percentile",
    ),
    oom(
        "oom_runs",
        Limit::None,
        "programs that grew past their limit, with the agent",
    ),
    oom(
        "oom_kills_with",
        Limit::AtMost(0.0),
        "of these, killed or stuck",
    ),
    oom(
        "oom_kills_without",
        Limit::None,
        "the same programs without the agent, killed or stuck",
    ),
    oom(
        "oom_stretch_p50",
        Limit::None,
        "time with the agent over time without a limit, median",
    ),
];

const fn oom(key: &'static str, limit: Limit, what: &'static str) -> Figure {
    figure("oom", key, limit, what)
}

const fn bursts(key: &'static str, what: &'static str) -> Figure {
    figure("bursts", key, Limit::None, what)
}
