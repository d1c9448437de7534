//! Programs that grow past their memory limit: how many are killed or get stuck, and how much longer
//! growing takes than without a limit. And on a node that is full: who is killed.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::Subject;
use super::spread::{at, sorted};
use crate::bench::Numbers;
use crate::bench::machine::{self, SERIES, Timed, keep_records};
use crate::step::{self, Steps};

/// Each run is a line of progress.
const SILENCE: Duration = Duration::from_secs(180);
const AROUND: Duration = Duration::from_secs(300);
/// Twenty programs in three arms, each with a bound of 20 s, a rest and a start.
const PER_ROUND: Duration = Duration::from_secs(60 * 35);

/// Runs the programs in one machine and takes the figures from its records.
pub fn run(subject: &Subject, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let what = format!(
        "growth past a limit, {} times each without and with the agent on kernel {SERIES}",
        subject.rounds
    );
    let records = measure("oom", &what, subject, steps)?;
    table(&records);
    figures(&records, numbers);
    Ok(())
}

/// Runs the programs on a node that is full.
pub fn run_full(subject: &Subject, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let what = format!("growth on a full node on kernel {SERIES}");
    let records = measure("full", &what, subject, steps)?;
    full(&records, numbers);
    Ok(())
}

/// What `vm-act PART` says in a machine of its own.
fn measure(part: &str, what: &str, subject: &Subject, steps: &mut Steps) -> Result<Vec<Value>> {
    let records = steps.run(what, || {
        let machine = Timed {
            program: &format!("vm-act,{part},{}", subject.rounds),
            programs: subject.programs(),
            limit: AROUND + PER_ROUND * subject.rounds,
            silence: SILENCE,
        };
        machine.run()
    })?;
    keep_records(&format!("act-{part}"), machine::kernel()?, &records)?;
    Ok(records)
}

fn of<'a>(records: &'a [Value], arm: &'a str) -> impl Iterator<Item = &'a Value> {
    records
        .iter()
        .filter(move |record| record["name"] == "run" && record["arm"] == arm)
}

fn ended(records: &[Value], arm: &str, how: &str) -> usize {
    of(records, arm).filter(|run| run["ended"] == how).count()
}

fn figures(records: &[Value], numbers: &mut Numbers) {
    numbers.put("oom_runs", Some(of(records, "with").count() as f64));
    for arm in ["with", "without"] {
        let (killed, stuck) = (ended(records, arm, "killed"), ended(records, arm, "stuck"));
        numbers.put(&format!("oom_kills_{arm}"), Some((killed + stuck) as f64));
        numbers.put(&format!("oom_killed_{arm}"), Some(killed as f64));
        numbers.put(&format!("oom_stuck_{arm}"), Some(stuck as f64));
        let none = format!("no run {arm} the agent came to its end");
        let stretches = sorted(stretches(records, arm));
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let key = match arm {
                "with" => format!("oom_stretch_{name}"),
                _ => format!("oom_stretch_{name}_{arm}"),
            };
            numbers.put_or(&key, at(&stretches, share), &none);
        }
    }
}

/// Time of each run that came to its end over that of the same program without a limit.
fn stretches<'a>(records: &'a [Value], arm: &'a str) -> impl Iterator<Item = f64> + 'a {
    let done = |run: &&Value| run["ended"] == "done";
    of(records, arm).filter(done).filter_map(move |run| {
        let same = of(records, "unlimited")
            .filter(done)
            .filter(|other| program(other) == program(run));
        let unlimited = sorted(same.filter_map(|other| other["wall_ms"].as_f64()));
        Some(run["wall_ms"].as_f64()? / at(&unlimited, 0.5)?)
    })
}

fn program(run: &Value) -> [&Value; 3] {
    ["pages", "processes", "mib_per_s"].map(|key| &run[key])
}

