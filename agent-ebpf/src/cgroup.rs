//! From a task or a cgroup pointer to the cgroup's id, by offsets that the agent found in the
//! running kernel's BTF.

use core::ptr::read_volatile;

#[unsafe(no_mangle)]
static TASK_CGROUPS: u32 = 0;
#[unsafe(no_mangle)]
static CSS_SET_DFL_CGRP: u32 = 0;
#[unsafe(no_mangle)]
static CGROUP_KN: u32 = 0;
#[unsafe(no_mangle)]
static KERNFS_NODE_ID: u32 = 0;

/// Reads a pointer member at a byte offset; null stays null.
///
/// # Safety
/// `base` is null or a pointer that the verifier knows as one to a kernel struct; it then checks
/// the offset against that struct and makes the load safe against faults.
#[inline(always)]
unsafe fn pointer_at(base: *const u8, offset: u32) -> *const u8 {
    // SAFETY: as the caller promises; the verifier refuses the program otherwise.
    unsafe { read_volatile(base.add(offset as usize).cast::<*const u8>()) }
}

/// Id of a cgroup, or `None` for a null pointer on the way.
///
/// # Safety
/// `cgroup` comes from the arguments of a BTF tracepoint or from [`of_task`]'s walk.
#[inline(always)]
pub unsafe fn id(cgroup: *const u8) -> Option<u64> {
    // SAFETY: statics that only the loader replaces, before the program runs; pointers as above.
    unsafe {
        let node = pointer_at(cgroup, read_volatile(&raw const CGROUP_KN));
        if node.is_null() {
            return None;
        }
        let offset = read_volatile(&raw const KERNFS_NODE_ID);
        Some(read_volatile(node.add(offset as usize).cast::<u64>()))
    }
}

/// Id of the cgroup of a task in the unified hierarchy.
///
/// # Safety
/// `task` comes from the arguments of a BTF tracepoint.
#[inline(always)]
pub unsafe fn of_task(task: *const u8) -> Option<u64> {
    // SAFETY: as in `id`.
    unsafe {
        let set = pointer_at(task, read_volatile(&raw const TASK_CGROUPS));
        if set.is_null() {
            return None;
        }
        let cgroup = pointer_at(set, read_volatile(&raw const CSS_SET_DFL_CGRP));
        if cgroup.is_null() {
            return None;
        }
        id(cgroup)
    }
}
