//! CPU time from eBPF against the kernel's own accounting.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Load;
use crate::agent::Agent;
use crate::cgroup::Group;
use crate::report::Report;

/// How far the two may be apart, in percent.
const LIMIT_PCT: f64 = 2.0;
const SECONDS: &str = "10";

/// A busy loop that never sleeps, and a task that sleeps two hundred times a second.
pub fn run(report: &mut Report, agent: &Agent) -> Result<()> {
    let busy = Group::create("llmos-test/busy")?;
    let sleeper = Group::create("llmos-test/sleeper")?;
    // The agent needs a look at the empty groups, so that their first tick is not lost.
    std::thread::sleep(Duration::from_secs(2));
    let loads = [
        Load::start(busy.path(), &["spin", SECONDS])?,
        Load::start(sleeper.path(), &["doze", SECONDS])?,
    ];
    for load in loads {
        load.finish()?;
    }
    std::thread::sleep(Duration::from_secs(2));
    let mut worst: f64 = 0.0;
    for (name, group) in [("busy loop", &busy), ("sleeper", &sleeper)] {
        let kernel = group.keyed("cpu.stat", "usage_usec ").context("cpu.stat")? as f64 / 1e6;
        let seen = total_cpu_s(agent, group)?;
        let error = (seen - kernel).abs() / kernel * 100.0;
        report.event(&format!(
            "{name}: eBPF {seen:.3} s, kernel {kernel:.3} s, off by {error:.2} %"
        ));
        worst = worst.max(error);
        group.remove()?;
    }
    report.check(
        "cpu_agrees",
        worst <= LIMIT_PCT,
        &format!("{worst:.2} % at most"),
    );
    report.number("cpu_err_pct", Some(worst));
    Ok(())
}

/// CPU seconds over the history that the agent keeps of a group.
fn total_cpu_s(agent: &Agent, group: &Group) -> Result<f64> {
    let detail = agent.get(&format!("/v1/workloads/{}", group.id()?))?;
    let history = detail["history"].as_array().context("no history")?;
    let mut total = 0.0;
    for pair in history.windows(2) {
        let [before, after] = pair else { continue };
        let at = |point: &serde_json::Value| point["at_unix_ms"].as_f64().unwrap_or_default();
        // A tick without a value would be an error of its own; it shows as a large difference.
        let cores = after["usage"]["cpu_cores"].as_f64().unwrap_or_default();
        total += cores * (at(after) - at(before)) / 1e3;
    }
    Ok(total)
}
