//! OOM kills, as events. The tracepoint's argument changed: older kernels pass the pid, newer
//! ones the task. Two programs, of which the agent loads the one that the kernel's BTF calls for.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use aya_log_ebpf::debug;
use llmos_common::event::{Event, EventHeader, EventKind};
use llmos_common::lost::Lost;

use crate::member::{constant, offsets, value};
use crate::{EVENTS, cgroup, log_enabled, lost};

offsets! { TASK_TGID }

/// The first argument is the victim's task.
#[btf_tracepoint(function = "mark_victim")]
pub fn oom_task(ctx: BtfTracePointContext) -> i32 {
    let task: *const u8 = ctx.arg(0);
    // SAFETY: this program is loaded only where BTF says that the argument is a task.
    let (id, pid) = unsafe {
        let pid: u32 = value(task, constant(&TASK_TGID));
        (cgroup::of_task(task).unwrap_or(0), pid)
    };
    report(&ctx, id, pid)
}

/// The first argument is the victim's pid; the agent looks its cgroup up.
#[btf_tracepoint(function = "mark_victim")]
pub fn oom_pid(ctx: BtfTracePointContext) -> i32 {
    let pid: u64 = ctx.arg(0);
    report(&ctx, 0, pid as u32)
}

#[inline(always)]
fn report(ctx: &BtfTracePointContext, id: u64, pid: u32) -> i32 {
    let Some(mut entry) = EVENTS.reserve::<Event>(0) else {
        lost::count(Lost::EventRing);
        return 0;
    };
    let header = EventHeader {
        kind: EventKind::OomKill as u32,
        pid,
        cgroup: id,
        // SAFETY: a helper without preconditions.
        at_ns: unsafe { bpf_ktime_get_ns() },
        path_len: 0,
    };
    // SAFETY: the reserved entry is ours until it is submitted.
    unsafe { (*entry.as_mut_ptr()).header = header };
    entry.submit(0);
    if log_enabled() {
        debug!(ctx, "oom kill of {} in {}", pid, id);
    }
    0
}
