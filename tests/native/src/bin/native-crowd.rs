//! Keeps many cgroups with a small process each until its input ends: says `ready` when all are
//! there.

use anyhow::Result;
use clap::Parser;
use llmos_native_tests::crowd::Crowd;
use llmos_native_tests::{guard, work};

#[derive(Debug, Parser)]
struct Arguments {
    /// How many.
    groups: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // Signals wait until the guard is there; it starts a thread, so it comes after the forks.
    guard::ending_signals().thread_block()?;
    let crowd = Crowd::make(arguments.groups)?;
    guard::start()?;
    work::ready(&arguments.groups.to_string())?;
    crowd.check()?;
    work::done("")
}
