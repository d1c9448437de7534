//! Time that tasks spend freeing memory before they can go on: in their own memory cgroup because
//! of its limit, or for the whole machine because it has none left.

use aya_ebpf::helpers::{bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::HashMap;
use aya_ebpf::programs::BtfTracePointContext;
use llmos_common::limits::MAX_RECLAIMING;
use llmos_common::lost::Lost;

use crate::{lost, rare};

const BPF_F_NO_PREALLOC: u32 = 1;

/// When each task that is freeing memory began, by thread id.
#[map]
static RECLAIMING: HashMap<u32, u64> = HashMap::with_max_entries(MAX_RECLAIMING, BPF_F_NO_PREALLOC);

#[btf_tracepoint(function = "mm_vmscan_memcg_reclaim_begin")]
pub fn memcg_reclaim_begin(_ctx: BtfTracePointContext) -> i32 {
    begin()
}

#[btf_tracepoint(function = "mm_vmscan_memcg_reclaim_end")]
pub fn memcg_reclaim_end(_ctx: BtfTracePointContext) -> i32 {
    end()
}

#[btf_tracepoint(function = "mm_vmscan_direct_reclaim_begin")]
pub fn direct_reclaim_begin(_ctx: BtfTracePointContext) -> i32 {
    begin()
}

#[btf_tracepoint(function = "mm_vmscan_direct_reclaim_end")]
pub fn direct_reclaim_end(_ctx: BtfTracePointContext) -> i32 {
    end()
}

/// The current thread's id.
#[inline(always)]
fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

#[inline(always)]
fn begin() -> i32 {
    // SAFETY: a helper without preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    if RECLAIMING.insert(thread(), now, 0).is_err() {
        lost::count(Lost::Reclaim);
    }
    0
}

#[inline(always)]
fn end() -> i32 {
    let thread = thread();
    // SAFETY: the value is this thread's own and copied at once.
    let Some(since) = unsafe { RECLAIMING.get(thread) }.copied() else {
        return 0;
    };
    let _ = RECLAIMING.remove(thread);
    // SAFETY: helpers without preconditions; the pointer is one into a map value.
    unsafe {
        let stalled = bpf_ktime_get_ns().wrapping_sub(since);
        if let Some(counters) = rare::counters(bpf_get_current_cgroup_id()) {
            (*counters).reclaim_ns += stalled;
            (*counters).reclaims += 1;
        }
    }
    0
}
