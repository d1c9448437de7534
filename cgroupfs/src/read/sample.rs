//! Turns a reading into the engine's types, with the engine's units.

use llmos_engine::sample::{Limits, RawSample};
use llmos_engine::units::{Bytes, Cores, Timestamp};

use super::Reading;

fn ns(us: Option<u64>) -> Option<u64> {
    us.map(|us| us.saturating_mul(1000))
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
            cpu_stall_ns: ns(self.cpu.pressure.and_then(|stall| stall.some_us)),
            oom_kills: self.memory.events.oom_kill,
            memory_high_events: self.memory.events.high,
            ..RawSample::default()
        }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            cpu: self.cpu.max.map(|max| Cores(max.cores())),
            memory_high: self.memory.high.map(|high| Bytes(high.bytes())),
            memory_max: self.memory.max.map(|max| Bytes(max.bytes())),
        }
    }
}
