//! Rates from two readings of the same cgroup. A rate exists only where both ends do.

use super::{MemoryStat, RawSample, WaitHistogram};
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
    /// Times that use was about to go over `memory.max` since the earlier reading.
    pub memory_max_new: Option<u64>,
    /// Times that no memory could be found under the limit since the earlier reading.
    pub oom_new: Option<u64>,
    /// Context switches per second.
    pub switches_per_s: Option<f64>,
    /// Seconds that tasks waited for the CPU per second, summed over tasks: above 1 when several
    /// wait at once.
    pub run_queue_wait: Option<f64>,
    /// Median wait for the CPU in microseconds; `None` when nothing waited.
    pub wait_p50_us: Option<f64>,
    /// 99 % quantile of the wait for the CPU in microseconds; `None` when nothing waited.
    pub wait_p99_us: Option<f64>,
    /// Seconds throttled per second, summed over CPUs.
    pub throttled: Option<f64>,
    /// Share of the enforcement periods that used burst credit, 0 to 1.
    pub burst_share: Option<f64>,
    /// Seconds of CPU time out of the burst credit per second.
    pub burst: Option<f64>,
    /// Near-quota events since the earlier reading.
    pub near_quota_new: Option<u64>,
    /// Memory of processes that no file stands behind.
    pub anon: Option<Bytes>,
    /// Memory of cached files.
    pub file: Option<Bytes>,
    /// Memory of the kernel on behalf of the workload.
    pub kernel: Option<Bytes>,
    /// Swap in use.
    pub swap: Option<Bytes>,
    /// Change of `memory.current` in bytes per second; negative when it shrinks.
    pub memory_slope: Option<f64>,
    /// Page faults without a read per second, over the time between the last two readings of
    /// `memory.stat`, as are the next two.
    pub minor_faults_per_s: Option<f64>,
    /// Page faults with a read per second.
    pub major_faults_per_s: Option<f64>,
    /// Pages dropped and soon needed again, per second.
    pub refaults_per_s: Option<f64>,
    /// Seconds that tasks spent freeing memory per second, summed over tasks.
    pub reclaim: Option<f64>,
    /// Share of the time in which all tasks stalled for memory, 0 to 1.
    pub memory_full_stall_share: Option<f64>,
    /// TCP connections opened per second.
    pub tcp_opened_per_s: Option<f64>,
    /// TCP connections accepted per second.
    pub tcp_accepted_per_s: Option<f64>,
    /// TCP segments sent again per second.
    pub tcp_retransmits_per_s: Option<f64>,
    /// Mean of the sampled TCP round-trip times in microseconds; `None` without samples.
    pub rtt_us: Option<f64>,
    /// Mean fill of the accept queue when a connection came in, 0 to 1; `None` when none came.
    pub accept_queue_share: Option<f64>,
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
    let seconds_each_second =
        |before, after| grown(before, after).map(|ns| ns as f64 / elapsed_ns as f64);
    // Of a sum and its count: the mean of what came in between.
    let mean = |before: Option<(u64, u64)>, after: Option<(u64, u64)>| {
        let sum = grown(before.map(|b| b.0), after.map(|a| a.0))?;
        let count = grown(before.map(|b| b.1), after.map(|a| a.1))?;
        (count > 0).then(|| sum as f64 / count as f64)
    };
    let waits = waits_between(prev, cur);
    let stat = StatRates::between(cur.memory_stat_before.as_ref(), cur.memory_stat.as_ref());
    let bursts = grown(prev.burst_periods, cur.burst_periods);
    let slope = |before: Bytes, after: Bytes| (after.0 as f64 - before.0 as f64) / elapsed_s;
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
        memory_max_new: grown(prev.memory_max_events, cur.memory_max_events),
        oom_new: grown(prev.oom_events, cur.oom_events),
        switches_per_s: per_second(
            prev.scheduling.map(|s| s.switches),
            cur.scheduling.map(|s| s.switches),
        ),
        run_queue_wait: seconds_each_second(
            prev.scheduling.map(|s| s.wait_ns),
            cur.scheduling.map(|s| s.wait_ns),
        ),
        wait_p50_us: waits.and_then(|w| w.quantile_ns(0.5)).map(|ns| ns / 1e3),
        wait_p99_us: waits.and_then(|w| w.quantile_ns(0.99)).map(|ns| ns / 1e3),
        throttled: seconds_each_second(prev.throttled_ns, cur.throttled_ns),
        burst_share: periods.zip(bursts).map(|(all, used)| match all {
            0 => 0.0,
            _ => (used as f64 / all as f64).min(1.0),
        }),
        burst: seconds_each_second(prev.burst_ns, cur.burst_ns),
        near_quota_new: grown(prev.near_quota_events, cur.near_quota_events),
        anon: cur.memory_stat.and_then(|s| s.anon),
        file: cur.memory_stat.and_then(|s| s.file),
        kernel: cur.memory_stat.and_then(|s| s.kernel),
        swap: cur.swap,
        memory_slope: (elapsed_ns > 0)
            .then(|| Some(slope(prev.memory_current?, cur.memory_current?)))
            .flatten(),
        minor_faults_per_s: stat.minor_faults,
        major_faults_per_s: stat.major_faults,
        refaults_per_s: stat.refaults,
        reclaim: seconds_each_second(prev.reclaim_ns, cur.reclaim_ns),
        memory_full_stall_share: share_of_time(prev.memory_full_stall_ns, cur.memory_full_stall_ns),
        tcp_opened_per_s: per_second(prev.tcp.map(|t| t.opened), cur.tcp.map(|t| t.opened)),
        tcp_accepted_per_s: per_second(prev.tcp.map(|t| t.accepted), cur.tcp.map(|t| t.accepted)),
        tcp_retransmits_per_s: per_second(
            prev.tcp.map(|t| t.retransmits),
            cur.tcp.map(|t| t.retransmits),
        ),
        rtt_us: mean(prev.rtt_us, cur.rtt_us),
        accept_queue_share: mean(prev.accept_queue_1024, cur.accept_queue_1024)
            .map(|fill| fill / 1024.0),
    }
}

