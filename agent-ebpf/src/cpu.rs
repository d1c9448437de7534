//! CPU time, context switches and run-queue wait per cgroup.
//!
//! The kernel itself adds up how long each task ran (`se.sum_exec_runtime`, of which it charges the
//! very same amounts to the cgroup) and how long it was ready and waited (`sched_info.run_delay`,
//! what `/proc/PID/schedstat` shows). So the difference between the moments when a task gets the
//! CPU and when it leaves it is what it ran, and what it had waited for this turn, by the kernel's
//! own clock: no time stamp is taken, no map of tasks is kept, and one program on one tracepoint
//! is all that a context switch costs. The timer tick settles accounts in between, for a task that
//! never leaves the CPU, or is moved to another cgroup while it runs.
//!
//! What a task waited on one CPU before it was moved to the queue of another is in neither end and
//! is not seen.

use core::ptr::read_volatile;

use aya_ebpf::helpers::generated::bpf_get_current_task_btf;
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{PerCpuArray, PerCpuHashMap};
use aya_ebpf::programs::BtfTracePointContext;
use llmos_common::counters::{CpuCounters, WAIT_BUCKETS, wait_bucket};
use llmos_common::limits::MAX_CGROUPS;
use llmos_common::lost::Lost;

use crate::member::{constant, offsets, value};
use crate::{cgroup, lost, quota};

offsets! {
    TASK_PID
    TASK_RUNTIME
    TASK_RUN_DELAY
}

/// Set by the agent: 1 when this kernel keeps account of run-queue wait.
#[unsafe(no_mangle)]
static WAIT_ENABLED: u8 = 0;

/// Not preallocated: a machine with many CPUs would pay for 16,384 cgroups on each of them.
const BPF_F_NO_PREALLOC: u32 = 1;

#[map]
pub static CPU: PerCpuHashMap<u64, CpuCounters> =
    PerCpuHashMap::with_max_entries(MAX_CGROUPS, BPF_F_NO_PREALLOC);

/// The task that a CPU runs, as it was when it got the CPU or at the last tick.
#[repr(C)]
#[derive(Clone, Copy)]
struct Running {
    task: u64,
    runtime_ns: u64,
    run_delay_ns: u64,
}

#[map]
static RUNNING: PerCpuArray<Running> = PerCpuArray::with_max_entries(1, 0);

/// The counters of a cgroup on this CPU, made when there are none yet.
#[inline(always)]
fn counters(id: u64) -> Option<*mut CpuCounters> {
    if let Some(counters) = CPU.get_ptr_mut(id) {
        return Some(counters);
    }
    if CPU.insert(id, CpuCounters::default(), 0).is_err() {
        lost::count(Lost::CpuMap);
        return None;
    }
    CPU.get_ptr_mut(id)
}

/// The counters of a task's cgroup on this CPU.
#[inline(always)]
unsafe fn counters_of(task: *const u8) -> Option<*mut CpuCounters> {
    // SAFETY: as the callers promise, a task.
    let Some(id) = (unsafe { cgroup::of_task(task) }) else {
        lost::count(Lost::TaskCgroup);
        return None;
    };
    counters(id)
}

/// Arguments: preempted or not, the task that leaves, the task that comes.
#[btf_tracepoint(function = "sched_switch")]
pub fn cpu_switch(ctx: BtfTracePointContext) -> i32 {
    let from: *const u8 = ctx.arg(1);
    let to: *const u8 = ctx.arg(2);
    let Some(running) = RUNNING.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: both arguments are tasks; the slot is this CPU's, and its run queue is locked.
    unsafe {
        let before = *running;
        (*running).task = to as u64;
        (*running).runtime_ns = value(to, constant(&TASK_RUNTIME));
        if constant(&WAIT_ENABLED) != 0 {
            (*running).run_delay_ns = value(to, constant(&TASK_RUN_DELAY));
        }
        // The idle task belongs to nobody and is half of all switches of an idle machine.
        if value::<u32>(from, constant(&TASK_PID)) == 0 {
            return 0;
        }
        let Some(counters) = counters_of(from) else {
            return 0;
        };
        (*counters).switches += 1;
        // Another task means that the program was attached between the two switches.
        if before.task == from as u64 {
            let runtime_ns: u64 = value(from, constant(&TASK_RUNTIME));
            (*counters).run_ns += runtime_ns.wrapping_sub(before.runtime_ns);
            if constant(&WAIT_ENABLED) != 0 {
                let run_delay_ns: u64 = value(from, constant(&TASK_RUN_DELAY));
                waited(counters, run_delay_ns.wrapping_sub(before.run_delay_ns));
            }
        }
        quota::watch(from);
    }
    0
}

#[inline(always)]
unsafe fn waited(counters: *mut CpuCounters, wait_ns: u64) {
    // SAFETY: a slot of this CPU; the index is checked.
    unsafe {
        (*counters).wait_ns += wait_ns;
        (*counters).waits += 1;
        // Volatile, so that the bound is checked on the very register that is the index: otherwise
        // the compiler proves it by means that the verifier cannot follow.
        let bucket = wait_bucket(wait_ns) as u32;
        let bucket = read_volatile(&raw const bucket);
        if bucket < WAIT_BUCKETS as u32 {
            *(&raw mut (*counters).wait_buckets)
                .cast::<u32>()
                .add(bucket as usize) += 1;
        }
    }
}

/// A timer has run, the scheduler's tick among them.
#[btf_tracepoint(function = "hrtimer_expire_exit")]
pub fn cpu_tick(_ctx: BtfTracePointContext) -> i32 {
    // SAFETY: a helper without preconditions; it gives the task that was interrupted.
    let task: *const u8 = unsafe { bpf_get_current_task_btf() }.cast();
    let Some(running) = RUNNING.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: a task; the slot is this CPU's, and interrupts are off.
    unsafe {
        if value::<u32>(task, constant(&TASK_PID)) == 0 {
            return 0;
        }
        let runtime_ns: u64 = value(task, constant(&TASK_RUNTIME));
        let before = *running;
        if before.task != task as u64 {
            // Not seen coming: the program was attached since.
            (*running).task = task as u64;
            (*running).runtime_ns = runtime_ns;
            if constant(&WAIT_ENABLED) != 0 {
                (*running).run_delay_ns = value(task, constant(&TASK_RUN_DELAY));
            }
        } else if runtime_ns != before.runtime_ns
            && let Some(counters) = counters_of(task)
        {
            (*running).runtime_ns = runtime_ns;
            (*counters).run_ns += runtime_ns.wrapping_sub(before.runtime_ns);
        }
    }
    0
}
