//! The agent and other systems' rules at work in a test machine: `vm-act bursts COUNT [CONTROLLER...]` for
//! bursts against CPU quotas, `vm-act oom ROUNDS` for memory that grows past its limit.

mod bursts;
mod enforcing;
mod oom;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use llmos_vm_tests::report::Report;

const USAGE: &str = "vm-act bursts COUNT [CONTROLLER...] | oom ROUNDS";

fn main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("act: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, count, more @ ..] = args.as_slice() else {
        bail!("{USAGE}")
    };
    let count: u32 = count.parse().context(USAGE)?;
    let mut report = Report::open()?;
    match what.as_str() {
        "bursts" => bursts::run(&mut report, count, more)?,
        "oom" if more.is_empty() => oom::run(&mut report, count)?,
        _ => bail!("{USAGE}"),
    }
    report.end();
    Ok(())
}
