//! What the probes add to a context switch, as figures under flat keys: by the kernel's own
//! statistics, and by a benchmark with the probes off and on in turn.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aya::sys::{Stats, enable_stats};
use llmos_agent::probes::{Probe, Wanted};
use serde_json::{Map, Value, json};

use super::{EmptyProgram, Means, Switches, median, on_the_scheduler_path, slice};
use crate::measure::Kernel;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How often probes are put on and off.
    pub rounds: u32,
    /// Length of each slice.
    pub slice: Duration,
}

/// Measures; progress goes to standard error.
///
/// # Errors
/// When programs cannot be loaded here or a benchmark fails.
pub fn measure(plan: &Plan) -> Result<Value> {
    ensure!(plan.rounds > 0, "at least one round");
    let mut answer = Map::new();
    slowdown(plan, &mut answer)?;
    statistics(plan, &mut answer)?;
    Ok(answer.into())
}

/// The benchmark with the probes off and on in turn; each ratio is of two neighbours in time.
fn slowdown(plan: &Plan, answer: &mut Map<String, Value>) -> Result<()> {
    let duration = plan.slice;
    for (name, means) in [("pipe", Means::Pipe), ("futex", Means::Futex)] {
        let (mut off, mut on, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=plan.rounds {
            let without = slice(means, duration)?.ns;
            let kernel = Kernel::load(Wanted::all(), &[Probe::Cpu])?;
            let with = slice(means, duration)?.ns;
            drop(kernel);
            eprintln!(
                "  {name} {round}/{}: {without:.0} ns a switch without probes, {with:.0} ns with",
                plan.rounds
            );
            off.push(without);
            on.push(with);
            ratios.push(with / without);
        }
        let added = on.iter().zip(&off).map(|(on, off)| on - off).collect();
        answer.insert(format!("switch_{name}_ns_added"), json!(median(added)));
        answer.insert(format!("switch_{name}_ns_off"), json!(median(off)));
        answer.insert(format!("switch_{name}_ns_on"), json!(median(on)));
        answer.insert(format!("switch_{name}_ratio"), json!(median(ratios)));
    }
    answer.insert(
        "switch_slowdown_ratio".to_owned(),
        answer["switch_pipe_ratio"].clone(),
    );
    Ok(())
}

/// The kernel's own statistics while two tasks do nothing but switch. They read the clock twice a
/// run, which is in their figures; an empty program shows how much that is.
fn statistics(plan: &Plan, answer: &mut Map<String, Value>) -> Result<()> {
    let duration = plan.slice;
    let _statistics = enable_stats(Stats::RunTime).context("the kernel's BPF statistics")?;
    let empty = EmptyProgram::attach()?;
    let paths = on_the_scheduler_path()?;
    let mut floor = Vec::new();
    for _ in 0..plan.rounds {
        let (cost, _) = one(&paths, duration)?;
        floor.push(cost.values().sum());
    }
    let floor = median(floor).context("no round")?;
    drop(empty);

    let _kernel = Kernel::load(Wanted::all(), &[Probe::Cpu])?;
    let paths = on_the_scheduler_path()?;
    let mut totals = Vec::new();
    let mut each: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 1..=plan.rounds {
        let (cost, switches) = one(&paths, duration)?;
        let total: f64 = cost.values().sum();
        eprintln!(
            "  statistics {round}/{}: {total:.1} ns a switch, {switches} switches",
            plan.rounds
        );
        totals.push(total);
        for (name, ns) in cost {
            each.entry(name).or_default().push(ns);
        }
    }
    for (name, values) in each {
        answer.insert(format!("{name}_ns_per_switch"), json!(median(values)));
    }
    answer.insert("probe_ns_per_switch".to_owned(), json!(median(totals)));
    answer.insert("bpf_statistics_ns_per_run".to_owned(), json!(floor));
    Ok(())
}

/// Cost of each program for each switch over one slice, and the switches of the machine in it.
fn one(paths: &BTreeMap<u32, String>, duration: Duration) -> Result<(BTreeMap<String, f64>, u64)> {
    let before = Switches::now(paths)?;
    slice(Means::Pipe, duration)?;
    let after = Switches::now(paths)?;
    let cost = after.ns_per_switch(&before);
    ensure!(!cost.is_empty(), "no program ran at a context switch");
    Ok((cost, after.switches - before.switches))
}
