//! The two calls of bpf(2) that aya has no function for: a link of the cgroup iterator, which needs
//! to be told where and in which order to walk, and one walk of it.
//!
//! Layouts and numbers are those of the kernel's user interface, `include/uapi/linux/bpf.h`.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_ITER_CREATE: libc::c_int = 33;
const BPF_TRACE_ITER: u32 = 28;
/// Parents before children.
const BPF_CGROUP_ITER_DESCENDANTS_PRE: u32 = 2;

/// `bpf_iter_link_info.cgroup`
#[repr(C)]
struct CgroupIterInfo {
    order: u32,
    cgroup_fd: u32,
    cgroup_id: u64,
}

/// The part of `bpf_attr` that `BPF_LINK_CREATE` of an iterator reads.
#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    info: u64,
    info_len: u32,
    padding: u32,
}

/// The part of `bpf_attr` that `BPF_ITER_CREATE` reads.
#[repr(C)]
struct IterCreate {
    link: u32,
    flags: u32,
}

fn number(fd: BorrowedFd<'_>) -> io::Result<u32> {
    u32::try_from(fd.as_raw_fd()).map_err(io::Error::other)
}

/// Calls bpf(2) with a command that gives a new descriptor.
fn descriptor<T>(command: libc::c_int, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the attributes are read only, for the length that is given with them, and hold
    // integers and pointers to live values.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<T>(),
        )
    };
    match i32::try_from(fd) {
        // SAFETY: a new descriptor that nobody else owns.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Links a loaded iterator program to the walk over all cgroups at and below `root`.
///
/// # Errors
/// `EINVAL` where the kernel has no cgroup iterator (before 6.1), `EPERM` without the rights.
pub fn link_cgroup_iterator(program: BorrowedFd<'_>, root: &File) -> io::Result<OwnedFd> {
    let info = CgroupIterInfo {
        order: BPF_CGROUP_ITER_DESCENDANTS_PRE,
        cgroup_fd: number(root.as_fd())?,
        cgroup_id: 0,
    };
    let attributes = LinkCreate {
        program: number(program)?,
        target: 0,
        attach_type: BPF_TRACE_ITER,
        flags: 0,
        info: std::ptr::from_ref(&info) as u64,
        info_len: size_of::<CgroupIterInfo>() as u32,
        padding: 0,
    };
    descriptor(BPF_LINK_CREATE, &attributes)
}

/// A walk: reading the file to its end runs the program once for each cgroup.
///
/// # Errors
/// Those of bpf(2).
pub fn start_walk(link: BorrowedFd<'_>) -> io::Result<File> {
    let attributes = IterCreate {
        link: number(link)?,
        flags: 0,
    };
    Ok(descriptor(BPF_ITER_CREATE, &attributes)?.into())
}
