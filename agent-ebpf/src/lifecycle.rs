//! cgroups made and removed, as events.

use aya_ebpf::helpers::{bpf_ktime_get_ns, bpf_probe_read_kernel_str_bytes};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use aya_log_ebpf::debug;
use llmos_common::event::{Event, EventHeader, EventKind};
use llmos_common::lost::Lost;

use crate::{EVENTS, cgroup, log_enabled, lost};

/// Arguments: the cgroup, then its path.
#[btf_tracepoint(function = "cgroup_mkdir")]
pub fn cgroup_created(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, EventKind::CgroupCreated)
}

/// Arguments: the cgroup, then its path.
#[btf_tracepoint(function = "cgroup_rmdir")]
pub fn cgroup_removed(ctx: BtfTracePointContext) -> i32 {
    report(&ctx, EventKind::CgroupRemoved)
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext, kind: EventKind) -> i32 {
    let cgroup: *const u8 = ctx.arg(0);
    let path: *const u8 = ctx.arg(1);
    // SAFETY: the first argument of both tracepoints is a cgroup.
    let Some(id) = (unsafe { cgroup::id(cgroup) }) else {
        lost::count(Lost::TaskCgroup);
        return 0;
    };
    let Some(mut entry) = EVENTS.reserve::<Event>(0) else {
        lost::count(Lost::EventRing);
        return 0;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: the reserved entry is ours until it is submitted; the path is a kernel string.
    let path_len = unsafe {
        bpf_probe_read_kernel_str_bytes(path, &mut (*event).path).map_or(0, |read| read.len())
    };
    let header = EventHeader {
        kind: kind as u32,
        pid: 0,
        cgroup: id,
        // SAFETY: a helper without preconditions.
        at_ns: unsafe { bpf_ktime_get_ns() },
        path_len: path_len as u64,
    };
    // SAFETY: as above.
    unsafe { (*event).header = header };
    entry.submit(0);
    if log_enabled() {
        debug!(ctx, "cgroup event {} of {}", kind as u32, id);
    }
    0
}
