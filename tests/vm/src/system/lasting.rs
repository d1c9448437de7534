//! Limits of systemd's units last: systemd itself holds them, so a `daemon-reload` keeps them, and whoever
//! restores takes them back from it.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::Stage;
use super::limits::CHANGED;
use super::service::AGENT;
use super::target::Target;
use super::unit::{PATIENCE, property, systemctl};
use crate::agent;
use crate::cgroup::LIMITS;
use crate::clock::wait_for;
use crate::report::Report;

/// Properties, and the files that they are behind.
const PROPERTIES: [(&str, &str); 3] = [
    ("CPUQuotaPerSecUSec", "cpu.max"),
    ("MemoryMax", "memory.max"),
    ("MemoryHigh", "memory.high"),
];
/// A set has to stand for some ticks before systemd gets it, at most every ten seconds.
const TOLD: Duration = Duration::from_secs(120);
const LEASE_OVER: Duration = Duration::from_secs(60);

/// A unit, and what systemd had of it before.
struct Unit<'a> {
    target: &'a Target,
    name: String,
    before: [String; 3],
}

impl Unit<'_> {
    fn now(&self) -> [String; 3] {
        PROPERTIES.map(|(name, _)| property(&self.name, name).unwrap_or_default())
    }

    /// Runtime drop-ins with limits.
    fn drop_ins(&self) -> Vec<String> {
        let folders = ["system.control", "transient"];
        let folder = |at: &str| format!("/run/systemd/{at}/{}.d", self.name);
        let found = folders
            .iter()
            .filter_map(|at| fs::read_dir(folder(at)).ok());
        let names = found.flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with("50-")).collect();
        // In whatever order a folder is listed.
        names.sort();
        names
    }
}

/// Told, kept over a reload, and taken back after the agent was killed for good.
pub fn run(report: &mut Report, stage: &Stage) -> Result<()> {
    // What systemd had: nothing of ours is left after a stop.
    systemctl(&["stop", AGENT])?;
    let units: Vec<Unit<'_>> = stage
        .managed()
        .filter_map(|target| {
            let name = target.unit()?.to_owned();
            Some(Unit {
                before: PROPERTIES.map(|(one, _)| property(&name, one).unwrap_or_default()),
                name,
                target,
            })
        })
        .collect();
    let drop_ins: Vec<Vec<String>> = units.iter().map(Unit::drop_ins).collect();
    // A scope that was made with limits has its own.
    let services = units.iter().filter(|unit| unit.name.ends_with(".service"));
    let left: Vec<String> = services.flat_map(Unit::drop_ins).collect();
    report.check(
        "earlier_agents_left_nothing",
        left.is_empty(),
        &left.join(", "),
    );
    systemctl(&["start", AGENT])?;
    let actuators = || -> Vec<String> {
        let rows = stage.managed().filter_map(|target| {
            let row = agent::workload(&target.group.name)?;
            let is = row["actuator"].as_str().unwrap_or_default().to_owned();
            let unit = units
                .iter()
                .any(|unit| unit.target.group.name == target.group.name);
            (is != if unit { "systemd" } else { "cgroupfs" }).then(|| target.name.to_owned())
        });
        rows.collect()
    };
    report.check("actuators", actuators().is_empty(), &actuators().join(", "));
    wait_for(CHANGED, || stage.all_changed());
    let told = wait_for(TOLD, || units.iter().all(|unit| unit.now() != unit.before));
    report.number("told_s", told);
    let untold: Vec<&str> = units
        .iter()
        .filter(|unit| unit.now() == unit.before)
        .map(|unit| unit.target.name)
        .collect();
    report.check("systemd_is_told", told.is_some(), &untold.join(", "));
    let (state, cause) = agent::part("systemd");
    report.check("systemd_healthy", state == "healthy", &cause);
    reloaded(report, &units)?;
    killed(report, &units, &drop_ins)
}

/// A reload, and a property of nobody's concern, put no original back.
fn reloaded(report: &mut Report, units: &[Unit<'_>]) -> Result<()> {
    // Until what systemd has is what is in force, as far as it may ever be.
    std::thread::sleep(Duration::from_secs(15));
    let before: Vec<_> = units.iter().map(|unit| unit.target.limits()).collect();
    systemctl(&["daemon-reload"])?;
    let mut lost = Vec::new();
    let mut moved = 0;
    for (unit, before) in units.iter().zip(&before) {
        let after = unit.target.limits();
        moved += usize::from(after != *before);
        for at in 0..LIMITS.len() {
            let original = &unit.target.originals[at];
            if before[at] != *original && after[at] == *original {
                lost.push(format!("{} of {}", LIMITS[at], unit.target.name));
            }
        }
    }
    report.event(&format!(
        "limits of {moved} units were a little different after the reload"
    ));
    report.check("reload_keeps_limits", lost.is_empty(), &lost.join(", "));
    Ok(())
}

/// Killed with no agent to follow: the watchdog takes back what systemd holds, too.
fn killed(report: &mut Report, units: &[Unit<'_>], drop_ins: &[Vec<String>]) -> Result<()> {
    let held: Vec<_> = units
        .iter()
        .map(|unit| (unit.now(), unit.drop_ins()))
        .collect();
    for (unit, (now, files)) in units.iter().zip(&held) {
        report.record(
            "unit",
            json!({ "unit": unit.name, "before": unit.before, "held": now, "drop_ins": files }),
        );
    }
    fs::create_dir_all(format!("/run/systemd/system/{AGENT}.d"))?;
    let folder = format!("/run/systemd/system/{AGENT}.d/once.conf");
    fs::write(&folder, "[Service]\nRestart=no\n")?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["kill", "--signal", "KILL", AGENT])?;
    let back = |unit: &Unit<'_>| unit.now() == unit.before && unit.target.differing().is_empty();
    let took = wait_for(LEASE_OVER, || units.iter().all(back));
    report.number("units_restored_s", took);
    let left: Vec<String> = units
        .iter()
        .filter(|unit| !back(unit))
        .map(|unit| {
            format!(
                "{}: {:?} {:?}",
                unit.name,
                unit.now(),
                unit.target.differing()
            )
        })
        .collect();
    report.check("units_restored", took.is_some(), &left.join("; "));
    let gone = || {
        units
            .iter()
            .zip(drop_ins)
            .all(|(unit, before)| unit.drop_ins() == *before)
    };
    let gone = wait_for(PATIENCE, gone);
    let new = units.iter().zip(drop_ins).flat_map(|(unit, before)| {
        let now = unit.drop_ins().into_iter();
        now.filter(|name| !before.contains(name))
            .map(|name| format!("{name} of {}", unit.name))
            .collect::<Vec<_>>()
    });
    let new: Vec<String> = new.collect();
    report.check("drop_ins_gone", gone.is_some(), &new.join(", "));
    systemctl(&["daemon-reload"])?;
    let again = units.iter().all(back);
    report.check("nothing_comes_back", again, "after another daemon-reload");
    fs::remove_file(&folder)?;
    systemctl(&["daemon-reload"])?;
    // It may have failed for good, as it was asked to.
    systemctl(&["reset-failed", AGENT])?;
    systemctl(&["start", AGENT])?;
    Ok(())
}
