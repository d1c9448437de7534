//! cgroups that come and go, many of them, while an agent watches.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use llmos_cgroupfs::Root;
use serde_json::{Map, Value, json};

use crate::cgroup::{TestCgroup, remove};
use crate::maps::Footprint;

/// How many are there at the same time.
const BATCH: usize = 50;
/// Each so-many-th has a process that works, sends and ends.
const WITH_PROCESS: usize = 10;

/// How much comes and goes.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The agent's process.
    pub agent: u32,
    /// cgroups of each of two runs.
    pub groups: usize,
    /// How long the agent may take to tidy up.
    pub settle: Duration,
}

/// Lets cgroups come and go, twice; what the agent then holds more than before, under flat keys.
/// Growth in the second run is a leak; growth in the first alone is room that the agent keeps for
/// the next crowd. Progress goes to standard error.
///
/// # Errors
/// When a cgroup cannot be made or removed, or the agent ends.
pub fn measure(load: &Path, plan: &Plan) -> Result<Value> {
    let before = Footprint::of(plan.agent)?;
    eprintln!("  before: {}", shown(&before));
    let mut answer = Map::new();
    for (run, prefix) in [(1, "churn_10k"), (2, "churn_20k")] {
        churn(load, plan.groups, |made| {
            eprintln!("  run {run}: {made}/{} came and went", plan.groups);
        })?;
        let at_once = Footprint::of(plan.agent)?;
        eprintln!("  run {run}, at once: {}", shown(&at_once));
        let after = settle(plan.agent, &before, plan.settle)?;
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
    Ok(answer.into())
}

fn shown(held: &Footprint) -> String {
    format!(
        "{:.1} MiB, {} files, map entries {:?}",
        held.rss_bytes as f64 / 1_048_576.0,
        held.files,
        held.entries
    )
}

/// Makes and removes `groups` cgroups.
///
/// # Errors
/// When a cgroup cannot be made or removed, or a process in one fails.
fn churn(load: &Path, groups: usize, mut progress: impl FnMut(usize)) -> Result<()> {
    let root = Root::find()?;
    let parent = TestCgroup::make(&root, "churn")?;
    let mut made = 0;
    while made < groups {
        let numbers = made..(made + BATCH).min(groups);
        for number in numbers.clone() {
            let dir = parent.dir().join(number.to_string());
            fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
            if number.is_multiple_of(WITH_PROCESS) {
                let mut moment = Command::new(load);
                let status = moment.arg("--cgroup").arg(&dir).arg("moment").status()?;
                ensure!(status.success(), "a short process ended with {status}");
            }
        }
        for number in numbers {
            remove(&parent.dir().join(number.to_string()));
            made += 1;
        }
        if made.is_multiple_of(1000) {
            progress(made);
        }
    }
    Ok(())
}

/// Waits until the maps of a process hold no more than before, and its memory and files stay as
/// they are; at most `limit`. What it holds then.
///
/// # Errors
/// When the process is gone.
fn settle(pid: u32, before: &Footprint, limit: Duration) -> Result<Footprint> {
    const LOOK_EVERY: Duration = Duration::from_secs(5);
    let start = Instant::now();
    let mut last = Footprint::of(pid)?;
    loop {
        sleep(LOOK_EVERY);
        let now = Footprint::of(pid)?;
        let calm = now.rss_bytes <= last.rss_bytes && now.files <= last.files;
        if start.elapsed() >= limit || (calm && now.all_entries() <= before.all_entries()) {
            return Ok(now);
        }
        last = now;
    }
}
