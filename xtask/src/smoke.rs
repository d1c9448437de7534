//! Coordinator and agent together on this machine, as `cargo xtask run` starts them.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use llmos_vm_tests::http;

use crate::build::wait_for;
use crate::run::System;

/// A report comes each tick; this is many ticks.
const LIMIT: Duration = Duration::from_secs(20);

/// Starts both, waits until the coordinator shows the live node with its workloads, stops both.
pub fn run() -> Result<()> {
    let mut system = System::start(None, false)?;
    let shown = node_is_shown(&system);
    // Also when the node was not shown: nothing may be left running.
    system.stop().and(shown)?;
    ensure!(!system.socket.exists(), "the agent left its socket behind");
    Ok(())
}

fn node_is_shown(system: &System) -> Result<()> {
    let mut last = "no answer".to_owned();
    let took = wait_for(LIMIT, || {
        match http::get_tcp(&system.http, "/api/v1/fleet") {
            Ok(fleet) => {
                let node = &fleet["nodes"][0];
                last = format!("nodes: {}", fleet["counts"]);
                node["health"] == "live"
                    && node["workloads"].as_u64().is_some_and(|count| count > 0)
            }
            Err(error) => {
                last = format!("{error:#}");
                false
            }
        }
    });
    match took {
        Some(_) => Ok(()),
        None => bail!("the coordinator does not show this node after {LIMIT:?}; {last}"),
    }
}
