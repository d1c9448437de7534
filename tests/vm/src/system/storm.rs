//! `systemctl daemon-reload` and changes of units at any moment while workloads burst, again and again. Each
//! run is the life of an agent, and ends with every original in its place: that before the run, or what
//! was set for the unit during it.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Stage;
use super::limits::CHANGED;
use super::service::AGENT;
use super::target::Target;
use super::unit::{PATIENCE, property, systemctl};
use crate::cgroup::{self, LIMITS};
use crate::clock::wait_for;
use crate::report::Report;
use crate::scenario::Load;
use crate::tracer::{Tracer, Write};

/// What happens in a run, at three moments.
const EVENTS: u32 = 3;
/// Its quota is what people change.
const LIMITED: &str = "llmos-test-limited";
/// Its weight is; systemd writes the unit's limits anew with it.
const BARE: &str = "llmos-test-bare";
/// Idle and busy seconds, and more bursts than there will be.
const BURSTS: [&str; 4] = ["bursts", "0.7", "0.3", "1000000"];
/// The agent classes a change for a second before it takes it in.
const TAKEN_IN: Duration = Duration::from_millis(2_500);
/// Originals come back at once, or after the lease.
const BACK: Duration = Duration::from_secs(60);
/// The floor of the policy in cores.
const FLOOR_CORES: f64 = 0.05;
/// Who else writes to cgroups of this machine: systemd, containers' programs, the tests.
const OTHERS: [&str; 5] = ["systemd", "(", "runc", "containerd", "vm-"];

/// How an agent's life ends.
#[derive(Clone, Copy)]
enum End {
    Stop,
    Kill,
    Hang,
}

impl End {
    const ALL: [Self; 3] = [Self::Stop, Self::Kill, Self::Hang];

    fn name(self) -> &'static str {
        match self {
            Self::Stop => "stopped",
            Self::Kill => "killed",
            Self::Hang => "hung",
        }
    }
}

/// The limits that every target has to have in the end.
type Expected = Vec<[String; 3]>;

/// As many runs as were asked for.
pub fn run(report: &mut Report, stage: &Stage) -> Result<()> {
    let tracer = Tracer::start();
    if let Err(error) = &tracer {
        report.event(&format!("writes are not traced on this kernel: {error:#}"));
    }
    let tracer = tracer.ok();
    let _bursts: Vec<Load> = stage
        .managed()
        .enumerate()
        .map(|(at, target)| {
            let log = format!("/tmp/storm-{at}");
            let [a, b, c, d] = BURSTS;
            Load::start(target.group.path(), &[a, b, c, d, &log])
        })
        .collect::<Result<_>>()?;
    systemctl(&["stop", AGENT])?;
    let mut expected: Expected = stage.targets.iter().map(Target::limits).collect();
    let mut bad = 0;
    for at in 0..stage.runs {
        let mut members = match one(stage, tracer.as_ref(), &mut expected, at) {
            Ok(members) => members,
            Err(error) => json!({ "failed": format!("{error:#}") }),
        };
        let is_bad = !members["failed"].is_null()
            || ["left", "below_floor", "unopted"].iter().any(|key| {
                members[*key]
                    .as_array()
                    .is_some_and(|list| !list.is_empty())
            });
        bad += u32::from(is_bad);
        if is_bad || (at + 1) % 10 == 0 {
            report.event(&format!("run {at}: {members}"));
            report.event(&format!("{} runs, {bad} with something wrong", at + 1));
        }
        members["case"] = json!("daemon_reload");
        members["run"] = json!(at);
        report.record("run", members);
    }
    report.check(
        "reloads_leave_nothing",
        bad == 0,
        &format!("{bad} of {} runs with something wrong", stage.runs),
    );
    // As the next part expects it, and the targets of the end.
    set(LIMITED, "CPUQuota=150%")?;
    systemctl(&["start", AGENT])?;
    Ok(())
}

