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
    /// The limit in force.
    pub max: Option<CpuMax>,
    /// Time stalled for CPU.
    pub pressure: Option<Pressure>,
}

#[derive(Debug, Default)]
pub(super) struct CpuFiles {
    stat: Slot,
    max: Slot,
    pressure: Slot,
}

impl CpuFiles {
    pub(super) fn read(&mut self, pass: &mut Pass<'_>) -> CpuReading {
        let keys = ["usage_usec", "nr_periods", "nr_throttled", "throttled_usec"];
        let [usage_us, periods, throttled_periods, throttled_us] = self
            .stat
            .read("cpu.stat", pass, |text| parse::flat_keys(text, keys))
            .unwrap_or_default();
        CpuReading {
            usage_us,
            periods,
            throttled_periods,
            throttled_us,
            max: self.max.read("cpu.max", pass, parse::cpu_max),
            pressure: self.pressure.read("cpu.pressure", pass, parse::pressure),
        }
    }
}
