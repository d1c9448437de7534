//! From the records of the kernel side to the engine's samples, with the engine's units.

use llmos_common::counters::{CpuCounters, NetCounters, RareCounters};
use llmos_common::facts::{CgroupFacts, HAS_CPU, HAS_MEMORY, HAS_RUN, memory_event};
use llmos_engine::sample::{Limits, RawSample, Scheduling, Tcp, WaitHistogram};
use llmos_engine::units::{Bytes, Cores, Timestamp};

/// What the kernel writes for no quota, and what the engine knows as no limit.
const UNLIMITED: u64 = u64::MAX;
/// Load shares of a cgroup with `cpu.weight` 100: 1,024, times 1,024 of fixed-point scale.
const DEFAULT_SHARES: u64 = 1024 * 1024;
/// A page counter's limit that means none is the largest count of pages that fits a signed number
/// of bytes; rounding to pages leaves it just below this.
const NO_LIMIT_BYTES: u64 = (i64::MAX as u64) >> 16 << 16;

/// Which of the kernel side's counters can be trusted now: its probe runs and its map has room.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting {
    /// CPU time, switches, waits: zero for a cgroup without an entry.
    pub cpu: bool,
    /// Run-queue wait, which this kernel may not account.
    pub wait: bool,
    /// Traffic.
    pub network: bool,
    /// TCP connections and retransmits.
    pub tcp: bool,
    /// Accept queues.
    pub accept_queue: bool,
    /// Reclaim.
    pub reclaim: bool,
}

/// Bytes of a count of pages, which may be the one that means no limit.
fn limit_bytes(pages: u64, page: u64) -> Bytes {
    let bytes = pages.saturating_mul(page);
    Bytes(if bytes >= NO_LIMIT_BYTES {
        UNLIMITED
    } else {
        bytes
    })
}

/// Fills an empty sample from one row of the walk.
pub fn fill(
    sample: &mut RawSample,
    facts: &CgroupFacts,
    at: Timestamp,
    page: u64,
    counting: Counting,
) {
    sample.at = at;
    if facts.flags & HAS_MEMORY != 0 {
        sample.memory_current = Some(Bytes(facts.memory_pages.saturating_mul(page)));
        sample.swap = Some(Bytes(facts.swap_pages.saturating_mul(page)));
        let events = &facts.memory_events;
        sample.memory_high_events = Some(events[memory_event::HIGH]);
        sample.memory_max_events = Some(events[memory_event::MAX]);
        sample.oom_events = Some(events[memory_event::OOM]);
        sample.oom_kills = Some(events[memory_event::OOM_KILL]);
    }
    if facts.flags & HAS_CPU != 0 {
        sample.periods = Some(facts.periods);
        sample.throttled_periods = Some(facts.throttled_periods);
        sample.throttled_ns = Some(facts.throttled_ns);
        sample.burst_periods = Some(facts.burst_periods);
        sample.burst_ns = Some(facts.burst_used_ns);
    }
    let cpu = CpuCounters {
        run_ns: facts.run_ns,
        switches: facts.switches,
        wait_ns: facts.wait_ns,
        waits: facts.waits,
        wait_buckets: facts.wait_buckets,
    };
    // Without a flag there is no entry: nothing of it ran.
    debug_assert!(facts.flags & HAS_RUN != 0 || cpu == CpuCounters::default());
    add_counters(sample, &cpu, &facts.net, &facts.rare, counting);
}