/// Waits between two readings, by length; `None` when a counter went back.
fn waits_between(prev: &RawSample, cur: &RawSample) -> Option<WaitHistogram> {
    let (before, after) = (prev.scheduling?, cur.scheduling?);
    (after.switches >= before.switches && after.wait_ns >= before.wait_ns)
        .then(|| after.waits.since(&before.waits))
}

/// Rates of `memory.stat` over the time between its last two readings.
#[derive(Default)]
struct StatRates {
    minor_faults: Option<f64>,
    major_faults: Option<f64>,
    refaults: Option<f64>,
}

impl StatRates {
    fn between(prev: Option<&MemoryStat>, cur: Option<&MemoryStat>) -> Self {
        let (Some(prev), Some(cur)) = (prev, cur) else {
            return Self::default();
        };
        let elapsed_s = cur.at.seconds_since(prev.at);
        let rate = |before: Option<u64>, after: Option<u64>| {
            let grown = after?.checked_sub(before?)?;
            (elapsed_s > 0.0).then(|| grown as f64 / elapsed_s)
        };
        Self {
            minor_faults: rate(prev.minor_faults, cur.minor_faults),
            major_faults: rate(prev.major_faults, cur.major_faults),
            refaults: rate(prev.refaults, cur.refaults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Scheduling;
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
    fn waits_have_quantiles_and_a_sum() {
        let mut before = reading(1, 0);
        let mut after = reading(2, 0);
        before.scheduling = Some(Scheduling::default());
        let mut waits = WaitHistogram::default();
        waits.0[0] = 10;
        after.scheduling = Some(Scheduling {
            switches: 20,
            wait_ns: 500_000_000,
            waits,
        });
        let usage = usage_between(&before, &after);
        assert_eq!(usage.switches_per_s, Some(20.0));
        assert_eq!(usage.run_queue_wait, Some(0.5));
        assert!(usage.wait_p50_us.unwrap() < usage.wait_p99_us.unwrap());
        assert_eq!(usage_between(&after, &before).wait_p50_us, None);
    }

    #[test]
    fn a_mean_needs_samples() {
        let mut before = reading(1, 0);
        let mut after = reading(2, 0);
        (before.rtt_us, after.rtt_us) = (Some((100, 1)), Some((400, 3)));
        assert_eq!(usage_between(&before, &after).rtt_us, Some(150.0));
        assert_eq!(usage_between(&after, &after).rtt_us, None);
    }

    #[test]
    fn faults_are_rates_over_the_time_between_two_readings_of_the_file() {
        let stat = |at_s: u64, faults| MemoryStat {
            at: Timestamp(at_s * 1_000_000_000),
            minor_faults: Some(faults),
            ..MemoryStat::default()
        };
        let before = reading(40, 0);
        let mut after = reading(41, 0);
        after.memory_stat = Some(stat(31, 400));
        assert_eq!(usage_between(&before, &after).minor_faults_per_s, None);
        after.memory_stat_before = Some(stat(1, 100));
        let usage = usage_between(&before, &after);
        assert_eq!(usage.minor_faults_per_s, Some(10.0));
        assert_eq!(usage.major_faults_per_s, None);
    }

    #[test]
    fn a_shrinking_workload_has_a_negative_slope() {
        let with = |at_s, bytes| RawSample {
            memory_current: Some(Bytes(bytes)),
            ..reading(at_s, 0)
        };
        let usage = usage_between(&with(1, 3_000), &with(3, 1_000));
        assert_eq!(usage.memory_slope, Some(-1_000.0));
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
