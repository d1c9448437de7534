//! CPU time from eBPF against the kernel's own accounting.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Load;
use crate::agent::Agent;
use crate::cgroup::Group;
use crate::history;
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
        let detail = agent.get(&format!("/v1/workloads/{}", group.id()?))?;
        let seen = history::total(&detail, "cpu_cores").context("no CPU in the history")?;
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
