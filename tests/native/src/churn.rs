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

/// As many come and go before the first reading, so that the agent has the room for those that are
/// alive at the same time: growth from there on is with their count.
const FIRST: usize = 100;

/// Lets cgroups come and go, twice; what the agent then holds more than before, under flat keys.
/// Progress goes to standard error.
///
/// # Errors
/// When a cgroup cannot be made or removed, or the agent ends.
pub fn measure(load: &Path, plan: &Plan) -> Result<Value> {
    let fresh = Footprint::of(plan.agent)?;
    churn(load, FIRST, |_| {})?;
    let before = settle(plan.agent, plan.settle)?;
    eprintln!("  after the first {FIRST}: {}", shown(&before));
    let mut answer = Map::new();
    let first = mib(before.rss_bytes) - mib(fresh.rss_bytes);
    answer.insert("churn_first_100_rss_growth_mib".to_owned(), json!(first));
    for (run, prefix) in [(1, "churn_10k"), (2, "churn_20k")] {
        churn(load, plan.groups, |made| {
            eprintln!("  run {run}: {made}/{} came and went", plan.groups);
        })?;
        let at_once = Footprint::of(plan.agent)?;
        eprintln!("  run {run}, at once: {}", shown(&at_once));
        let after = settle(plan.agent, plan.settle)?;
        eprintln!("  run {run}, settled: {}", shown(&after));
        let mut put = |key: &str, value: Value| {
            answer.insert(format!("{prefix}_{key}"), value);
        };
        put("stale_map_entries_at_once", json!(at_once.stale));
        put("stale_map_entries", json!(after.stale));
        for (key, growth) in [
            (
                "rss_growth_mib",
                mib(after.rss_bytes) - mib(before.rss_bytes),
            ),
            ("fds_growth", after.files as f64 - before.files as f64),
        ] {
            if after.cgroups == before.cgroups {
                put(key, json!(growth));
            } else {
                let others = after.cgroups.abs_diff(before.cgroups);
                let reason = format!("{others} cgroups of others came or went meanwhile");
                put(key, Value::Null);
                put(&format!("{key}_reason"), json!(reason));
            }
        }
    }
    Ok(answer.into())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

fn shown(held: &Footprint) -> String {
    format!(
        "{:.1} MiB, {} files, map entries {:?}, {} of cgroups that are gone",
        mib(held.rss_bytes),
        held.files,
        held.entries,
        held.stale
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

/// Waits until a process keeps nothing for cgroups that are gone, and its memory and files stay as
/// they are; at most `limit`. What it holds then.
///
/// # Errors
/// When the process is gone.
fn settle(pid: u32, limit: Duration) -> Result<Footprint> {
    const LOOK_EVERY: Duration = Duration::from_secs(5);
    let start = Instant::now();
    let mut last = Footprint::of(pid)?;
    loop {
        sleep(LOOK_EVERY);
        let now = Footprint::of(pid)?;
        let calm = now.rss_bytes <= last.rss_bytes && now.files <= last.files;
        if start.elapsed() >= limit || (calm && now.stale == 0) {
            return Ok(now);
        }
        last = now;
    }
}
