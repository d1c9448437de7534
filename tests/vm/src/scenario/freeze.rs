//! The freeze switch on a real kernel: limits stay where they are under a load that would move them.

use std::time::Duration;

use anyhow::Result;

use super::{Load, Stage};
use crate::agent::{Agent, ctl};
use crate::clock::wait_for;
use crate::report::Report;

/// Several ticks of the scenario, and more than one burst.
const FROZEN: Duration = Duration::from_secs(15);
/// Emulation makes a rise take seconds.
const MOVES: Duration = Duration::from_secs(60);
const CAUSE: &str = "the scenario";

/// Freezes by the command line, watches, and unfreezes.
pub fn run(report: &mut Report, stage: &Stage, agent: &Agent) -> Result<()> {
    let _bursts = Load::start(
        stage.bursty.path(),
        &["bursts", "3", "2", "60", "/tmp/freeze-onsets"],
    )?;
    let limits = || (stage.bursty.limits().ok(), stage.wave.limits().ok());
    let first = limits();
    let moved = wait_for(MOVES, || limits() != first);

    let (ok, said) = ctl(&["freeze", "--cause", CAUSE])?;
    report.event(&format!("llmosctl freeze: {}", one_line(&said)));
    let frozen = limits();
    let mut told = false;
    let wrote = wait_for(FROZEN, || {
        told |= frozen_outcome(agent);
        limits() != frozen
    });
    let (state, cause) = agent.part("freeze");
    let held = agent.limits_held();
    report.check(
        "frozen_limits_stay",
        ok && moved.is_some()
            && wrote.is_none()
            && told
            && state == "degraded"
            && cause.contains(CAUSE)
            && held > 0,
        &format!(
            "moved before: {}, written while frozen: {}, outcome told: {told}, {held} held; {cause}",
            moved.is_some(),
            wrote.is_some()
        ),
    );

    let (ok, said) = ctl(&["unfreeze"])?;
    report.event(&format!("llmosctl unfreeze: {}", one_line(&said)));
    let moves = wait_for(MOVES, || limits() != frozen);
    report.check(
        "unfrozen_limits_move",
        ok && moves.is_some(),
        &moves.map_or("they do not".to_owned(), |s| format!("after {s:.1} s")),
    );
    Ok(())
}

/// Did a decision of the last ticks meet the switch?
fn frozen_outcome(agent: &Agent) -> bool {
    let wanted = format!("frozen: {CAUSE}");
    let decisions = agent.get("/v1/decisions").unwrap_or_default();
    let list = decisions["decisions"].as_array();
    list.is_some_and(|list| list.iter().any(|d| d["outcome"] == wanted.as_str()))
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("; ")
}
