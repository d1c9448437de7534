//! Tells when the CPU quota of a period is nearly used up, before the cgroup is throttled.
//!
//! It looks at the kernel's own account of what is left (`cfs_bandwidth.runtime`), which all CPUs
//! draw from in slices. So several threads, period edges, burst credit and refills need no second
//! book here, and slices that CPUs hold but have not used count as gone, which errs to the early
//! side. Each level above the task is looked at, since a quota further up throttles as well. Looked
//! at is after each timer tick, thus just after the kernel has drawn a new slice, and when a task of
//! such a group leaves the CPU.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::bpf_get_current_task_btf;
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::BtfTracePointContext;
use llmos_common::event::{
    EventHeader, EventKind, NEAR_QUOTA_MAX_LEFT_1024, NearQuota, QuotaEvent,
};
use llmos_common::limits::{MAX_CGROUPS, QUOTA_LEVELS};
use llmos_common::lost::Lost;

use crate::member::{constant, offsets, pointer, value};
use crate::{EVENTS, cgroup, lost};

offsets! {
    TASK_TASK_GROUP
    TASK_GROUP_PARENT
    TASK_GROUP_CGROUP
    TASK_GROUP_QUOTA
    TASK_GROUP_LEFT
    TASK_GROUP_PERIODS
    TASK_GROUP_PERIOD_END
}

/// Set by the agent: 1 when this kernel has bandwidth control and the offsets above are right.
#[unsafe(no_mangle)]
static QUOTA_ENABLED: u8 = 0;

/// What the kernel writes for no quota.
const NO_QUOTA: u64 = u64::MAX;
const BPF_F_NO_PREALLOC: u32 = 1;

/// Set by the agent: how many thresholds there are. Without any, nothing is looked at.
#[map]
static QUOTAS_WATCHED: Array<u64> = Array::with_max_entries(1, 0);

/// Thresholds by cgroup id, set by the agent.
#[map]
static NEAR_QUOTA: HashMap<u64, NearQuota> =
    HashMap::with_max_entries(MAX_CGROUPS, BPF_F_NO_PREALLOC);

/// A timer has run, the scheduler's tick among them.
#[btf_tracepoint(function = "hrtimer_expire_exit")]
pub fn quota_tick(_ctx: BtfTracePointContext) -> i32 {
    // SAFETY: a helper without preconditions; it gives the task that was interrupted.
    unsafe { watch(bpf_get_current_task_btf().cast()) };
    0
}

/// Looks at the quotas that hold for a task.
///
/// # Safety
/// `task` comes from the arguments of a BTF program or is the current one.
#[inline(always)]
pub unsafe fn watch(task: *const u8) {
    if constant(&QUOTA_ENABLED) == 0 {
        return;
    }
    // SAFETY: a number in a map.
    if QUOTAS_WATCHED.get_ptr(0).is_none_or(|n| unsafe { *n } == 0) {
        return;
    }
    // SAFETY: a walk of typed pointers, checked by the verifier.
    unsafe {
        let mut group = pointer(task, constant(&TASK_TASK_GROUP));
        for _ in 0..QUOTA_LEVELS {
            if group.is_null() {
                return;
            }
            let quota_ns: u64 = value(group, constant(&TASK_GROUP_QUOTA));
            if quota_ns != NO_QUOTA {
                check(group, quota_ns);
            }
            group = pointer(group, constant(&TASK_GROUP_PARENT));
        }
    }
}

/// Tells of one group, at most once a period.
#[inline(always)]
unsafe fn check(group: *const u8, quota_ns: u64) {
    // SAFETY: as in `watch`.
    unsafe {
        let left_ns: u64 = value(group, constant(&TASK_GROUP_LEFT));
        // Most looks end here, without a look-up.
        if left_ns > share(quota_ns, NEAR_QUOTA_MAX_LEFT_1024) {
            return;
        }
        let Some(id) = cgroup::id(pointer(group, constant(&TASK_GROUP_CGROUP))) else {
            return;
        };
        let Some(near) = NEAR_QUOTA.get_ptr_mut(id) else {
            return;
        };
        let periods: i32 = value(group, constant(&TASK_GROUP_PERIODS));
        let period = u64::from(periods as u32);
        // A helper without preconditions.
        let now_ns = bpf_ktime_get_ns();
        let before = *near;
        let same_period = before.period == period + 1;
        if !same_period || before.left_ns != left_ns {
            (*near).period = period + 1;
            (*near).left_ns = left_ns;
            (*near).at_ns = now_ns;
        }
        // Two CPUs at the same moment may both tell: one event more, and nothing wrong.
        if before.told == period + 1 || left_ns > share(quota_ns, before.left_1024) {
            return;
        }
        (*near).told = period + 1;
        let fell = same_period && before.left_ns > left_ns;
        tell(QuotaEvent {
            header: EventHeader {
                kind: EventKind::NearQuota as u32,
                pid: 0,
                cgroup: id,
                at_ns: now_ns,
                path_len: 0,
            },
            quota_ns,
            left_ns,
            period,
            // Zero is the offset of nothing: this kernel lacks the member.
            ends_ns: match constant(&TASK_GROUP_PERIOD_END) {
                0 => 0,
                offset => value(group, offset),
            },
            before_left_ns: if fell { before.left_ns } else { 0 },
            before_at_ns: if fell { before.at_ns } else { 0 },
        });
    }
}

/// A share of the quota, in 1/1024. Quotas are below 2^53 ns, so this cannot overflow. Multiplied
/// first: two slices of 5 ms are exactly half of 20 ms, and rounding down would miss them.
#[inline(always)]
fn share(quota_ns: u64, of_1024: u64) -> u64 {
    quota_ns.wrapping_mul(of_1024) >> 10
}

#[inline(always)]
fn tell(event: QuotaEvent) {
    let Some(mut entry) = EVENTS.reserve::<QuotaEvent>(0) else {
        lost::count(Lost::EventRing);
        return;
    };
    entry.write(event);
    entry.submit(0);
}
