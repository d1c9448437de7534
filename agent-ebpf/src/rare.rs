//! Counters of what happens rarely: TCP connections and reclaim.

use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuHashMap;
use llmos_common::counters::RareCounters;
use llmos_common::limits::MAX_CGROUPS;
use llmos_common::lost::Lost;

use crate::lost;

const BPF_F_NO_PREALLOC: u32 = 1;

#[map]
pub static RARE: PerCpuHashMap<u64, RareCounters> =
    PerCpuHashMap::with_max_entries(MAX_CGROUPS, BPF_F_NO_PREALLOC);

/// The counters of a cgroup on this CPU, made when there are none yet.
#[inline(always)]
pub fn counters(id: u64) -> Option<*mut RareCounters> {
    if let Some(counters) = RARE.get_ptr_mut(id) {
        return Some(counters);
    }
    if RARE.insert(id, RareCounters::default(), 0).is_err() {
        lost::count(Lost::RareMap);
        return None;
    }
    RARE.get_ptr_mut(id)
}
