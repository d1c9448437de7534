//! More control groups than the maps of the kernel side hold.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use llmos_vm_tests::cgroup;
use llmos_vm_tests::clock::wait_for;
use serde_json::{Value, json};

use super::lane::Lane;
use super::subject::{Subject, ask};
use super::way::Way;
use super::{Work, undone};

/// A little more than `MAX_CGROUPS` of `llmos-common`.
const GROUPS: u32 = 16_500;
/// In folders of so many.
const FOLDER: u32 = 500;
/// Thousands of rows in an emulated machine.
const CHANGED: Duration = Duration::from_secs(200);
const LIFE: Duration = Duration::from_secs(10);

/// Fills the hierarchy, without controllers: the maps count a group all the same.
///
/// # Errors
/// When the kernel refuses.
pub fn fill() -> Result<()> {
    for at in 0..GROUPS {
        let folder = PathBuf::from(cgroup::ROOT).join(format!("fill-{}", at / FOLDER));
        let path = folder.join(at.to_string());
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// See the module.
pub struct MapsFull;

impl Work for MapsFull {
    fn one(&mut self, lane: &mut Lane, at: u32) -> Result<Value> {
        lane.forget()?;
        let way = Way::of(at);
        let watchdog = way.ready(lane)?;
        let mut agent = Subject::agent(lane, "enforce")?;
        let waited = wait_for(CHANGED, || lane.changed() > 0);
        let waited = waited.context("no limit was changed")?;
        std::thread::sleep(lane.within(LIFE));
        let status = ask(lane, "/v1/status").unwrap_or_default();
        agent.kill()?;
        let changed = lane.changed();
        let said = undone(way, lane)?;
        drop(watchdog);
        Ok(json!({
            "way": way.name(),
            "changed": changed,
            "changed_after_s": waited,
            "rss_bytes": status["agent_rss_bytes"],
            "workloads": status["workloads"],
            "lost": status["lost"],
            "ticks": status["ticks"],
            "missed_ticks": status["missed_ticks"],
            "said": said,
        }))
    }
}
