//! Runs the agent on real workloads and reports what happened.

use std::process::ExitCode;

use llmos_vm_tests::agent;
use llmos_vm_tests::report::Report;
use llmos_vm_tests::scenario;

fn main() -> ExitCode {
    let mut report = match Report::open() {
        Ok(report) => report,
        Err(error) => {
            println!("scenario: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = scenario::run(&mut report);
    if let Err(error) = &outcome {
        report.check("scenario_ran", false, &format!("{error:#}"));
    }
    if report.failed() > 0 {
        // On the console, where the machine's own messages are.
        println!(
            "{}",
            std::fs::read_to_string(agent::LOG).unwrap_or_default()
        );
    }
    report.end();
    if report.failed() > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
