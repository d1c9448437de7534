//! What the kernel tells at once: groups that come and go, and processes that it kills.

use std::time::Duration;

use anyhow::Result;

use super::Load;
use crate::agent::Agent;
use crate::cgroup::Group;
use crate::clock::wait_for;
use crate::report::Report;

/// A look at the whole tree would find a group, too, but only much later.
const SOON: Duration = Duration::from_secs(5);

/// A group that comes and goes, and a process that is killed for want of memory.
pub fn run(report: &mut Report, agent: &Agent) -> Result<()> {
    let guest = Group::create("llmos-test/guest")?;
    let came = wait_for(SOON, || agent.workload(&guest.name).is_some());
    guest.remove()?;
    let went = wait_for(SOON, || agent.workload(&guest.name).is_none());
    let seen = came.is_some() && went.is_some();
    let show = |took: Option<f64>| took.map_or("not seen".to_owned(), |s| format!("{s:.2} s"));
    report.check(
        "came_and_went",
        seen,
        &format!("{} and {}", show(came), show(went)),
    );

    let kills = |agent: &Agent| {
        agent
            .get("/v1/status")
            .ok()
            .and_then(|status| status["oom_kills_seen"].as_u64())
    };
    let before = kills(agent).unwrap_or_default();
    let doomed = Group::create("llmos-test/doomed")?;
    doomed.write("memory.max", "16777216")?;
    let survived = Load::start(doomed.path(), &["hog"])?.finish()?;
    let took = wait_for(SOON, || kills(agent).is_some_and(|now| now > before));
    report.check("oom_kill_seen", !survived && took.is_some(), &show(took));
    doomed.remove()
}
