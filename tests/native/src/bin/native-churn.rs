//! Makes and removes cgroups while an agent watches, twice, and prints what the agent holds more
//! than before as one JSON object with flat keys. Growth in the second run is a leak; growth in the
//! first alone is room that the agent keeps for the next crowd.

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use llmos_native_tests::maps::Footprint;
use llmos_native_tests::{churn, guard, load};
use serde_json::{Map, Value, json};

#[derive(Debug, Parser)]
struct Arguments {
    /// The agent's process.
    #[arg(long)]
    agent: u32,
    /// cgroups of each of both runs.
    #[arg(long, default_value_t = 10_000)]
    groups: usize,
    /// Seconds that the agent may take to tidy up.
    #[arg(long, default_value_t = 100)]
    settle_s: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    guard::start()?;
    let load = load::beside_this_program()?;
    let before = Footprint::of(arguments.agent)?;
    eprintln!("  before: {}", shown(&before));
    let mut answer = Map::new();
    for (run, prefix) in [(1, "churn_10k"), (2, "churn_20k")] {
        churn::churn(&load, arguments.groups, |made| {
            eprintln!("  run {run}: {made}/{} came and went", arguments.groups);
        })?;
        let at_once = Footprint::of(arguments.agent)?;
        eprintln!("  run {run}, at once: {}", shown(&at_once));
        let limit = Duration::from_secs(arguments.settle_s);
        let after = churn::settle(arguments.agent, &before, limit)?;
        eprintln!("  run {run}, settled: {}", shown(&after));
        let growth = |after: u64, before: u64| after as f64 - before as f64;
        let mut put = |key: &str, value: f64| {
            answer.insert(format!("{prefix}_{key}"), json!(value));
        };
        let rss = growth(after.rss_bytes, before.rss_bytes) / 1_048_576.0;
        put("rss_growth_mib", rss);
        put("fds_growth", growth(after.files, before.files));
        put(
            "map_entries_growth",
            growth(after.all_entries(), before.all_entries()),
        );
        put("map_entries_at_once", at_once.all_entries() as f64);
    }
    println!("{}", Value::from(answer));
    Ok(())
}

fn shown(held: &Footprint) -> String {
    format!(
        "{:.1} MiB, {} files, map entries {:?}",
        held.rss_bytes as f64 / 1_048_576.0,
        held.files,
        held.entries
    )
}
