//! Measures what counting costs on this machine: of a context switch, and of an agent while cgroups
//! come and go; and keeps a crowd of cgroups for others to measure by. Answers with one JSON object
//! with flat keys.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use llmos_native_tests::crowd::Crowd;
use llmos_native_tests::measure::obstacle;
use llmos_native_tests::{churn, guard, load, switch, work};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What the probes add to a context switch.
    Switch {
        /// How often probes are put on and off.
        #[arg(long, default_value_t = 11)]
        rounds: u32,
        /// Milliseconds of each slice.
        #[arg(long, default_value_t = 400)]
        slice_ms: u64,
    },
    /// Makes and removes cgroups, twice; what an agent then holds more than before.
    Churn {
        /// The agent's process.
        #[arg(long)]
        agent: u32,
        /// cgroups of each run.
        #[arg(long, default_value_t = 10_000)]
        groups: usize,
        /// Seconds that the agent may take to tidy up.
        #[arg(long, default_value_t = 100)]
        settle_s: u64,
    },
    /// Keeps so many cgroups with a small process each until its input ends.
    Crowd { groups: usize },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(obstacle) = obstacle() {
        bail!("nothing can be measured here: {obstacle}");
    }
    let answer = match arguments.what {
        What::Crowd { groups } => return crowd(groups),
        What::Switch { rounds, slice_ms } => {
            guard::start()?;
            switch::measure(&switch::Plan {
                rounds,
                slice: Duration::from_millis(slice_ms),
            })?
        }
        What::Churn {
            agent,
            groups,
            settle_s,
        } => {
            guard::start()?;
            let plan = churn::Plan {
                agent,
                groups,
                settle: Duration::from_secs(settle_s),
            };
            churn::measure(&load::beside_this_program()?, &plan)?
        }
    };
    println!("{answer}");
    Ok(())
}

/// Says `ready` when all are there, makes sure on a line that all processes still run, and says
/// `done`.
fn crowd(groups: usize) -> Result<()> {
    // Signals wait until the guard is there; it starts a thread, so it comes after the forks.
    guard::ending_signals().thread_block()?;
    let crowd = Crowd::make(groups)?;
    guard::start()?;
    work::ready(&groups.to_string())?;
    crowd.check()?;
    work::done("")
}
