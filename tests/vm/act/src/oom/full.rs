//! The same growth on a node whose memory is nearly used up: the kernel has to kill, and it should be who
//! grew, at its own limit, and neither who stayed within its own nor whom the node's last resort finds.

use std::fs;

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::cgroup::Group;
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::load;
use llmos_vm_tests::report::Report;
use llmos_vm_tests::scenario::Load;
use serde_json::json;

use super::growth::{self, Ended, Growth, Program};
use super::{LIMITS, PROCESSES, REST, SPEEDS};
use crate::enforcing;

const MIB: u64 = 1 << 20;
/// What the node has left when a program begins to grow, in MiB.
const LEFT_MIB: u64 = 200;
/// More than that.
const TO_MIB: u32 = 400;
/// A neighbour that is managed, too, and stays as it is: MiB used, and its limits.
const NEIGHBOUR_MIB: u64 = 100;
const NEIGHBOUR: [(&str, &str); 2] = [("memory.high", "209715200"), ("memory.max", "268435456")];

/// Runs each program of anonymous pages `rounds` times and reports a record of each. Pages of files are
/// left out: they are freed instead of killing.
///
/// # Errors
/// When a group cannot be made or the agent does not start.
pub fn run(report: &mut Report, rounds: u32) -> Result<()> {
    let agent = enforcing::start(true)?;
    let neighbour = Group::create("llmos-act/neighbour")?;
    for (file, value) in NEIGHBOUR {
        neighbour.write(file, value)?;
    }
    // Not opted in: what the node has besides.
    let rest = Group::create("llmos-rest/rest")?;
    let _steady = Load::start(neighbour.path(), &["steady", &NEIGHBOUR_MIB.to_string()])?;
    wait_for(load::SOON, || used(&neighbour) >= NEIGHBOUR_MIB * MIB).context("a neighbour")?;
    let fill = available()?.saturating_sub(LEFT_MIB * MIB) / MIB;
    let mut filler = None;
    let speeds = (0..rounds).flat_map(|_| PROCESSES).flat_map(|processes| {
        SPEEDS.map(|mib_per_s| Program {
            pages: "anon",
            processes,
            mib_per_s,
            to_mib: TO_MIB,
        })
    });
    for (at, program) in speeds.enumerate() {
        let group = Group::create(&format!("llmos-act/full-{at}"))?;
        for (file, value) in LIMITS {
            group.write(file, value)?;
        }
        if used(&rest) < fill * MIB {
            // The first time, and where the kernel has killed it.
            drop(filler.take());
            filler = Some(Load::start(rest.path(), &["steady", &fill.to_string()])?);
            wait_for(load::SOON * 6, || used(&rest) >= fill * MIB)
                .context("the node does not fill up")?;
        }
        let before = (node_kills()?, kills(&neighbour), kills(&rest));
        let left = available()? / MIB;
        let mut growth = Growth::start(&program, &group)?;
        std::thread::sleep(REST);
        let (ended, wall) = growth.run(&group)?;
        let own = kills(&group);
        let at_limit = growth::event(&group, "oom ").unwrap_or(0);
        let elsewhere = kills(&neighbour) - before.1 + kills(&rest) - before.2;
        let record = json!({
            "processes": program.processes,
            "mib_per_s": program.mib_per_s,
            "left_mib": left,
            "ended": ended.name(),
            "wall_ms": wall.as_secs_f64() * 1e3,
            "kills": own,
            // A limit that was reached, and no kill but by it: the node itself was never out of memory.
            "at_its_limit": ended != Ended::Killed || at_limit > 0,
            "elsewhere": elsewhere,
            "unaccounted": (node_kills()? - before.0).saturating_sub(own + elsewhere),
            "limits_at_end": [group.read("memory.high")?, group.read("memory.max")?],
        });
        drop(growth);
        wait_for(load::SOON, || group.remove().is_ok()).context("the cgroup is still in use")?;
        report.event(&format!(
            "full node {program}: {} after {:.0} ms, {own} kills, {elsewhere} elsewhere; {left} MiB were left",
            ended.name(),
            wall.as_secs_f64() * 1e3,
        ));
        report.record("full", record);
    }
    let ended = agent.terminate()?;
    ensure!(ended.success(), "the agent ended with {ended}");
    Ok(())
}

fn kills(group: &Group) -> u64 {
    growth::event(group, "oom_kill ").unwrap_or(0)
}

fn used(group: &Group) -> u64 {
    let text = group.read("memory.current").unwrap_or_default();
    text.parse().unwrap_or(0)
}

/// Kills for want of memory on the whole node since it started.
fn node_kills() -> Result<u64> {
    field("/proc/vmstat", "oom_kill ")
}

/// Bytes that can still be had without harm to anybody.
fn available() -> Result<u64> {
    Ok(field("/proc/meminfo", "MemAvailable:")? * 1024)
}

fn field(file: &str, key: &str) -> Result<u64> {
    let text = fs::read_to_string(file).with_context(|| file.to_owned())?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.with_context(|| format!("no {key} in {file}"))?
        .parse()
        .with_context(|| format!("{key} in {file}"))
}