fn one(stage: &Stage, tracer: Option<&Tracer>, expected: &mut Expected, at: u32) -> Result<Value> {
    if let Some(tracer) = tracer {
        tracer.take(|_| true);
    }
    systemctl(&["start", AGENT])?;
    let limited = stage.targets.iter().position(|t| t.name == LIMITED);
    let limited = limited.context("no unit with a quota")?;
    wait_for(CHANGED, || {
        let now = differing(stage, expected);
        now.iter().any(|line| line.starts_with(LIMITED)) && now.len() > stage.targets.len()
    })
    .context("limits do not move")?;
    for event in 0..EVENTS {
        // Any moment of burst and rest, each time another.
        std::thread::sleep(Duration::from_millis(u64::from(
            (at * 37 + event * 411) % 1_000,
        )));
        match (at + event) % EVENTS {
            0 => drop(systemctl(&["daemon-reload"])?),
            1 => {
                set(BARE, &format!("CPUWeight={}", 100 + at % 100))?;
            }
            _ => {
                let percent = 120 + at % 60;
                set(LIMITED, &format!("CPUQuota={percent}%"))?;
                expected[limited][0] = format!("{percent}000 100000");
            }
        }
    }
    std::thread::sleep(TAKEN_IN);
    let changed = differing(stage, expected).len();
    let end = End::ALL[at as usize / EVENTS as usize % End::ALL.len()];
    finish(stage, expected, end)?;
    wait_for(BACK, || differing(stage, expected).is_empty());
    let mut left = differing(stage, expected);
    // Whoever restores puts files back first and units after them: one that is still to come makes its
    // files ours again for a moment, and lets them go.
    systemctl(&["daemon-reload"])?;
    wait_for(BACK, || differing(stage, expected).is_empty());
    systemctl(&["daemon-reload"])?;
    left.extend(
        differing(stage, expected)
            .into_iter()
            .map(|line| format!("after a reload: {line}")),
    );
    let writes = match tracer {
        Some(tracer) => seen(stage, tracer)?,
        None => Vec::new(),
    };
    let ours = |write: &&Write| !OTHERS.iter().any(|name| write.program.starts_with(name));
    let ours: Vec<&Write> = writes.iter().filter(ours).collect();
    let opted_in = |write: &Write| {
        stage
            .managed()
            .any(|target| last_part(target) == write.group)
    };
    let limits = ours.iter().copied().filter(|write| opted_in(write));
    let below = limits.clone().filter(|write| {
        write.file == "cpu.max"
            && cgroup::cores(&write.text).is_none_or(|cores| cores < FLOOR_CORES * 0.999)
    });
    let unopted = ours
        .iter()
        .copied()
        .filter(|write| !opted_in(write) && !write.file.ends_with(".pressure"));
    Ok(json!({
        "way": end.name(),
        "left": left,
        "below_floor": below.map(ToString::to_string).collect::<Vec<_>>(),
        "unopted": unopted.map(ToString::to_string).collect::<Vec<_>>(),
        "writes": limits.count(),
        "changed": changed,
        "control": tracer.is_some(),
    }))
}

/// Ends the agent; what it changed comes back by itself, by the next agent, or by the watchdog.
fn finish(stage: &Stage, expected: &Expected, end: End) -> Result<()> {
    match end {
        End::Stop => {}
        End::Kill => {
            let before = property(AGENT, "MainPID")?;
            systemctl(&["kill", "--signal", "KILL", AGENT])?;
            wait_for(PATIENCE, || {
                property(AGENT, "MainPID").is_ok_and(|pid| pid != before && pid != "0")
            })
            .context("no other agent")?;
        }
        End::Hang => {
            systemctl(&["kill", "--signal", "STOP", AGENT])?;
            wait_for(BACK, || differing(stage, expected).is_empty());
            systemctl(&["kill", "--signal", "CONT", AGENT])?;
        }
    }
    systemctl(&["stop", AGENT])?;
    Ok(())
}

/// All writes of the run, up to one of the test's own: of a weight, which nobody else writes here.
fn seen(stage: &Stage, tracer: &Tracer) -> Result<Vec<Write>> {
    let target = stage.managed().last().context("nobody is opted in")?;
    let weight = target.group.read("cpu.weight")?;
    target.group.write("cpu.weight", &weight)?;
    tracer.wait(last_part(target), "cpu.weight", &weight)?;
    Ok(tracer.take(|_| true))
}

/// The name that the tracer knows a cgroup by.
fn last_part(target: &Target) -> &str {
    target.group.name.rsplit('/').next().unwrap_or_default()
}

/// Sets a property of a service until the next boot, as people do.
fn set(service: &str, property: &str) -> Result<()> {
    let unit = format!("{service}.service");
    systemctl(&["set-property", "--runtime", &unit, property])?;
    Ok(())
}

/// The limits that are not as they have to be, in words.
fn differing(stage: &Stage, expected: &Expected) -> Vec<String> {
    let mut lines = Vec::new();
    for (target, expected) in stage.targets.iter().zip(expected) {
        for ((file, now), right) in LIMITS.iter().zip(target.limits()).zip(expected) {
            if now != *right {
                lines.push(format!("{}/{file}: {now}, expected {right}", target.name));
            }
        }
    }
    lines
}
