//! From a task, a socket or a cgroup pointer to the cgroup's id.

use crate::member::{constant, offsets, pointer, value};

offsets! {
    TASK_CGROUPS
    CSS_SET_DFL_CGRP
    CGROUP_KN
    KERNFS_NODE_ID
    SOCK_CGROUP
}

/// Id of a cgroup, or `None` for a null pointer on the way.
///
/// # Safety
/// `cgroup` is null or typed: from the arguments of a BTF program or from a walk of [`pointer`]s.
#[inline(always)]
pub unsafe fn id(cgroup: *const u8) -> Option<u64> {
    if cgroup.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    unsafe {
        let node = pointer(cgroup, constant(&CGROUP_KN));
        if node.is_null() {
            return None;
        }
        Some(value(node, constant(&KERNFS_NODE_ID)))
    }
}

/// Id of the cgroup of a task in the unified hierarchy.
///
/// # Safety
/// `task` comes from the arguments of a BTF program.
#[inline(always)]
pub unsafe fn of_task(task: *const u8) -> Option<u64> {
    // SAFETY: as in `id`.
    unsafe {
        let set = pointer(task, constant(&TASK_CGROUPS));
        if set.is_null() {
            return None;
        }
        id(pointer(set, constant(&CSS_SET_DFL_CGRP)))
    }
}

/// Id of the cgroup in which a socket was made.
///
/// # Safety
/// `sock` comes from the arguments of a BTF program and is not null.
#[inline(always)]
pub unsafe fn of_sock(sock: *const u8) -> Option<u64> {
    // SAFETY: as in `id`.
    unsafe { id(pointer(sock, constant(&SOCK_CGROUP))) }
}
