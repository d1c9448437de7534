//! What the cgroup iterator writes of each cgroup, in the units of the kernel.

use crate::counters::{NetCounters, RareCounters, WAIT_BUCKETS};

/// The cgroup has a memory controller: the memory members hold values.
pub const HAS_MEMORY: u32 = 1;
/// The cgroup has a CPU controller with bandwidth control.
pub const HAS_CPU: u32 = 2;
/// The kernel accounts pressure for it.
pub const HAS_PSI: u32 = 4;
/// A task of it ran since the probe was loaded.
pub const HAS_RUN: u32 = 8;

/// Everything of one cgroup at one moment. Zero where the flag of the part is not set.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CgroupFacts {
    /// cgroup id.
    pub id: u64,
    /// Which parts hold values.
    pub flags: u32,
    /// Depth below the root of the hierarchy.
    pub level: u32,
    /// Pages charged.
    pub memory_pages: u64,
    /// `memory.high` in pages.
    pub memory_high_pages: u64,
    /// `memory.max` in pages.
    pub memory_max_pages: u64,
    /// Pages of swap charged.
    pub swap_pages: u64,
    /// `memory.events`: `high`, `max`, `oom`, `oom_kill`, of the cgroup and all below it.
    pub memory_events: [u64; 4],
    /// Quota of a period in nanoseconds; `u64::MAX` for none.
    pub quota_ns: u64,
    /// Length of a period in nanoseconds.
    pub period_ns: u64,
    /// `cpu.max.burst` in nanoseconds.
    pub burst_ns: u64,
    /// `cpu.weight` as the scheduler's load shares, scaled by 1024.
    pub shares: u64,
    /// Periods that ran with a quota.
    pub periods: u64,
    /// Of those, periods in which it was throttled.
    pub throttled_periods: u64,
    /// Nanoseconds throttled, over all CPUs.
    pub throttled_ns: u64,
    /// Periods that used more than the quota, out of the burst.
    pub burst_periods: u64,
    /// Nanoseconds run beyond the quota, out of the burst.
    pub burst_used_ns: u64,
    /// Nanoseconds of pressure, as of the kernel's last averaging (each 2 s while there is
    /// activity): CPU some, memory some, memory full.
    pub pressure_ns: [u64; 3],
    /// As in `CpuCounters`, all CPUs added up.
    pub run_ns: u64,
    /// As in `CpuCounters`.
    pub switches: u64,
    /// As in `CpuCounters`.
    pub wait_ns: u64,
    /// As in `CpuCounters`.
    pub waits: u64,
    /// As in `CpuCounters`.
    pub wait_buckets: [u32; WAIT_BUCKETS],
    /// Traffic, all CPUs added up.
    pub net: NetCounters,
    /// Connections and reclaim.
    pub rare: RareCounters,
}

/// Positions in [`CgroupFacts::memory_events`].
pub mod memory_event {
    /// Times that `memory.high` was exceeded.
    pub const HIGH: usize = 0;
    /// Times that use was about to go over `memory.max`.
    pub const MAX: usize = 1;
    /// Times that no memory could be found under the limit.
    pub const OOM: usize = 2;
    /// Processes killed for it.
    pub const OOM_KILL: usize = 3;
}

/// Positions in [`CgroupFacts::pressure_ns`].
pub mod pressure {
    /// Some task waited for CPU.
    pub const CPU_SOME: usize = 0;
    /// Some task waited for memory.
    pub const MEMORY_SOME: usize = 1;
    /// All tasks waited for memory.
    pub const MEMORY_FULL: usize = 2;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn layout_has_no_padding() {
        let fields = 8 + 4 + 4 + 4 * 8 + 4 * 8 + 9 * 8 + 3 * 8 + 4 * 8 + WAIT_BUCKETS * 4;
        assert_eq!(
            size_of::<CgroupFacts>(),
            fields + size_of::<NetCounters>() + size_of::<RareCounters>()
        );
        assert!(offset_of!(CgroupFacts, net).is_multiple_of(8));
    }
}
