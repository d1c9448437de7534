//! systemd writes its own values of a unit again at `systemctl daemon-reload`. What it has not been told of
//! yet is reset; the agent has to see that, and to write its own again.

use anyhow::Result;
use serde_json::json;

use super::Stage;
use super::limits::CHANGED;
use super::service::AGENT;
use super::unit::{say, systemctl};
use crate::cgroup::LIMITS;
use crate::clock::wait_for;
use crate::report::Report;

/// What the agent logs when it finds a file changed, or all files of a unit put back by systemd, of which it
/// knows by then what it holds.
const DRIFT: [&str; 2] = ["somebody else changed a limit", "systemd has put back"];

/// One reload after an agent's first writes, before it has told systemd of them.
pub fn run(report: &mut Report, stage: &Stage) -> Result<()> {
    systemctl(&["restart", AGENT])?;
    let units: Vec<_> = stage
        .managed()
        .filter(|target| target.unit().is_some())
        .collect();
    wait_for(CHANGED, || {
        units.iter().any(|target| !target.differing().is_empty())
    });
    let logged = drifts()?;
    let before: Vec<_> = stage.targets.iter().map(|target| target.limits()).collect();
    systemctl(&["daemon-reload"])?;
    let mut lost = Vec::new();
    let mut foreign = Vec::new();
    for (target, before) in stage.targets.iter().zip(&before) {
        let after = target.limits();
        let is_reset =
            |at: &usize| before[*at] != after[*at] && after[*at] == target.originals[*at];
        let reset: Vec<usize> = (0..LIMITS.len()).filter(is_reset).collect();
        if target.identity.driver == Some("cgroupfs") && !reset.is_empty() {
            foreign.push(target.name);
        }
        let names: Vec<&str> = reset.iter().map(|at| LIMITS[*at]).collect();
        report.record("reload", json!({ "workload": target.name, "reset": names }));
        lost.extend(reset.into_iter().map(|at| (target, at)));
    }
    report.number("reload_reset", Some(lost.len() as f64));
    report.check(
        "reload_spares_cgroupfs",
        foreign.is_empty(),
        &foreign.join(", "),
    );
    let seen = wait_for(CHANGED, || drifts().is_ok_and(|now| now > logged));
    let now = drifts()? - logged;
    report.check(
        "drift_seen",
        !lost.is_empty() && seen.is_some(),
        &format!("{} limits reset, {now} changes logged", lost.len()),
    );
    let missing = || -> Vec<String> {
        let still = lost
            .iter()
            .filter(|(target, at)| target.limits()[*at] == target.originals[*at]);
        still
            .map(|(target, at)| format!("{} of {}", LIMITS[*at], target.name))
            .collect()
    };
    let again = wait_for(CHANGED, || missing().is_empty());
    report.number("applied_again_s", again);
    let detail = match again {
        Some(_) => format!("{} limits", lost.len()),
        None => missing().join(", "),
    };
    report.check("applied_again", again.is_some(), &detail);
    Ok(())
}

fn drifts() -> Result<usize> {
    let log = say(
        "journalctl",
        &["-u", AGENT, "-b", "--no-pager", "-o", "cat"],
    )?;
    let tells = |line: &&str| DRIFT.iter().any(|words| line.contains(words));
    Ok(log.lines().filter(tells).count())
}
