//! The same bursts under each of six controllers, one after another on one cgroup: no quota, the tight
//! quota alone, rules of other systems, and the agent without and with its fast path.

mod controller;
mod held;
mod plan;
mod rules;
mod sprinter;

use std::time::Duration;

use anyhow::{Context, Result};
use llmos_vm_tests::cgroup::Group;
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::load;
use llmos_vm_tests::report::Report;
use serde_json::{Value, json};

use controller::{CONTROLLERS, Controller};
use held::Held;
use plan::Burst;
use sprinter::Sprinter;

/// The cgroup that bursts; the agent's configuration opts its parent's children in.
const GROUP: &str = "llmos-act/burst";
/// What all controllers begin with, in cores.
const TIGHT: f64 = 0.2;
const PERIOD: Duration = Duration::from_millis(100);
/// A little load before the first burst: the agent leaves limits of new workloads for 15 s, then
/// lowers them in steps.
const SETTLE: Duration = Duration::from_secs(35);
/// So many bursts are a line of progress.
const TOLD_EACH: usize = 10;

/// Runs `count` bursts under each controller, or each that is named in `only`. One that cannot run leaves a record that says why.
///
/// # Errors
/// When the load itself cannot be made.
pub fn run(report: &mut Report, count: u32, only: &[&str]) -> Result<()> {
    let plan = plan::bursts(count);
    let named = |controller: &Controller| only.is_empty() || only.contains(&controller.name());
    for controller in CONTROLLERS.into_iter().filter(named) {
        let mut members = match turn(report, controller, &plan) {
            Ok(members) => members,
            Err(error) => {
                report.event(&format!("{} not measured: {error:#}", controller.name()));
                json!({ "failed": format!("{error:#}") })
            }
        };
        members["controller"] = json!(controller.name());
        report.record("turn", members);
    }
    Ok(())
}

/// One controller: its bursts, a record of each, and what it held over all of them.
fn turn(report: &mut Report, controller: Controller, plan: &[Burst]) -> Result<Value> {
    let group = Group::create(GROUP)?;
    let outcome = on(report, controller, plan, &group);
    wait_for(load::SOON, || group.remove().is_ok()).context("the cgroup is still in use")?;
    outcome
}

fn on(report: &mut Report, controller: Controller, plan: &[Burst], group: &Group) -> Result<Value> {
    group.write("cpu.max", &quota(TIGHT))?;
    let name = controller.name();
    let running = controller.start(group, TIGHT)?;
    let mut sprinter = Sprinter::start(group)?;
    report.event(&format!("{name}: {} s of a little load", SETTLE.as_secs()));
    std::thread::sleep(SETTLE);

    let cpus = f64::from(u32::try_from(std::thread::available_parallelism()?.get())?);
    let usage = || group.keyed("cpu.stat", "usage_usec ").context("usage_usec");
    let used_before = usage()?;
    let held = Held::start(group.clone(), cpus);
    let mut short = 0;
    for (at, burst) in plan.iter().enumerate() {
        std::thread::sleep(burst.rest);
        let throttled = || {
            group
                .keyed("cpu.stat", "nr_throttled ")
                .context("nr_throttled")
        };
        let onset = held.now();
        let before = throttled()?;
        let took = sprinter.burst(burst)?;
        // The kernel counts a throttled period when it ends.
        std::thread::sleep(PERIOD + PERIOD / 2);
        let periods = throttled()? - before;
        short += usize::from(periods > 0);
        report.record(
            "burst",
            json!({
                "controller": name,
                "threads": burst.threads,
                "at_once": f64::from(burst.threads).min(cpus),
                "cpu_ms": took.cpu_ms,
                "wall_ms": took.wall_ms,
                "throttled_periods": periods,
                "onset_cores": onset,
            }),
        );
        if (at + 1) % TOLD_EACH == 0 || at + 1 == plan.len() {
            report.event(&format!("{name}: {} bursts, {short} throttled", at + 1));
        }
    }
    let held = held.stop();
    let used = (usage()? - used_before) as f64 / 1e6;
    let says = running.stop()?;
    Ok(json!({
        "seconds": held.seconds,
        "quota_cores": held.core_seconds / held.seconds,
        "use_cores": used / held.seconds,
        "changes": held.changes,
        "says": says,
    }))
}

/// The content of `cpu.max` for so many cores.
fn quota(cores: f64) -> String {
    let period_us = PERIOD.as_micros();
    // The kernel takes no less than a millisecond.
    let quota_us = (cores * period_us as f64).max(1_000.0);
    format!("{quota_us:.0} {period_us}")
}
