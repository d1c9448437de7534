//! Rates from two readings of the same cgroup. A rate exists only where both ends do.

use super::RawSample;
use crate::units::{Bytes, BytesPerSec, Cores};

/// What a workload used between two readings. `None` means unknown, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// CPU use.
    pub cpu: Option<Cores>,
    /// Share of the enforcement periods in which the quota ran out, 0 to 1. Zero when no period
    /// was enforced (no quota, or nothing ran).
    pub throttled_share: Option<f64>,
    /// `memory.current` at the later reading.
    pub memory: Option<Bytes>,
    /// Memory that cannot be dropped without harm, at the later reading.
    pub working_set: Option<Bytes>,
    /// Share of the time in which some task stalled for memory, 0 to 1.
    pub memory_stall_share: Option<f64>,
    /// Share of the time in which some task waited for CPU, 0 to 1.
    pub cpu_stall_share: Option<f64>,
    /// Bytes received per second.
    pub rx: Option<BytesPerSec>,
    /// Bytes sent per second.
    pub tx: Option<BytesPerSec>,
    /// Packets received per second.
    pub rx_packets_per_s: Option<f64>,
    /// Packets sent per second.
    pub tx_packets_per_s: Option<f64>,
    /// OOM kills since the earlier reading.
    pub oom_kills_new: Option<u64>,
    /// Times that `memory.high` was exceeded since the earlier reading.
    pub memory_high_new: Option<u64>,
}

impl Usage {
    /// Bytes in plus bytes out per second; unknown if either side is.
    #[must_use]
    pub fn network(&self) -> Option<BytesPerSec> {
        Some(BytesPerSec(self.rx?.0 + self.tx?.0))
    }
}

/// Use between two readings of one cgroup. A counter that went back (the cgroup or its reader
/// started anew) gives no rate, and neither does a clock that stood still; gauges come from
/// `cur` in any case.
#[must_use]
pub fn usage_between(prev: &RawSample, cur: &RawSample) -> Usage {
    let elapsed_ns = cur.at.0.saturating_sub(prev.at.0);
    let grown = |before: Option<u64>, after: Option<u64>| -> Option<u64> {
        if elapsed_ns == 0 {
            return None;
        }
        after?.checked_sub(before?)
    };
    let elapsed_s = elapsed_ns as f64 / 1e9;
    let per_second = |before, after| grown(before, after).map(|n| n as f64 / elapsed_s);
    let share_of_time = |before, after| {
        grown(before, after).map(|ns: u64| (ns as f64 / elapsed_ns as f64).min(1.0))
    };
    let periods = grown(prev.periods, cur.periods);
    let throttled = grown(prev.throttled_periods, cur.throttled_periods);

    Usage {
        cpu: grown(prev.cpu_ns, cur.cpu_ns).map(|ns| Cores(ns as f64 / elapsed_ns as f64)),
        throttled_share: periods.zip(throttled).map(|(all, hit)| match all {
            0 => 0.0,
            _ => (hit as f64 / all as f64).min(1.0),
        }),
        memory: cur.memory_current,
        working_set: cur.working_set,
        memory_stall_share: share_of_time(prev.memory_stall_ns, cur.memory_stall_ns),
        cpu_stall_share: share_of_time(prev.cpu_stall_ns, cur.cpu_stall_ns),
        rx: per_second(prev.rx_bytes, cur.rx_bytes).map(BytesPerSec),
        tx: per_second(prev.tx_bytes, cur.tx_bytes).map(BytesPerSec),
        rx_packets_per_s: per_second(prev.rx_packets, cur.rx_packets),
        tx_packets_per_s: per_second(prev.tx_packets, cur.tx_packets),
        oom_kills_new: grown(prev.oom_kills, cur.oom_kills),
        memory_high_new: grown(prev.memory_high_events, cur.memory_high_events),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Timestamp;

    fn reading(at_s: u64, cpu_ns: u64) -> RawSample {
        RawSample {
            at: Timestamp(at_s * 1_000_000_000),
            cpu_ns: Some(cpu_ns),
            ..Default::default()
        }
    }

    #[test]
    fn cpu_time_over_elapsed_time_is_cores() {
        let usage = usage_between(&reading(1, 0), &reading(3, 3_000_000_000));
        assert_eq!(usage.cpu, Some(Cores(1.5)));
    }

    #[test]
    fn a_counter_that_went_back_gives_no_rate() {
        let usage = usage_between(&reading(1, 900), &reading(2, 100));
        assert_eq!(usage.cpu, None);
    }

    #[test]
    fn a_clock_that_stood_still_or_went_back_gives_no_rate() {
        assert_eq!(usage_between(&reading(2, 0), &reading(2, 100)).cpu, None);
        assert_eq!(usage_between(&reading(2, 0), &reading(1, 100)).cpu, None);
    }

    #[test]
    fn one_missing_end_gives_no_rate_but_gauges_stay() {
        let prev = RawSample {
            cpu_ns: None,
            ..reading(1, 0)
        };
        let cur = RawSample {
            memory_current: Some(Bytes(7)),
            ..reading(2, 5)
        };
        let usage = usage_between(&prev, &cur);
        assert_eq!(usage.cpu, None);
        assert_eq!(usage.rx, None);
        assert_eq!(usage.memory, Some(Bytes(7)));
    }

    #[test]
    fn no_enforced_period_means_no_throttling() {
        let with = |periods, throttled| RawSample {
            periods: Some(periods),
            throttled_periods: Some(throttled),
            ..Default::default()
        };
        let at = |s: u64, sample| RawSample {
            at: Timestamp(s),
            ..sample
        };
        let share = |a, b| usage_between(&at(1, a), &at(2, b)).throttled_share;
        assert_eq!(share(with(10, 1), with(10, 1)), Some(0.0));
        assert_eq!(share(with(10, 1), with(20, 6)), Some(0.5));
    }

    #[test]
    fn network_needs_both_directions() {
        let usage = Usage {
            rx: Some(BytesPerSec(1.0)),
            ..Usage::default()
        };
        assert_eq!(usage.network(), None);
        let usage = Usage {
            tx: Some(BytesPerSec(2.0)),
            ..usage
        };
        assert_eq!(usage.network(), Some(BytesPerSec(3.0)));
    }
}
