//! Turns a reading into the engine's types, with the engine's units.

use llmos_engine::sample::{self, Limits, RawSample};
use llmos_engine::units::{Bytes, Cores, Timestamp};

use super::{MemoryStat, Reading};

fn ns(us: Option<u64>) -> Option<u64> {
    us.map(|us| us.saturating_mul(1000))
}

impl MemoryStat {
    /// As the engine keeps it.
    #[must_use]
    pub fn sample(&self, at: Timestamp) -> sample::MemoryStat {
        let minor = |all: u64| Some(all.saturating_sub(self.major_faults?));
        sample::MemoryStat {
            at,
            anon: self.anon.map(Bytes),
            file: self.file.map(Bytes),
            kernel: self.kernel.map(Bytes),
            minor_faults: self.faults.and_then(minor),
            major_faults: self.major_faults,
            refaults: self.refaults(),
        }
    }
}

impl Reading {
    /// The sample of this reading. Network counters are not in cgroup files and stay absent.
    #[must_use]
    pub fn raw_sample(&self, at: Timestamp) -> RawSample {
        RawSample {
            at,
            cpu_ns: ns(self.cpu.usage_us),
            throttled_ns: ns(self.cpu.throttled_us),
            periods: self.cpu.periods,
            throttled_periods: self.cpu.throttled_periods,
            memory_current: self.memory.current.map(Bytes),
            working_set: self.memory.working_set().map(Bytes),
            memory_stall_ns: ns(self.memory.pressure.and_then(|stall| stall.some_us)),
            memory_full_stall_ns: ns(self.memory.pressure.and_then(|stall| stall.full_us)),
            cpu_stall_ns: ns(self.cpu.pressure.and_then(|stall| stall.some_us)),
            burst_periods: self.cpu.burst_periods,
            burst_ns: ns(self.cpu.burst_us),
            oom_kills: self.memory.events.oom_kill,
            memory_high_events: self.memory.events.high,
            memory_max_events: self.memory.events.max,
            oom_events: self.memory.events.oom,
            swap: self.memory.swap.map(Bytes),
            ..RawSample::default()
        }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            cpu: self.cpu.max.map(|max| Cores(max.cores())),
            cpu_period_us: self.cpu.max.map(|max| max.period_us),
            cpu_burst_us: self.cpu.max_burst_us,
            cpu_weight: self.cpu.weight,
            memory_high: self.memory.high.map(|high| Bytes(high.bytes())),
            memory_max: self.memory.max.map(|max| Bytes(max.bytes())),
        }
    }
}
