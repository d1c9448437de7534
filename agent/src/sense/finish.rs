//! What a sample has from neither the walk nor the files of its cgroup.

use std::collections::HashMap;

use llmos_engine::sample::RawSample;
use llmos_engine::units::CgroupId;

use super::convert::Counting;
use crate::discover::Known;
use crate::host::resident::ResidentMemory;
use crate::probes::QuotaThresholds;

/// See the module. Lives for one reading.
pub struct Finish<'a> {
    /// Thresholds of the near-quota event, where it is told.
    pub quota: Option<&'a QuotaThresholds>,
    /// Such events so far, where there were any.
    pub near_quota: &'a HashMap<CgroupId, u64>,
    /// What stands in for a memory controller.
    pub resident: Option<&'a mut ResidentMemory>,
    /// Ticks so far.
    pub ticks: u64,
    /// Did the CPU time of the tick before come from the kernel side?
    pub counted_cpu: bool,
}

impl Finish<'_> {
    /// Completes the sample of a cgroup.
    pub fn finish(&mut self, known: &Known, sample: &mut RawSample, counting: Counting) {
        // Two sources of CPU time begin to count at different moments: no rate across the change.
        if counting.cpu != self.counted_cpu {
            sample.cpu_ns = None;
        }
        if self.quota.is_some_and(|quota| quota.has(known.id)) {
            sample.near_quota_events = Some(self.near_quota.get(&known.id).copied().unwrap_or(0));
        }
        if sample.memory_current.is_none()
            && let Some(resident) = &mut self.resident
        {
            sample.memory_current = resident.of(known.id, &known.path, self.ticks);
        }
    }
}
