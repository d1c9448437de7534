//! Originals come back, whatever ends the agent.

use std::time::Duration;

use anyhow::Result;

use super::{Load, Stage};
use crate::agent::{self, Agent};
use crate::clock::wait_for;
use crate::report::Report;

/// Warm-up and one lowering step take a few seconds; emulation makes them longer.
const CHANGED: Duration = Duration::from_secs(60);
const BACK: Duration = Duration::from_secs(10);

/// Ends the agent by a signal it can catch, by one it cannot, and with the command line's help.
pub fn run(report: &mut Report, stage: &Stage, agent: Agent) -> Result<()> {
    let _wave = Load::start(stage.wave.path(), &["steady", "60"])?;
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
