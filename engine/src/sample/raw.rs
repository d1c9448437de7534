//! One reading of one cgroup, exactly as the kernel gave it. Missing is `None`, never zero.

use super::WaitHistogram;
use crate::units::{Bytes, Timestamp};

/// Counters and gauges of one cgroup at one moment. Counters only grow while the cgroup lives.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RawSample {
    /// When the reading was taken.
    pub at: Timestamp,
    /// CPU time used since the cgroup was made, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Time that tasks spent throttled by `cpu.max`, in nanoseconds (sum over CPUs).
    pub throttled_ns: Option<u64>,
    /// Enforcement periods that ran, and those in which the group was throttled.
    pub periods: Option<u64>,
    /// Periods in which the group was throttled.
    pub throttled_periods: Option<u64>,
    /// `memory.current`.
    pub memory_current: Option<Bytes>,
    /// `memory.current` less inactive file pages: what cannot be dropped without harm.
    pub working_set: Option<Bytes>,
    /// Total time in which some task stalled for memory (`memory.pressure`, some), nanoseconds.
    pub memory_stall_ns: Option<u64>,
    /// Total time in which some task waited for CPU (`cpu.pressure`, some), nanoseconds.
    pub cpu_stall_ns: Option<u64>,
    /// Count of `oom_kill` in `memory.events`.
    pub oom_kills: Option<u64>,
    /// Count of `high` in `memory.events`: times that `memory.high` was exceeded.
    pub memory_high_events: Option<u64>,
    /// Bytes received.
    pub rx_bytes: Option<u64>,
    /// Bytes sent.
    pub tx_bytes: Option<u64>,
    /// Packets received.
    pub rx_packets: Option<u64>,
    /// Packets sent.
    pub tx_packets: Option<u64>,
    /// Sum of sampled round-trip times in microseconds, and the count of samples.
    pub rtt_us: Option<(u64, u64)>,
    /// Connections and retransmits.
    pub tcp: Option<Tcp>,
    /// Sum over accepted connections of the accept queue's fill in 1/1024, and their count.
    pub accept_queue_1024: Option<(u64, u64)>,
    /// Context switches and run-queue wait.
    pub scheduling: Option<Scheduling>,
    /// Periods that used more than the quota, out of the burst.
    pub burst_periods: Option<u64>,
    /// Time run beyond the quota, out of the burst, in nanoseconds.
    pub burst_ns: Option<u64>,
    /// Times that the kernel side told that the quota was nearly used up.
    pub near_quota_events: Option<u64>,
    /// What `memory.stat` said when it was read last.
    pub memory_stat: Option<MemoryStat>,
    /// What it said the time before, so that rates last from one reading to the next.
    pub memory_stat_before: Option<MemoryStat>,
    /// Swap charged.
    pub swap: Option<Bytes>,
    /// Total time in which all tasks stalled for memory (`memory.pressure`, full), nanoseconds.
    pub memory_full_stall_ns: Option<u64>,
    /// Time that tasks spent freeing memory before they could go on, in nanoseconds.
    pub reclaim_ns: Option<u64>,
    /// Count of `max` in `memory.events`: times that use was about to go over `memory.max`.
    pub memory_max_events: Option<u64>,
    /// Count of `oom` in `memory.events`: times that no memory could be found under the limit.
    pub oom_events: Option<u64>,
}

impl RawSample {
    /// What rates are made of at the next reading: all but what `memory.stat` said, which brings its own
    /// last time with it.
    #[must_use]
    pub const fn counters(&self) -> Self {
        Self {
            memory_stat: None,
            memory_stat_before: None,
            ..*self
        }
    }
}

/// Scheduling since the cgroup was seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scheduling {
    /// Times that a task left the CPU.
    pub switches: u64,
    /// Time that tasks were ready to run and waited, in nanoseconds, summed over tasks.
    pub wait_ns: u64,
    /// Waits by length.
    pub waits: WaitHistogram,
}

/// TCP since the cgroup was seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tcp {
    /// Connections opened.
    pub opened: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Segments sent again.
    pub retransmits: u64,
}

/// Selected lines of `memory.stat`, which is read less often than each tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryStat {
    /// When it was read.
    pub at: Timestamp,
    /// Memory of processes that no file stands behind.
    pub anon: Option<Bytes>,
    /// Memory of cached files.
    pub file: Option<Bytes>,
    /// Memory of the kernel on behalf of the cgroup.
    pub kernel: Option<Bytes>,
    /// Page faults that needed no read (`pgfault` less `pgmajfault`).
    pub minor_faults: Option<u64>,
    /// Page faults that needed a read (`pgmajfault`).
    pub major_faults: Option<u64>,
    /// Pages that were dropped and soon needed again (`workingset_refault_*`).
    pub refaults: Option<u64>,
}

/// The limits in force, as read from the cgroup's files. An outer `None` means that the file
/// could not be read (no controller).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// `cpu.max` as cores (quota over period); `f64::INFINITY` for `max`.
    pub cpu: Option<crate::units::Cores>,
    /// Length of the enforcement period in microseconds.
    pub cpu_period_us: Option<u64>,
    /// `cpu.max.burst`: how much unused quota may be saved up, in microseconds of CPU time.
    pub cpu_burst_us: Option<u64>,
    /// `cpu.weight`, 1 to 10000, 100 by default.
    pub cpu_weight: Option<u64>,
    /// `memory.high`; `Bytes(u64::MAX)` for `max`.
    pub memory_high: Option<Bytes>,
    /// `memory.max`; `Bytes(u64::MAX)` for `max`.
    pub memory_max: Option<Bytes>,
}
