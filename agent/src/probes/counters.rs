//! Reading of the per-cgroup counters map by map, the CPUs added up: for a kernel without the cgroup
//! iterator, and for measurements of the counters alone.

use std::collections::HashMap;

use aya::Pod;
use aya::maps::{MapData, MapError, PerCpuHashMap};
use llmos_common::counters::{CpuCounters, NetCounters, RareCounters};
use llmos_engine::units::CgroupId;

/// Counters of one CPU that can be added up.
pub trait Sum: Pod + Default {
    /// Adds those of another CPU.
    fn add(&mut self, other: &Self);
}

/// The counters of one map by cgroup, since the probe was loaded.
pub struct CounterReader<V: Sum> {
    map: PerCpuHashMap<MapData, u64, V>,
    totals: HashMap<CgroupId, V>,
}

/// CPU time, switches and run-queue wait.
pub type CpuReader = CounterReader<CpuCounters>;
/// Traffic.
pub type NetReader = CounterReader<NetCounters>;
/// Connections and reclaim.
pub type RareReader = CounterReader<RareCounters>;

impl<V: Sum> CounterReader<V> {
    pub(super) fn new(map: PerCpuHashMap<MapData, u64, V>) -> Self {
        Self {
            map,
            totals: HashMap::new(),
        }
    }

    /// All cgroups that have counters, by a walk over the map.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn read(&mut self) -> Result<&HashMap<CgroupId, V>, MapError> {
        self.totals.clear();
        for entry in self.map.iter() {
            let (id, per_cpu) = entry?;
            let mut total = V::default();
            per_cpu.iter().for_each(|one| total.add(one));
            self.totals.insert(CgroupId(id), total);
        }
        Ok(&self.totals)
    }

    /// Ids of all cgroups that have counters.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn ids(&self) -> Result<Vec<CgroupId>, MapError> {
        self.map.keys().map(|id| id.map(CgroupId)).collect()
    }

    /// Forgets a cgroup that is gone, so that its slot is free.
    pub fn forget(&mut self, id: CgroupId) {
        match self.map.remove(&id.0) {
            Ok(()) | Err(MapError::KeyNotFound) => {}
            Err(error) => {
                tracing::debug!(cgroup = id.0, %error, "a map entry could not be removed");
            }
        }
    }
}

impl Sum for CpuCounters {
    fn add(&mut self, other: &Self) {
        self.run_ns += other.run_ns;
        self.switches += other.switches;
        self.wait_ns += other.wait_ns;
        self.waits += other.waits;
        for (sum, n) in self.wait_buckets.iter_mut().zip(&other.wait_buckets) {
            *sum = sum.wrapping_add(*n);
        }
    }
}

impl Sum for NetCounters {
    fn add(&mut self, other: &Self) {
        self.rx_bytes += other.rx_bytes;
        self.rx_packets += other.rx_packets;
        self.tx_bytes += other.tx_bytes;
        self.tx_packets += other.tx_packets;
        self.rtt_us_sum += other.rtt_us_sum;
        self.rtt_samples += other.rtt_samples;
    }
}

impl Sum for RareCounters {
    fn add(&mut self, other: &Self) {
        self.tcp_opened += other.tcp_opened;
        self.tcp_accepted += other.tcp_accepted;
        self.tcp_retransmits += other.tcp_retransmits;
        self.accept_queue_sum += other.accept_queue_sum;
        self.accept_queue_samples += other.accept_queue_samples;
        self.reclaim_ns += other.reclaim_ns;
        self.reclaims += other.reclaims;
    }
}
