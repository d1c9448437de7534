//! The few calls of the `bpf` system call that aya has no public way to: numbers and layout of
//! `include/uapi/linux/bpf.h`.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use nix::libc;

/// `BPF_MAP_GET_NEXT_KEY`.
pub const MAP_GET_NEXT_KEY: i64 = 4;
/// `BPF_PROG_LOAD`.
pub const PROG_LOAD: i64 = 5;
/// `BPF_RAW_TRACEPOINT_OPEN`.
pub const RAW_TRACEPOINT_OPEN: i64 = 17;

/// `union bpf_attr` as words of eight bytes; what a command does not use is zero.
pub type Attributes = [u64; 16];

/// Calls the kernel.
///
/// # Errors
/// What the kernel answers.
///
/// # Safety
/// Addresses among the attributes point to what the command reads or writes there.
pub unsafe fn call(command: i64, attributes: &Attributes) -> io::Result<i32> {
    // SAFETY: as the caller promises; the kernel reads no more than the size that is given.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_ptr(),
            size_of::<Attributes>(),
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(answer).map_err(io::Error::other)
}

/// As [`call`], for commands that answer with a new descriptor.
///
/// # Errors
/// What the kernel answers.
///
/// # Safety
/// As for [`call`].
pub unsafe fn open(command: i64, attributes: &Attributes) -> io::Result<OwnedFd> {
    // SAFETY: as the caller promises; a new descriptor belongs to nobody yet.
    unsafe {
        let fd: RawFd = call(command, attributes)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}