/// Lays the kernel side's counters over a sample.
pub fn add_counters(
    sample: &mut RawSample,
    cpu: &CpuCounters,
    net: &NetCounters,
    rare: &RareCounters,
    counting: Counting,
) {
    if counting.cpu {
        sample.cpu_ns = Some(cpu.run_ns);
    }
    if counting.cpu && counting.wait {
        sample.scheduling = Some(Scheduling {
            switches: cpu.switches,
            wait_ns: cpu.wait_ns,
            waits: WaitHistogram(cpu.wait_buckets),
        });
    }
    if counting.network {
        sample.rx_bytes = Some(net.rx_bytes);
        sample.tx_bytes = Some(net.tx_bytes);
        sample.rx_packets = Some(net.rx_packets);
        sample.tx_packets = Some(net.tx_packets);
        sample.rtt_us = Some((net.rtt_us_sum, net.rtt_samples));
    }
    if counting.tcp {
        sample.tcp = Some(Tcp {
            opened: rare.tcp_opened,
            accepted: rare.tcp_accepted,
            retransmits: rare.tcp_retransmits,
        });
    }
    if counting.accept_queue {
        sample.accept_queue_1024 = Some((rare.accept_queue_sum, rare.accept_queue_samples));
    }
    if counting.reclaim {
        sample.reclaim_ns = Some(rare.reclaim_ns);
    }
}

/// The limits of one row of the walk.
#[must_use]
pub fn limits(facts: &CgroupFacts, page: u64) -> Limits {
    let mut limits = Limits::default();
    if facts.flags & HAS_CPU != 0 {
        limits.cpu = Some(Cores(match facts.quota_ns {
            UNLIMITED => f64::INFINITY,
            _ if facts.period_ns == 0 => f64::INFINITY,
            quota_ns => quota_ns as f64 / facts.period_ns as f64,
        }));
        limits.cpu_period_us = Some(facts.period_ns / 1_000);
        limits.cpu_burst_us = Some(facts.burst_ns / 1_000);
        limits.cpu_weight = Some((facts.shares * 100 + DEFAULT_SHARES / 2) / DEFAULT_SHARES);
    }
    if facts.flags & HAS_MEMORY != 0 {
        limits.memory_high = Some(limit_bytes(facts.memory_high_pages, page));
        limits.memory_max = Some(limit_bytes(facts.memory_max_pages, page));
    }
    limits
}

#[cfg(test)]
mod tests {
    use llmos_common::counters::{WAIT_BUCKETS, wait_bucket_limit_ns};

    use super::*;

    fn sample(facts: &CgroupFacts, counting: Counting) -> RawSample {
        let mut sample = RawSample::default();
        fill(&mut sample, facts, Timestamp(1), 4096, counting);
        sample
    }

    #[test]
    fn both_sides_mean_the_same_buckets() {
        assert_eq!(WAIT_BUCKETS, llmos_engine::sample::WAIT_BUCKETS);
        for bucket in 0..WAIT_BUCKETS {
            assert_eq!(
                wait_bucket_limit_ns(bucket),
                WaitHistogram::limit_ns(bucket)
            );
        }
    }

    #[test]
    fn no_controller_means_unknown_and_no_limit_means_no_limit() {
        let bare = CgroupFacts::default();
        assert_eq!(sample(&bare, Counting::default()).memory_current, None);
        assert_eq!(limits(&bare, 4096), Limits::default());
        let full = CgroupFacts {
            flags: HAS_MEMORY | HAS_CPU,
            quota_ns: u64::MAX,
            period_ns: 100_000_000,
            shares: 1024 * 1024,
            memory_high_pages: i64::MAX as u64 / 4096,
            memory_max_pages: 256,
            ..bare
        };
        let limits = limits(&full, 4096);
        assert_eq!(limits.cpu, Some(Cores(f64::INFINITY)));
        assert_eq!(limits.cpu_weight, Some(100));
        assert_eq!(limits.memory_high, Some(Bytes(u64::MAX)));
        assert_eq!(limits.memory_max, Some(Bytes::from_mib(1)));
    }

    #[test]
    fn a_probe_that_does_not_run_leaves_its_metrics_absent() {
        let facts = CgroupFacts {
            flags: HAS_RUN,
            run_ns: 5,
            ..CgroupFacts::default()
        };
        let off = sample(&facts, Counting::default());
        assert_eq!(
            (off.cpu_ns, off.rx_bytes, off.scheduling),
            (None, None, None)
        );
        let counting = Counting {
            cpu: true,
            ..Counting::default()
        };
        let on = sample(&facts, counting);
        assert_eq!((on.cpu_ns, on.scheduling), (Some(5), None));
    }
}
