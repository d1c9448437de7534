//! The agent's share of a busy CPU. An event must be taken in within milliseconds on the very
//! machine whose CPUs are all busy, so the loop asks to be scheduled ahead of ordinary programs. It
//! uses a percent or two of one CPU, so nobody waits for it.

use nix::libc;

/// Niceness of the loop: with it the scheduler lets a wake-up of the agent interrupt others.
const NICENESS: libc::c_int = -10;
/// A turn on the CPU that the loop asks for, in nanoseconds, the shortest that there is. From Linux 6.12
/// on, who asks for short turns is let in sooner; others take no notice.
const TURN_NS: u64 = 100_000;

/// Raises the priority of the calling thread.
///
/// # Errors
/// Without `CAP_SYS_NICE`; then the agent runs on as any other program.
pub fn raise() -> std::io::Result<()> {
    let attributes = Attributes {
        size: size_of::<Attributes>() as u32,
        nice: NICENESS,
        runtime_ns: TURN_NS,
        ..Attributes::default()
    };
    // SAFETY: the structure is of the kernel's first layout and says its size; 0 names the calling
    // thread.
    match unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// `struct sched_attr` of the kernel's interface, up to its first size.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    size: u32,
    /// 0 is the ordinary one.
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_is_nicer_to_itself_or_says_why_not() {
        std::thread::spawn(|| match raise() {
            Ok(()) => {
                // SAFETY: a call without pointers.
                let now = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
                assert_eq!(now, NICENESS);
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
        })
        .join()
        .unwrap();
    }
}
