//! Runs the agent as a service of a whole system and reports what happened.

use std::process::{Command, ExitCode};

use llmos_vm_tests::report::Report;
use llmos_vm_tests::system;

/// The end of our units' log.
const LOG: [&str; 10] = [
    "--no-pager",
    "--boot",
    "--lines",
    "500",
    "--unit",
    "llmos-agent.service",
    "--unit",
    "llmos-watchdog.service",
    "--unit",
    "containerd.service",
];

fn main() -> ExitCode {
    let mut report = match Report::open() {
        Ok(report) => report,
        Err(error) => {
            println!("system: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let cmdline = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    if let Err(error) = system::run(&mut report, &system::asked_for(&cmdline)) {
        report.check("scenario_ran", false, &format!("{error:#}"));
    }
    if report.failed() > 0 {
        // On the console, where the machine's own messages are.
        let _ = Command::new("journalctl").args(LOG).status();
    }
    report.end();
    if cmdline.contains("llmos.keep") {
        println!("system: a shell; `exit` switches the machine off");
        // A shell that cannot start leaves nothing to do but to end.
        let _ = Command::new("setsid").args(["-c", "bash"]).status();
    }
    if report.failed() > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
