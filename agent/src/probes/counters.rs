//! Reading of the per-cgroup counters: one pass over a map, the CPUs added up.

use std::collections::HashMap;

use aya::maps::{MapData, MapError, PerCpuHashMap};
use llmos_common::counters::{CpuCounters, NetCounters};
use llmos_engine::units::CgroupId;

/// CPU time by cgroup since the probe was loaded.
pub struct CpuReader {
    map: PerCpuHashMap<MapData, u64, CpuCounters>,
    totals: HashMap<CgroupId, u64>,
}

/// Traffic by cgroup since the probe was loaded.
pub struct NetReader {
    map: PerCpuHashMap<MapData, u64, NetCounters>,
    totals: HashMap<CgroupId, NetCounters>,
}

impl CpuReader {
    pub(super) fn new(map: PerCpuHashMap<MapData, u64, CpuCounters>) -> Self {
        Self {
            map,
            totals: HashMap::new(),
        }
    }

    /// Nanoseconds run by cgroup.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn read(&mut self) -> Result<&HashMap<CgroupId, u64>, MapError> {
        self.totals.clear();
        for entry in self.map.iter() {
            let (id, per_cpu) = entry?;
            self.totals
                .insert(CgroupId(id), per_cpu.iter().map(|c| c.run_ns).sum());
        }
        Ok(&self.totals)
    }

    /// Forgets a cgroup that is gone, so that its slot is free.
    pub fn forget(&mut self, id: CgroupId) {
        forget(&mut self.map, id);
    }
}

impl NetReader {
    pub(super) fn new(map: PerCpuHashMap<MapData, u64, NetCounters>) -> Self {
        Self {
            map,
            totals: HashMap::new(),
        }
    }

    /// Traffic by cgroup.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn read(&mut self) -> Result<&HashMap<CgroupId, NetCounters>, MapError> {
        self.totals.clear();
        for entry in self.map.iter() {
            let (id, per_cpu) = entry?;
            let sum = per_cpu
                .iter()
                .fold(NetCounters::default(), |sum, c| NetCounters {
                    rx_bytes: sum.rx_bytes + c.rx_bytes,
                    rx_packets: sum.rx_packets + c.rx_packets,
                    tx_bytes: sum.tx_bytes + c.tx_bytes,
                    tx_packets: sum.tx_packets + c.tx_packets,
                });
            self.totals.insert(CgroupId(id), sum);
        }
        Ok(&self.totals)
    }

    /// Forgets a cgroup that is gone, so that its slot is free.
    pub fn forget(&mut self, id: CgroupId) {
        forget(&mut self.map, id);
    }
}

fn forget<V: aya::Pod>(map: &mut PerCpuHashMap<MapData, u64, V>, id: CgroupId) {
    match map.remove(&id.0) {
        Ok(()) | Err(MapError::KeyNotFound) => {}
        Err(error) => tracing::debug!(cgroup = id.0, %error, "a map entry could not be removed"),
    }
}
