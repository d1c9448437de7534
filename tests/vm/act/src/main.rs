//! The agent and other systems' rules at work in a test machine: `vm-act bursts COUNT [CONTROLLER...]` for
//! bursts against CPU quotas, `vm-act oom ROUNDS` and `full ROUNDS` for memory that grows past its limit, `vm-act chaos CASE
//! RUNS` for what goes wrong on real machines, `vm-act soak MINUTES` for what grows over time.

mod bursts;
mod chaos;
mod enforcing;
mod oom;
mod soak;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use llmos_vm_tests::report::Report;

const USAGE: &str = "vm-act bursts COUNT [CONTROLLER...] | oom ROUNDS | full ROUNDS | chaos CASE RUNS | soak MINUTES";

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
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let count = |word: &str| word.parse::<u32>().context(USAGE);
    let mut report = Report::open()?;
    match words[..] {
        ["bursts", bursts, ref only @ ..] => bursts::run(&mut report, count(bursts)?, only)?,
        ["oom", rounds] => oom::run(&mut report, count(rounds)?)?,
        ["full", rounds] => oom::full::run(&mut report, count(rounds)?)?,
        ["chaos", case, runs] => chaos::run(&mut report, case, count(runs)?)?,
        ["soak", minutes] => soak::run(&mut report, count(minutes)?)?,
        _ => bail!("{USAGE}"),
    }
    report.end();
    Ok(())
}
