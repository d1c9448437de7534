//! `cargo xtask bench NAME`: measurements, one file each, written to `target/bench/NAME.json`.

mod agent_loop;
mod native;
mod numbers;
mod programs;
mod sense;

use anyhow::{Result, bail};

use crate::tied;
pub use numbers::Numbers;

/// Which measurement.
#[derive(clap::Args)]
pub struct Args {
    /// loop: accuracy and cost of the agent on this machine;
    /// sense: every figure of what the agent sees and what seeing costs
    name: String,
    /// sense: these parts only (accuracy, switch, cost, churn, machine)
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<String>,
    /// Measure the programs of the dev profile, which are there already
    #[arg(long)]
    dev: bool,
}

/// Runs one measurement.
pub fn run(args: &Args) -> Result<()> {
    tied::endable()?;
    match args.name.as_str() {
        "loop" if args.only.is_empty() => {
            let numbers = agent_loop::run(!args.dev)?;
            numbers.print();
            numbers.write("loop")
        }
        "loop" => bail!("only the bench sense has parts"),
        "sense" => sense::run(!args.dev, &args.only),
        other => bail!("no bench {other}; there are: loop, sense"),
    }
}
