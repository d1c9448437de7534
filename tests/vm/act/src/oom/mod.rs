//! Programs that grow past their memory limit while the node has memory to spare: without a limit,
//! with limits that nobody moves, and with the agent. `full`: with the agent on a node that has none.

pub mod full;
mod growth;

use std::time::Duration;

use anyhow::{Context, Result};
use llmos_vm_tests::agent::Agent;
use llmos_vm_tests::cgroup::Group;
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::load;
use llmos_vm_tests::report::Report;
use serde_json::{Value, json};

use crate::enforcing;
use growth::{Growth, Program};

/// `memory.high` and `memory.max` at the beginning of each run.
const LIMITS: [(&str, &str); 2] = [("memory.high", "41943040"), ("memory.max", "67108864")];
/// MiB a second of all processes together; 0 is as fast as they can.
const SPEEDS: [u32; 5] = [50, 100, 200, 400, 0];
/// MiB of all processes together in the end.
const TO_MIB: u32 = 200;
const PAGES: [&str; 2] = ["anon", "file"];
const PROCESSES: [u32; 2] = [1, 3];
/// The agent has to have seen a group for some ticks to know it.
const REST: Duration = Duration::from_secs(3);

/// What is there to help.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arm {
    /// No limit is set: how long growing takes.
    Unlimited,
    /// Limits, and no agent.
    Without,
    /// Limits, and the agent in `enforce`.
    With,
}

impl Arm {
    const ALL: [Self; 3] = [Self::Unlimited, Self::Without, Self::With];

    fn name(self) -> &'static str {
        match self {
            Self::Unlimited => "unlimited",
            Self::Without => "without",
            Self::With => "with",
        }
    }
}

/// Runs each program `rounds` times in each arm and reports a record of each run.
///
/// # Errors
/// When a group cannot be made or the agent does not start.
pub fn run(report: &mut Report, rounds: u32) -> Result<()> {
    let programs: Vec<Program> = (0..rounds)
        .flat_map(|_| PAGES)
        .flat_map(|pages| PROCESSES.map(|processes| (pages, processes)))
        .flat_map(|(pages, processes)| {
            SPEEDS.map(|mib_per_s| Program {
                pages,
                processes,
                mib_per_s,
                to_mib: TO_MIB,
            })
        })
        .collect();
    for arm in Arm::ALL {
        let agent = (arm == Arm::With)
            .then(|| enforcing::start(true))
            .transpose()?;
        for (at, program) in programs.iter().enumerate() {
            // A group of its own each time, so that nothing of the run before is known of it.
            let group = Group::create(&format!("llmos-act/{}-{at}", arm.name()))?;
            let outcome = one(arm, program, &group);
            wait_for(load::SOON, || group.remove().is_ok())
                .context("the cgroup is still in use")?;
            let mut record = outcome?;
            report.event(&format!(
                "{:<9} {program}: {} after {:.0} ms, {} kills",
                arm.name(),
                record["ended"].as_str().unwrap_or_default(),
                record["wall_ms"].as_f64().unwrap_or(f64::NAN),
                record["kills"],
            ));
            record["arm"] = json!(arm.name());
            report.record("run", record);
        }
        if let Some(agent) = agent {
            report.record("agent", says(&agent)?);
            let ended = agent.terminate()?;
            anyhow::ensure!(ended.success(), "the agent ended with {ended}");
        }
    }
    Ok(())
}

fn one(arm: Arm, program: &Program, group: &Group) -> Result<Value> {
    if arm != Arm::Unlimited {
        for (file, value) in LIMITS {
            group.write(file, value)?;
        }
    }
    let mut growth = Growth::start(program, group)?;
    if arm == Arm::With {
        std::thread::sleep(REST);
    }
    // What the agent has made of them by now is what the program grows against.
    let at_onset = json!([group.read("memory.high")?, group.read("memory.max")?]);
    let (ended, wall) = growth.run(group)?;
    let event = |key| growth::event(group, key);
    Ok(json!({
        "pages": program.pages,
        "processes": program.processes,
        "mib_per_s": program.mib_per_s,
        "ended": ended.name(),
        "wall_ms": wall.as_secs_f64() * 1e3,
        "kills": event("oom_kill "),
        "high_hits": event("high "),
        "max_hits": event("max "),
        "limits_at_onset": at_onset,
        "limits_at_end": [group.read("memory.high")?, group.read("memory.max")?],
    }))
}

fn says(agent: &Agent) -> Result<Value> {
    let status = agent.get("/v1/status").context("the agent's status")?;
    Ok(json!({
        "fast_writes": status["fast_writes"],
        "events": status["events"],
        "missed_ticks": status["missed_ticks"],
    }))
}
