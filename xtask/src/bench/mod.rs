//! `cargo xtask bench NAME`: measurements, one file each, written to `target/bench/NAME.json`.

mod act;
mod agent_loop;
mod control;
mod figures;
mod forecast;
mod machine;
mod native;
mod numbers;
mod parts;
pub mod programs;
mod replayed;
mod sense;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::tied;
pub use numbers::Numbers;

/// Which measurement.
#[derive(clap::Args)]
pub struct Args {
    /// loop: accuracy and cost of the agent on this machine;
    /// sense: every figure of what the agent sees and what seeing costs;
    /// forecast: how good the forecasts are;
    /// control: what the limits are worth beside the rules of other systems;
    /// act: what is done about bursts and growing memory within milliseconds, beside other systems,
    /// and whether limits go back whatever goes wrong
    name: String,
    /// These parts only; sense: accuracy, switch, cost, churn, near_quota, peers; forecast: replay,
    /// leave-one-out, speed; control: replay; act: bursts, oom, full, chaos,
    /// soak
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<String>,
    /// Measure the programs of the dev profile, which are there already
    #[arg(long)]
    dev: bool,
    /// act, sense: take the programs as they are, without building
    #[arg(long)]
    no_build: bool,
    /// forecast, control: traces and recordings, or folders of them
    #[arg(long, value_name = "PATH", num_args = 1..)]
    traces: Vec<PathBuf>,
    /// forecast, control: folder of the model (default: the released one)
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// act: bursts under each controller (default: 40)
    #[arg(long, value_name = "N")]
    bursts: Option<u32>,
    /// act: bursts under these controllers only: unlimited, none, captain, koordlet, llmos_tick_only, llmos
    #[arg(long, value_delimiter = ',')]
    under: Vec<String>,
    /// act: how often each program grows past its limit, with and without the agent (default: 1)
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// act: how often each case of chaos is run (default: 100)
    #[arg(long, value_name = "N")]
    runs: Option<u32>,
    /// act: these cases of chaos only: kill9, kill_between, reboot, disk_full, journal_damage, churn,
    /// sigstop, another_writer, clock_jump, daemon_reload, maps_full
    #[arg(long, value_name = "CASE", value_delimiter = ',')]
    case: Vec<String>,
    /// act: how many minutes the soak lasts (default: 30)
    #[arg(long, value_name = "N")]
    minutes: Option<u32>,
}

/// Runs one measurement.
pub fn run(args: &Args) -> Result<()> {
    tied::endable()?;
    let on_traces = ["forecast", "control"].contains(&args.name.as_str());
    if !on_traces && (!args.traces.is_empty() || args.model.is_some()) {
        bail!("only the benches forecast and control take --traces and --model");
    }
    let counts = [args.bursts, args.rounds, args.runs, args.minutes];
    let names = [&args.under, &args.case];
    let of_act = counts.iter().any(Option::is_some) || names.iter().any(|names| !names.is_empty());
    if args.name != "act" && of_act {
        bail!("only the bench act takes --bursts, --under, --rounds, --runs, --case and --minutes");
    }
    if args.no_build && !["act", "sense"].contains(&args.name.as_str()) {
        bail!("only the benches act and sense take --no-build");
    }
    match args.name.as_str() {
        "loop" if args.only.is_empty() => {
            let numbers = agent_loop::run(!args.dev)?;
            numbers.print();
            numbers.write("loop")
        }
        "loop" => bail!("the bench loop has no parts"),
        "sense" => sense::run(!args.dev, !args.no_build, &args.only),
        "forecast" => forecast::run(!args.dev, &args.only, &args.traces, args.model.as_deref()),
        "control" => control::run(!args.dev, &args.only, &args.traces, args.model.as_deref()),
        "act" => act::run(&act::Asked {
            release: !args.dev,
            build: !args.no_build,
            only: &args.only,
            bursts: args.bursts,
            under: &args.under,
            rounds: args.rounds,
            runs: args.runs,
            cases: &args.case,
            minutes: args.minutes,
        }),
        other => bail!("no bench {other}; there are: loop, sense, forecast, control, act"),
    }
}
