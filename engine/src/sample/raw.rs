//! One reading of one cgroup, exactly as the kernel gave it. Missing is `None`, never zero.

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
}

/// The limits in force, as read from the cgroup's files. An outer `None` means that the file
/// could not be read (no controller).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// `cpu.max` as cores (quota over period); `f64::INFINITY` for `max`.
    pub cpu: Option<crate::units::Cores>,
    /// `memory.high`; `Bytes(u64::MAX)` for `max`.
    pub memory_high: Option<Bytes>,
    /// `memory.max`; `Bytes(u64::MAX)` for `max`.
    pub memory_max: Option<Bytes>,
}
