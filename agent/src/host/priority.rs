//! The agent's share of a busy CPU. An event must be taken in within milliseconds on the very
//! machine whose CPUs are all busy, so the loop asks to be scheduled ahead of ordinary programs. It
//! uses a percent or two of one CPU, so nobody waits for it.

use nix::libc;

/// Niceness of the loop: with it the scheduler lets a wake-up of the agent interrupt others.
const NICENESS: libc::c_int = -10;

/// Raises the priority of the calling thread.
///
/// # Errors
/// Without `CAP_SYS_NICE`; then the agent runs on as any other program.
pub fn raise() -> std::io::Result<()> {
    // SAFETY: a call without pointers; 0 names the calling thread.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
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
