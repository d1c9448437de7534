//! Originals come back, whatever ends the agent, and systemd starts it again.

use std::time::Duration;

use anyhow::Result;

use super::Stage;
use super::limits::{CHANGED, back};
use super::service::AGENT;
use super::unit::{PATIENCE, property, systemctl};
use crate::agent;
use crate::clock::wait_for;
use crate::report::Report;

/// A lease is 10 s.
const LEASE_OVER: Duration = Duration::from_secs(60);

/// A restart, a kill, and a stop signal, each while limits are held.
pub fn run(report: &mut Report, stage: &Stage) -> Result<()> {
    restarted(report, stage)?;
    killed(report, stage)?;
    stopped(report, stage)
}

/// `systemctl restart`: the new agent begins with the originals.
fn restarted(report: &mut Report, stage: &Stage) -> Result<()> {
    let changed = wait_for(CHANGED, || stage.all_changed()).is_some();
    systemctl(&["restart", AGENT])?;
    // A new agent changes nothing while it warms up.
    back(report, "restored_by_restart", changed, stage);
    Ok(())
}

/// `kill -9`: systemd starts another agent, and that puts the originals back before it goes on.
fn killed(report: &mut Report, stage: &Stage) -> Result<()> {
    let changed = wait_for(CHANGED, || stage.all_changed()).is_some();
    let before = property(AGENT, "MainPID")?;
    systemctl(&["kill", "--signal", "KILL", AGENT])?;
    let left = stage.differing().len();
    report.event(&format!("kill -9 left {left} limits changed"));
    let anew = wait_for(PATIENCE, || {
        stage.differing().is_empty()
            && property(AGENT, "MainPID").is_ok_and(|pid| pid != before && pid != "0")
    });
    back(report, "restored_after_kill", changed && left > 0, stage);
    let after = match anew {
        Some(seconds) => format!("another agent after {seconds:.1} s"),
        None => "no other agent".to_owned(),
    };
    report.check("started_again", anew.is_some(), &after);
    Ok(())
}

/// SIGSTOP past the lease: the watchdog, under its own unit, does what the agent cannot.
fn stopped(report: &mut Report, stage: &Stage) -> Result<()> {
    let changed = wait_for(CHANGED, || stage.all_changed()).is_some();
    systemctl(&["kill", "--signal", "STOP", AGENT])?;
    let took = wait_for(LEASE_OVER, || stage.differing().is_empty());
    report.number("watchdog_restored_s", took);
    back(report, "restored_by_watchdog", changed, stage);
    systemctl(&["kill", "--signal", "CONT", AGENT])?;
    let again = wait_for(CHANGED, || stage.all_changed());
    let (state, cause) = agent::part("limits");
    let ok = again.is_some() && state == "healthy";
    report.check(
        "goes_on_after_stop",
        ok,
        &format!("limits are {state}: {cause}"),
    );
    Ok(())
}
