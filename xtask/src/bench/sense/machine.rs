//! What needs a machine with a unified cgroup v2 tree and so runs in an emulated one: the agent
//! beside its peers, and the event that a quota is nearly used up.

mod near_quota;
mod peers;

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Numbers;
use crate::setup::{self, Need};
use crate::step::Steps;
use crate::{cmd, paths};

/// Programs that measure and make load; as in other benches always of the dev profile.
const MEASURING: [&str; 4] = ["vm-init", "vm-near-quota", "vm-peers", "vm-workload"];

/// One of them.
fn measuring(name: &str) -> PathBuf {
    paths::binary(name, false)
}

/// Runs both parts. What cannot be measured is `null` with its reason.
///
/// # Errors
/// When the emulator cannot be had or a machine does not reach its end.
pub fn run(release: bool, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    setup::run(Need::Vm, steps)?;
    let mut cargo = cmd::cargo();
    cargo.args(["build", "--workspace"]);
    for program in MEASURING {
        cargo.args(["--bin", program]);
    }
    steps.run("build the programs of the machines", || {
        cmd::run(&mut cargo)
    })?;
    // One that fails does not keep the other from being measured.
    let bursts = near_quota::run(steps, numbers);
    let peers = peers::run(release, steps, numbers);
    bursts.and(peers)
}

/// Every record of a part, for those who want more than the figures.
fn keep(name: &str, records: &Value) -> Result<()> {
    let file = paths::bench().join(format!("{name}.json"));
    std::fs::create_dir_all(paths::bench())?;
    std::fs::write(&file, serde_json::to_string_pretty(records)? + "\n")
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("  every record is in {}", paths::shown(&file));
    Ok(())
}