/// Where the kernel killed on a node that had nothing left.
fn full(records: &[Value], numbers: &mut Numbers) {
    let runs: Vec<&Value> = records.iter().filter(|r| r["name"] == "full").collect();
    let ended = |how: &str| runs.iter().filter(|run| run["ended"] == how).count() as f64;
    let kills = |key: &str| runs.iter().filter_map(|run| run[key].as_f64()).sum::<f64>();
    let beyond = runs
        .iter()
        .filter(|run| run["at_its_limit"] == false)
        .count();
    for (key, value) in [
        ("oom_full_runs", runs.len() as f64),
        ("oom_full_killed", ended("killed")),
        ("oom_full_stuck", ended("stuck")),
        ("oom_full_done", ended("done")),
        (
            "oom_full_elsewhere",
            kills("elsewhere") + kills("unaccounted"),
        ),
        ("oom_full_not_at_its_limit", beyond as f64),
    ] {
        println!("  {key:<26} {value}");
        numbers.put(key, Some(value));
    }
}

/// The arms beside each other, for people.
fn table(records: &[Value]) {
    println!(
        "\n  {:<10} {:>5} {:>6} {:>7} {:>6} {:>12} {:>12}",
        "arm", "runs", "done", "killed", "stuck", "stretch p50", "stretch max"
    );
    for arm in ["unlimited", "without", "with"] {
        let stretches = sorted(stretches(records, arm));
        let show = |share| {
            let value = at(&stretches, share);
            value.map_or("-".to_owned(), |value| step::round(value, 2).to_string())
        };
        println!(
            "  {arm:<10} {:>5} {:>6} {:>7} {:>6} {:>12} {:>12}",
            of(records, arm).count(),
            ended(records, arm, "done"),
            ended(records, arm, "killed"),
            ended(records, arm, "stuck"),
            show(0.5),
            show(1.0),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(arm: &str, mib_per_s: u32, ended: &str, wall_ms: f64) -> Value {
        json!({
            "name": "run", "arm": arm, "pages": "anon", "processes": 1,
            "mib_per_s": mib_per_s, "ended": ended, "wall_ms": wall_ms,
        })
    }

    #[test]
    fn a_run_is_compared_with_the_same_program_without_a_limit() {
        let records = [
            run("unlimited", 50, "done", 4_000.0),
            run("unlimited", 100, "done", 2_000.0),
            run("without", 50, "stuck", 20_000.0),
            run("without", 100, "killed", 300.0),
            run("with", 50, "done", 5_000.0),
            run("with", 100, "done", 2_000.0),
        ];
        let mut numbers = Numbers::default();
        figures(&records, &mut numbers);
        assert_eq!(numbers.get("oom_runs"), Some(2.0));
        assert_eq!(numbers.get("oom_kills_with"), Some(0.0));
        assert_eq!(numbers.get("oom_kills_without"), Some(2.0));
        assert_eq!(numbers.get("oom_stuck_without"), Some(1.0));
        assert_eq!(numbers.get("oom_stretch_p99"), Some(1.25));
        assert_eq!(numbers.get("oom_stretch_p50_without"), None);
        let reason = numbers.reason("oom_stretch_p50_without").unwrap();
        assert!(reason.contains("no run without"), "{reason}");
    }

    #[test]
    fn a_kill_of_a_neighbour_on_a_full_node_is_seen() {
        let run = |ended: &str, elsewhere: u32, at_its_limit: bool| {
            json!({
                "name": "full", "ended": ended, "elsewhere": elsewhere, "unaccounted": 0,
                "at_its_limit": at_its_limit,
            })
        };
        let records = [
            run("killed", 0, true),
            run("done", 1, true),
            run("killed", 0, false),
        ];
        let mut numbers = Numbers::default();
        full(&records, &mut numbers);
        assert_eq!(numbers.get("oom_full_killed"), Some(2.0));
        assert_eq!(numbers.get("oom_full_elsewhere"), Some(1.0));
        assert_eq!(numbers.get("oom_full_not_at_its_limit"), Some(1.0));
    }
}
