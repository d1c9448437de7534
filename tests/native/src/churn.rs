//! cgroups that come and go, many of them, while an agent watches.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use llmos_cgroupfs::Root;

use crate::cgroup::{TestCgroup, remove};
use crate::maps::Footprint;

/// How many are there at the same time.
const BATCH: usize = 50;
/// Each so-many-th has a process that works, sends and ends.
const WITH_PROCESS: usize = 10;

/// Makes and removes `groups` cgroups.
///
/// # Errors
/// When a cgroup cannot be made or removed, or a process in one fails.
pub fn churn(load: &Path, groups: usize, mut progress: impl FnMut(usize)) -> Result<()> {
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
pub fn settle(pid: u32, before: &Footprint, limit: Duration) -> Result<Footprint> {
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
