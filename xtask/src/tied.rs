//! Children that do not outlive this task, however it ends; and a task that can be ended.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigHandler, Signal, signal};

/// Has the kernel send SIGTERM to the program when this task is gone, even when it was killed.
///
/// The kernel means the thread that starts the program, so start it from one that lives on. A
/// program that changes its user on the way (sudo) loses the tie.
pub fn tied(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only one system call is made, and it allocates nothing.
    unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGTERM)?)) }
}

/// Makes ctrl-c and SIGTERM end this task even where its starter had them ignored, as a shell does
/// for what it runs in the background. What is tied to it then ends as well.
///
/// # Errors
/// When the kernel refuses.
pub fn endable() -> nix::Result<()> {
    for which in [Signal::SIGINT, Signal::SIGTERM] {
        // SAFETY: the default action runs no code of ours.
        unsafe { signal(which, SigHandler::SigDfl) }?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    #[test]
    fn a_tied_program_is_told_when_its_starter_ends() {
        // The thread that starts the program is its parent for this purpose.
        let mut child = std::thread::spawn(|| {
            tied(Command::new("sleep").arg("600").stdin(Stdio::null()))
                .spawn()
                .unwrap()
        })
        .join()
        .unwrap();
        let status = child.wait().unwrap();
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
    }
}
