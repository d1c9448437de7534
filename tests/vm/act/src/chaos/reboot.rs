//! Power cuts: the machine is started again in the middle of enforcing, with the journal on a disk. The
//! groups of the new boot have names and numbers of the old ones, and get nothing of theirs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::report::Report;
use nix::sys::reboot::{RebootMode, reboot};
use serde_json::{Value, json};

use super::lane::{Kind, Lane, Place};
use super::subject::Subject;
use super::way::Way;
use super::{changed, disk};
use llmos_vm_tests::tracer::Tracer;

/// What is said goes out over a serial line.
const SAID: Duration = Duration::from_millis(300);
const CUT: Duration = Duration::from_millis(500);
const BACK: Duration = Duration::from_secs(40);

/// One boot: looks at what the last one left, then leaves something for the next.
///
/// # Errors
/// When the machine has no disk, or an agent does not do its work.
pub fn run(report: &mut Report, asked: u32) -> Result<()> {
    let outcome = boot(report, asked);
    if let Err(error) = &outcome {
        report.record(
            "run",
            json!({ "case": "reboot", "failed": format!("{error:#}") }),
        );
    }
    report.end();
    std::thread::sleep(SAID);
    // Here and not in init, for which a restart is the end.
    reboot(RebootMode::RB_POWER_OFF)?;
    Ok(())
}

fn boot(report: &mut Report, asked: u32) -> Result<()> {
    let turn_file = disk::mounted()?.join("turn");
    let turn = match std::fs::read_to_string(&turn_file) {
        Ok(text) => text.trim().parse().context("the number of this boot")?,
        Err(_) => 0,
    };
    let mut lane = Lane::build(0, Place::Disk, Kind::Fast, Arc::new(Tracer::start()?))?;
    lane.originals(turn)?;
    if turn > 0 {
        let mut members = after(&lane, turn)?;
        lane.judge(turn, &mut members)?;
        report.event(&format!(
            "boot {turn}: {} originals of the last boot, {} writes to this one's groups",
            members["journal"], members["writes"]
        ));
        report.record("run", members);
    }
    if turn >= asked {
        return Ok(());
    }
    lane.forget()?;
    let _agent = Subject::agent(&lane, "enforce")?;
    changed(&lane)?;
    std::thread::sleep(lane.within(CUT));
    write(&turn_file, &(turn + 1).to_string())?;
    std::thread::sleep(SAID);
    // What was not made safe is lost.
    reboot(RebootMode::RB_AUTOBOOT)?;
    Ok(())
}

/// Lets somebody take up the journal of the last boot.
fn after(lane: &Lane, turn: u32) -> Result<Value> {
    let journal = lane.state.join("journal");
    let before = originals(&journal)?;
    let numbers = [lane.busy.id()?, lane.calm.id()?];
    let same = before.iter().filter(|id| numbers.contains(id)).count();
    let way = Way::of(turn);
    let watchdog = way.ready(lane)?;
    let said = way.back(lane)?;
    // The watchdog finds everything as it wants it at once, and clears the journal after some looks.
    let cleared = wait_for(BACK, || {
        originals(&journal).is_ok_and(|left| left.is_empty())
    });
    drop(watchdog);
    let wrong = cleared
        .is_none()
        .then(|| format!("the journal stays: {said}"));
    Ok(json!({
        "case": "reboot",
        "run": turn,
        "way": way.name(),
        "journal": before.len(),
        "same_numbers": same,
        "changed": before.len(),
        "wrong": wrong.into_iter().collect::<Vec<_>>(),
    }))
}

/// Numbers of the cgroups in the journal.
fn originals(journal: &Path) -> Result<Vec<u64>> {
    let text = std::fs::read_to_string(journal).context("the journal")?;
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split('\t').skip(1);
        (words.next() == Some("original")).then(|| words.nth(1)?.parse().ok())?
    });
    Ok(lines.collect())
}

/// Safe on disk when this returns.
fn write(path: &PathBuf, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::File::open(&new)?.sync_all()?;
    std::fs::rename(&new, path)?;
    let folder = path.parent().context("a folder")?;
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}
