//! The CPU controller's files: `cpu.stat`, `cpu.max`, `cpu.pressure`.

use super::file::{Pass, Slot};
use crate::parse::{self, CpuMax, Pressure};

/// What the CPU controller says. Counters grow from the cgroup's making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuReading {
    /// CPU time used, in microseconds.
    pub usage_us: Option<u64>,
    /// Enforcement periods that ran. Absent without the controller.
    pub periods: Option<u64>,
    /// Periods in which the group was throttled.
    pub throttled_periods: Option<u64>,
    /// Time spent throttled, in microseconds.
    pub throttled_us: Option<u64>,
    /// Periods that used more than the quota, out of the burst.
    pub burst_periods: Option<u64>,
    /// Time run beyond the quota, out of the burst, in microseconds.
    pub burst_us: Option<u64>,
    /// `cpu.max.burst` in microseconds.
    pub max_burst_us: Option<u64>,
    /// `cpu.weight`.
    pub weight: Option<u64>,
    /// The limit in force.
    pub max: Option<CpuMax>,
    /// Time stalled for CPU.
    pub pressure: Option<Pressure>,
}

#[derive(Debug, Default)]
pub(super) struct CpuFiles {
    stat: Slot,
    max: Slot,
    burst: Slot,
    weight: Slot,
    pressure: Slot,
}

impl CpuFiles {
    /// Reads `cpu.pressure`.
    pub(super) fn read_pressure(&mut self, pass: &mut Pass<'_>) -> Option<Pressure> {
        self.pressure.read("cpu.pressure", pass, parse::pressure)
    }

    /// Reads the time used out of `cpu.stat`, in microseconds. Every cgroup has it, with or
    /// without the controller.
    pub(super) fn read_usage(&mut self, pass: &mut Pass<'_>) -> Option<u64> {
        let keys = ["usage_usec"];
        let read = self
            .stat
            .read("cpu.stat", pass, |text| parse::flat_keys(text, keys));
        read.and_then(|[usage_us]| usage_us)
    }

    pub(super) fn read(&mut self, pass: &mut Pass<'_>) -> CpuReading {
        let keys = [
            "usage_usec",
            "nr_periods",
            "nr_throttled",
            "throttled_usec",
            "nr_bursts",
            "burst_usec",
        ];
        let [
            usage_us,
            periods,
            throttled_periods,
            throttled_us,
            burst_periods,
            burst_us,
        ] = self
            .stat
            .read("cpu.stat", pass, |text| parse::flat_keys(text, keys))
            .unwrap_or_default();
        CpuReading {
            usage_us,
            periods,
            throttled_periods,
            throttled_us,
            burst_periods,
            burst_us,
            max_burst_us: self.burst.read("cpu.max.burst", pass, |text| {
                parse::number(text, "a number of microseconds")
            }),
            weight: self
                .weight
                .read("cpu.weight", pass, |text| parse::number(text, "1 to 10000")),
            max: self.max.read("cpu.max", pass, parse::cpu_max),
            pressure: self.read_pressure(pass),
        }
    }
}
