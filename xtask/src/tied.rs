//! Children that do not outlive this task, however it ends.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

/// Has the kernel send SIGTERM to the program when this task is gone, even when it was killed.
///
/// The kernel means the thread that starts the program, so start it from one that lives on. A
/// program that changes its user on the way (sudo) loses the tie.
pub fn tied(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only one system call is made, and it allocates nothing.
    unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGTERM)?)) }
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
