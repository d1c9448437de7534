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
    /// sense: this part only (accuracy, switch, cost, churn or machine)
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Measure the programs of the dev profile, which are there already
    #[arg(long)]
    dev: bool,
}

/// Runs one measurement.
pub fn run(args: &Args) -> Result<()> {
    tied::endable()?;
    match (args.name.as_str(), args.only.as_deref()) {
        ("loop", None) => {
            let numbers = agent_loop::run(!args.dev)?;
            numbers.print();
            numbers.write("loop")
        }
        ("sense", only) => sense::run(!args.dev, only),
        ("loop", Some(_)) => bail!("only the bench sense has parts"),
        (other, _) => bail!("no bench {other}; there are: loop, sense"),
    }
}
