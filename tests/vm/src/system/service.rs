//! The agent as the service that is delivered: it starts, every part says how it is, it ends well.

use anyhow::Result;

use super::unit::{PATIENCE, property, systemctl};
use super::{Stage, limits};
use crate::agent;
use crate::clock::wait_for;
use crate::report::Report;

/// The unit under test.
pub const AGENT: &str = "llmos-agent.service";
/// Started by the agent's unit.
pub const WATCHDOG: &str = "llmos-watchdog.service";

/// Starts it; it has to report itself ready and bring the watchdog with it.
pub fn start(report: &mut Report) -> Result<()> {
    systemctl(&["start", AGENT])?;
    let both = [
        property(AGENT, "ActiveState")?,
        property(WATCHDOG, "ActiveState")?,
    ];
    report.check(
        "units_active",
        both == ["active", "active"],
        &format!("{AGENT} {}, {WATCHDOG} {}", both[0], both[1]),
    );
    Ok(())
}

/// How the parts are under the unit; the task that booted the machine compares them with those of an
/// agent that has all of root's powers.
pub fn run(report: &mut Report, _: &Stage) -> Result<()> {
    wait_for(PATIENCE, || agent::part("watchdog").0 == "healthy");
    let status = agent::get("/v1/status")?;
    report.parts(&status)?;
    let (state, cause) = agent::part("watchdog");
    report.check("watchdog_seen", state == "healthy", &cause);
    report.number("tick_work_ms_p50", status["tick_work_ms_p50"].as_f64());
    let mib = status["agent_rss_bytes"].as_f64().map(|b| b / 1_048_576.0);
    report.number("agent_rss_mib", mib);
    for unit in [AGENT, WATCHDOG] {
        let filter = property(unit, "CapabilityBoundingSet")?;
        report.event(&format!("{unit} has: {filter}"));
    }
    Ok(())
}

/// Stops it for good: the originals are back, and neither unit failed or was started again unasked.
pub fn stop(report: &mut Report, stage: &Stage) -> Result<()> {
    let changed = wait_for(limits::CHANGED, || stage.all_changed()).is_some();
    systemctl(&["stop", AGENT])?;
    limits::back(report, "restored_by_systemctl_stop", changed, stage);
    let result = property(AGENT, "Result")?;
    report.check("stop_is_clean", result == "success", &result);
    let restarts = property(WATCHDOG, "NRestarts")?;
    let state = property(WATCHDOG, "ActiveState")?;
    let lasted = state == "active" && restarts == "0";
    report.check(
        "watchdog_lasted",
        lasted,
        &format!("{state}, {restarts} restarts"),
    );
    Ok(())
}
