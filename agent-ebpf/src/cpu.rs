//! CPU time per cgroup.
//!
//! `sched_stat_runtime` fires wherever the scheduler accounts run time, thus also at each timer
//! tick of a task that never sleeps, and its second argument is the very amount that the kernel
//! adds to the cgroup's own account. Adding at `sched_switch` would be blind to such a task
//! until it switches.

use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::PerCpuHashMap;
use aya_ebpf::programs::BtfTracePointContext;
use llmos_common::counters::CpuCounters;
use llmos_common::limits::MAX_CGROUPS;
use llmos_common::lost::Lost;

use crate::{cgroup, lost};

/// Not preallocated: a machine with many CPUs would pay for 16,384 cgroups on each of them.
const BPF_F_NO_PREALLOC: u32 = 1;

#[map]
static CPU: PerCpuHashMap<u64, CpuCounters> =
    PerCpuHashMap::with_max_entries(MAX_CGROUPS, BPF_F_NO_PREALLOC);

/// Arguments: the task, then nanoseconds run.
#[btf_tracepoint(function = "sched_stat_runtime")]
pub fn cpu_runtime(ctx: BtfTracePointContext) -> i32 {
    let task: *const u8 = ctx.arg(0);
    let run_ns: u64 = ctx.arg(1);
    // SAFETY: the first argument of this tracepoint is a task. It need not be the current one:
    // a wake-up from another CPU accounts for the task that runs there.
    let Some(id) = (unsafe { cgroup::of_task(task) }) else {
        lost::count(Lost::TaskCgroup);
        return 0;
    };
    if let Some(counters) = CPU.get_ptr_mut(id) {
        // SAFETY: a slot of this CPU only; the run queue's lock is held here.
        unsafe { (*counters).run_ns += run_ns };
    } else if CPU.insert(id, CpuCounters { run_ns }, 0).is_err() {
        lost::count(Lost::CpuMap);
    }
    0
}
