//! Originals come back, whatever ends the agent.

use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{Load, Stage};
use crate::agent::{self, Agent, Watchdog};
use crate::clock::wait_for;
use crate::report::Report;

/// Warm-up and one lowering step take a few seconds; emulation makes them longer.
const CHANGED: Duration = Duration::from_secs(60);
const BACK: Duration = Duration::from_secs(10);
/// A lease is 10 s.
const LEASE_OVER: Duration = Duration::from_secs(60);

/// Ends the agent by a signal it can catch, by one it cannot, and with the command line's help.
pub fn run(report: &mut Report, stage: &Stage, agent: Agent) -> Result<()> {
    let _wave = Load::start(stage.wave.path(), &["steady", "60"])?;
    let agent = stopped(report, stage, agent)?;
    let changed = wait_for(CHANGED, || !stage.differing().is_empty());
    let status = agent.terminate()?;
    report.event(&format!("SIGTERM: the agent ended with {status}"));
    let ok = changed.is_some() && status.success();
    back(report, "restored_after_stop", ok, stage);

    let agent = enforcing(report, stage)?;
    agent.kill()?;
    let left = stage.differing();
    report.event(&format!("kill -9 left {} limits changed", left.len()));
    let agent = Agent::start("observe")?;
    // The agent puts originals back before it answers, so there is nothing to wait for.
    back(report, "restored_after_kill", !left.is_empty(), stage);
    agent.terminate()?;

    let agent = enforcing(report, stage)?;
    agent.kill()?;
    let left = stage.differing();
    let (ok, text) = agent::ctl(&["restore", "--state-dir", agent::STATE])?;
    report.event(&format!(
        "llmosctl restore: {}",
        text.lines().next().unwrap_or_default()
    ));
    back(report, "restored_by_command", ok && !left.is_empty(), stage);
    Ok(())
}

/// Stops the agent past its lease, lets the watchdog do its work, and lets the agent go on.
fn stopped(report: &mut Report, stage: &Stage, agent: Agent) -> Result<Agent> {
    let (unwatched, _) = agent.part("watchdog");
    let watchdog = Watchdog::start()?;
    let watched = wait_for(BACK, || agent.part("watchdog").0 == "healthy");
    let ok = unwatched == "degraded" && watched.is_some();
    report.check(
        "watchdog_seen",
        ok,
        &format!("{unwatched} without it, then: {}", agent.part("watchdog").1),
    );

    let changed = wait_for(CHANGED, || !stage.differing().is_empty());
    agent.signal(Signal::SIGSTOP)?;
    let back_after = wait_for(LEASE_OVER, || stage.differing().is_empty());
    report.event(&match back_after {
        Some(seconds) => format!("SIGSTOP: every original is back after {seconds:.1} s"),
        None => "SIGSTOP: the originals did not come back".to_owned(),
    });
    report.number("watchdog_rss_mib", watchdog.rss_mib());
    back(report, "stopped_agent_restored", changed.is_some(), stage);

    agent.signal(Signal::SIGCONT)?;
    let anew = wait_for(CHANGED, || agent.part("limits").1.contains("begun anew"));
    let again = wait_for(CHANGED, || {
        agent.limits_held() > 0 && !stage.differing().is_empty()
    });
    let (state, cause) = agent.part("limits");
    report.check(
        "stopped_agent_goes_on",
        anew.is_some() && again.is_some() && state == "healthy",
        &format!("limits are {state}: {cause}"),
    );
    Ok(agent)
}

/// An agent in enforce that has changed limits.
fn enforcing(report: &mut Report, stage: &Stage) -> Result<Agent> {
    let agent = Agent::start("enforce")?;
    let took = wait_for(CHANGED, || !stage.differing().is_empty());
    let held = agent.limits_held();
    match took {
        Some(seconds) => report.event(&format!("enforce: {held} limits held after {seconds:.1} s")),
        None => report.event("enforce: no limit was changed"),
    }
    Ok(agent)
}

/// All originals byte for byte; `proven` says that there was something to bring back.
fn back(report: &mut Report, name: &str, proven: bool, stage: &Stage) {
    wait_for(BACK, || stage.differing().is_empty());
    let differing = stage.differing();
    let detail = match (differing.first(), proven) {
        (Some(first), _) => first.clone(),
        (None, true) => "every original is back".to_owned(),
        (None, false) => "nothing had been changed, or the end was not clean".to_owned(),
    };
    report.check(name, differing.is_empty() && proven, &detail);
}
