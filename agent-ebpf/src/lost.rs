//! Counts what could not be recorded, by reason.

use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use llmos_common::lost::Lost;

#[map]
static LOST: PerCpuArray<u64> = PerCpuArray::with_max_entries(Lost::ALL.len() as u32, 0);

/// Adds one to the count of this reason on this CPU.
#[inline(always)]
pub fn count(reason: Lost) {
    if let Some(slot) = LOST.get_ptr_mut(reason as u32) {
        // SAFETY: a per-CPU slot; programs of one CPU do not preempt each other half way
        // through, and a lost increment would only make a diagnostic count one too low.
        unsafe { *slot += 1 };
    }
}
