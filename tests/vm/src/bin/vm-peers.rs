//! Measures the agent and its peers: `vm-peers SECONDS COUNT...`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use llmos_vm_tests::peers;
use llmos_vm_tests::report::Report;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("peers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    let args: Vec<usize> = std::env::args()
        .skip(1)
        .map(|arg| arg.parse().with_context(|| format!("argument {arg}")))
        .collect::<Result<_>>()?;
    let [seconds, counts @ ..] = args.as_slice() else {
        anyhow::bail!("vm-peers SECONDS COUNT...")
    };
    let mut report = Report::open()?;
    let seconds = u64::try_from(*seconds)?;
    peers::run(&mut report, counts, Duration::from_secs(seconds))?;
    report.end();
    Ok(())
}
