//! The scenario: real workloads, a real kernel, and an agent that has to do its work on them.

mod accuracy;
mod events;
mod follow;
mod freeze;
mod restore;
pub mod verdict;

use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context, Result, ensure};

use crate::agent::Agent;
use crate::cgroup::{Group, LIMITS};
use crate::report::Report;

/// A faster pace than the default, so that one run shows rises and falls within two minutes.
const CONFIG: &str = include_str!("agent.toml");

/// Enough to see each kind several times; the bench has more.
const BURSTS: &str = "24";

/// The three groups of the scenario and what their limits were before any agent ran.
pub struct Stage {
    /// CPU bursts; opted in.
    pub bursty: Group,
    /// Memory that grows and falls; opted in.
    pub wave: Group,
    /// Not opted in.
    pub other: Group,
    originals: Vec<(Group, [String; 3])>,
}

/// What people had set before: `cpu.max`, `memory.high`, `memory.max`.
const BURSTY: [&str; 3] = ["max 100000", "max", "max"];
const WAVE: [&str; 3] = ["150000 100000", "max", "536870912"];
const OTHER: [&str; 3] = ["50000 100000", "209715200", "314572800"];

impl Stage {
    fn build() -> Result<Self> {
        let group = |name: &str, limits: [&str; 3]| -> Result<Group> {
            let group = Group::create(&format!("llmos-test/{name}"))?;
            for (file, value) in LIMITS.iter().zip(limits) {
                group.write(file, value)?;
            }
            // The scenario's own numbers have to be what the kernel shows.
            ensure!(
                group.limits()? == limits,
                "{name}: the kernel changed the limits"
            );
            Ok(group)
        };
        let bursty = group("bursty", BURSTY)?;
        let wave = group("wave", WAVE)?;
        let other = group("other", OTHER)?;
        let mut originals = Vec::new();
        for group in [&bursty, &wave, &other] {
            originals.push((group.clone(), group.limits()?));
        }
        Ok(Self {
            bursty,
            wave,
            other,
            originals,
        })
    }

    /// The limits that are not the originals, in words; empty when all are.
    #[must_use]
    pub fn differing(&self) -> Vec<String> {
        let mut differing = Vec::new();
        for (group, originals) in &self.originals {
            let now = group.limits().unwrap_or_default();
            for ((file, original), now) in LIMITS.iter().zip(originals).zip(now) {
                if *original != now {
                    differing.push(format!("{}/{file}: {now}, was {original}", group.name));
                }
            }
        }
        differing
    }
}

/// A workload that is ended with the scenario.
pub struct Load(Child);

impl Load {
    /// Starts `vm-workload` in a group.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(group: &Path, args: &[&str]) -> Result<Self> {
        let child = Command::new("vm-workload").arg(group).args(args).spawn();
        Ok(Self(child.with_context(|| {
            format!("cannot start vm-workload {}", args.join(" "))
        })?))
    }

    /// Waits for its end; false when it failed or was killed.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn finish(mut self) -> Result<bool> {
        Ok(self.0.wait()?.success())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs all parts. A check that fails is reported and the next part still runs; an error ends the
/// scenario.
///
/// # Errors
/// When a part cannot be carried out at all.
pub fn run(report: &mut Report) -> Result<()> {
    accuracy::run(report)?;
    near_quota()?;
    let stage = Stage::build()?;
    Agent::configure(CONFIG)?;
    report.event("three groups are set up; the agent starts in enforce");
    let agent = Agent::start("enforce")?;
    follow::run(report, &stage, &agent)?;
    events::run(report, &agent)?;
    parts(report, &agent)?;
    freeze::run(report, &stage, &agent)?;
    restore::run(report, &stage, agent)
}

/// A few bursts of each kind against a quota. The program reports by itself.
fn near_quota() -> Result<()> {
    let status = Command::new("vm-near-quota").arg(BURSTS).status();
    let status = status.context("cannot start vm-near-quota")?;
    ensure!(status.success(), "vm-near-quota ended with {status}");
    Ok(())
}

/// How each part is; the task that booted the machine holds it against the table of kernels. Here
/// only silence is wrong: what is not healthy has to say why.
fn parts(report: &mut Report, agent: &Agent) -> Result<()> {
    let status = agent.get("/v1/status")?;
    report.parts(&status)?;
    report.number("tick_ms", status["tick_ms"].as_f64());
    report.number("tick_work_ms_p50", status["tick_work_ms_p50"].as_f64());
    report.number("agent_cpu_cores", status["agent_cpu_cores"].as_f64());
    report.number(
        "agent_rss_mib",
        status["agent_rss_bytes"].as_f64().map(|b| b / 1_048_576.0),
    );
    report.number("missed_ticks", status["missed_ticks"].as_f64());
    Ok(())
}
