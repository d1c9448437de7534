//! CPU time, context switches and run-queue wait per cgroup.
//!
//! The kernel itself adds up how long each task ran (`se.sum_exec_runtime`, of which it charges the
//! very same amounts to the cgroup) and how long it was ready and waited (`sched_info.run_delay`,
//! what `/proc/PID/schedstat` shows). So what these sums have grown by since they were looked at
//! last is what the task ran and waited, by the kernel's own clock: no time stamp is taken, and one
//! program on one tracepoint is all that a context switch costs. They are looked at when the task
//! leaves the CPU, and at the timer tick, for a task that never leaves it or is moved to another
//! cgroup while it runs.
//!
//! The last look at each task is kept in a table by thread id, so that nothing is lost when a task
//! waits on one CPU and is moved to another, or when the tracepoint misses a switch. Two tasks
//! whose ids share a slot fall back on what the CPU remembers of the moment when it took the task.

use core::ptr::read_volatile;

use aya_ebpf::helpers::generated::bpf_get_current_task_btf;
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{Array, PerCpuArray, PerCpuHashMap};
use aya_ebpf::programs::BtfTracePointContext;
use llmos_common::counters::{CpuCounters, WAIT_BUCKETS, wait_bucket};
use llmos_common::limits::{MAX_CGROUPS, TASK_SLOTS};
use llmos_common::lost::Lost;

use crate::member::{constant, offsets, value};
use crate::{cgroup, lost, quota};

offsets! {
    TASK_PID
    TASK_RUNTIME
    TASK_RUN_DELAY
    TASK_START
}

/// Set by the agent: 1 when this kernel keeps account of run-queue wait.
#[unsafe(no_mangle)]
static WAIT_ENABLED: u8 = 0;

/// Not preallocated: a machine with many CPUs would pay for 16,384 cgroups on each of them.
const BPF_F_NO_PREALLOC: u32 = 1;

#[map]
pub static CPU: PerCpuHashMap<u64, CpuCounters> =
    PerCpuHashMap::with_max_entries(MAX_CGROUPS, BPF_F_NO_PREALLOC);

/// The sums of a task at one moment.
#[derive(Clone, Copy)]
struct Sums {
    runtime_ns: u64,
    run_delay_ns: u64,
}

impl Sums {
    /// # Safety
    /// `task` is a task that the verifier knows.
    #[inline(always)]
    unsafe fn of(task: *const u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            Self {
                runtime_ns: value(task, constant(&TASK_RUNTIME)),
                run_delay_ns: if constant(&WAIT_ENABLED) != 0 {
                    value(task, constant(&TASK_RUN_DELAY))
                } else {
                    0
                },
            }
        }
    }
}

/// The last look at the task of a slot.
#[repr(C)]
#[derive(Clone, Copy)]
struct Look {
    /// The task's start time and both sums, each bit by exclusive or: names the task, and shows a
    /// slot that two CPUs wrote at the same time for two tasks.
    check: u64,
    runtime_ns: u64,
    run_delay_ns: u64,
}

#[map]
static LOOKS: Array<Look> = Array::with_max_entries(TASK_SLOTS, 0);

/// The task that a CPU runs, and its sums when the CPU took it or looked at it last.
#[repr(C)]
#[derive(Clone, Copy)]
struct Running {
    task: u64,
    runtime_ns: u64,
    run_delay_ns: u64,
}

#[map]
static RUNNING: PerCpuArray<Running> = PerCpuArray::with_max_entries(1, 0);

/// Looks at a task: what its sums have grown by since the last look. `None` when there is no last
/// one, which happens once to a task that is older than this program. Unless `with_wait`, the wait
/// goes on growing until a later look.
///
/// # Safety
/// `task` is a task that the verifier knows, and runs on this CPU or has just left it.
#[inline(always)]
unsafe fn look(task: *const u8, pid: u32, running: &Running, with_wait: bool) -> Option<Sums> {
    // SAFETY: as the caller promises; a slot of the table.
    unsafe {
        let now = Sums::of(task);
        let tag: u64 = value(task, constant(&TASK_START));
        let slot = LOOKS.get_ptr_mut(pid & (TASK_SLOTS - 1))?;
        let last = *slot;
        let known = last.check == tag ^ last.runtime_ns ^ last.run_delay_ns;
        let taken = running.task == task as u64;
        let (runtime_ns, run_delay_ns) = if known {
            (last.runtime_ns, last.run_delay_ns)
        } else if taken {
            (running.runtime_ns, running.run_delay_ns)
        } else {
            (now.runtime_ns, now.run_delay_ns)
        };
        let keep = if with_wait {
            now.run_delay_ns
        } else {
            run_delay_ns
        };
        (*slot).check = tag ^ now.runtime_ns ^ keep;
        (*slot).runtime_ns = now.runtime_ns;
        (*slot).run_delay_ns = keep;
        (known || taken).then(|| Sums {
            runtime_ns: now.runtime_ns.wrapping_sub(runtime_ns),
            run_delay_ns: now.run_delay_ns.wrapping_sub(run_delay_ns),
        })
    }
}

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
        let comes = Sums::of(to);
        *running = Running {
            task: to as u64,
            runtime_ns: comes.runtime_ns,
            run_delay_ns: comes.run_delay_ns,
        };
        // The idle task belongs to nobody and is half of all switches of an idle machine.
        let pid: u32 = value(from, constant(&TASK_PID));
        if pid == 0 {
            return 0;
        }
        let Some(counters) = counters_of(from) else {
            return 0;
        };
        (*counters).switches += 1;
        if let Some(grown) = look(from, pid, &before, true) {
            (*counters).run_ns += grown.runtime_ns;
            if constant(&WAIT_ENABLED) != 0 {
                waited(counters, grown.run_delay_ns);
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
        let pid: u32 = value(task, constant(&TASK_PID));
        if pid == 0 {
            return 0;
        }
        let before = *running;
        let now = Sums::of(task);
        let taken = before.task == task as u64;
        if taken && before.runtime_ns == now.runtime_ns {
            // Some other timer: the scheduler has accounted nothing since.
            return 0;
        }
        let grown = look(task, pid, &before, false);
        (*running).task = task as u64;
        (*running).runtime_ns = now.runtime_ns;
        if !taken {
            (*running).run_delay_ns = now.run_delay_ns;
        }
        if let Some(grown) = grown
            && let Some(counters) = counters_of(task)
        {
            (*counters).run_ns += grown.runtime_ns;
        }
    }
    0
}
