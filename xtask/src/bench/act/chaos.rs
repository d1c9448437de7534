//! What goes wrong on real machines, made to go wrong often: whether every original is back after it.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use super::Subject;
use crate::bench::Numbers;
use crate::bench::machine::{self, Disk, MEMORY_MIB, Timed, keep_records};
use crate::step::Steps;
use crate::vm::system::{Profiles, Scenario};

/// A case: what it is called, and what its runs take.
struct Case {
    name: &'static str,
    /// For a run, as several run side by side.
    per_run: Duration,
    disk: bool,
    /// The machine is started again for each run.
    restarts: bool,
    memory_mib: u32,
    /// In a Debian system, by this part of its scenario.
    part: Option<&'static str>,
}

const fn case(name: &'static str, per_run_ms: u64) -> Case {
    Case {
        name,
        per_run: Duration::from_millis(per_run_ms),
        disk: false,
        restarts: false,
        memory_mib: MEMORY_MIB,
        part: None,
    }
}

const CASES: [Case; 11] = [
    case("kill9", 10_000),
    Case {
        disk: true,
        ..case("kill_between", 10_000)
    },
    Case {
        disk: true,
        restarts: true,
        ..case("reboot", 60_000)
    },
    case("disk_full", 10_000),
    // With as many runs as the journal has bytes.
    case("journal_damage", 30_000),
    case("churn", 20_000),
    case("sigstop", 15_000),
    case("another_writer", 10_000),
    case("clock_jump", 10_000),
    Case {
        part: Some("storm"),
        ..case("daemon_reload", 90_000)
    },
    Case {
        // An agent takes 18 KiB for each group.
        memory_mib: 3_072,
        ..case("maps_full", 180_000)
    },
];

/// Boot, the first groups, and what waits longest.
const AROUND: Duration = Duration::from_secs(300);
const SILENCE: Duration = Duration::from_secs(300);

/// Runs each case that was asked for in a machine of its own.
pub fn run(subject: &Subject, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let asked = |case: &&Case| {
        subject.cases.is_empty() || subject.cases.iter().any(|name| name == case.name)
    };
    let cases: Vec<&Case> = CASES.iter().filter(asked).collect();
    let mut failed = Vec::new();
    let mut sums = Vec::new();
    for case in cases {
        let series = machine::kernel()?.series;
        let what = format!("{}, {} runs on kernel {series}", case.name, subject.runs);
        match steps.run(&what, || one(case, subject)) {
            Ok(records) => sums.push(Sums::of(case.name, &records)),
            Err(error) => {
                println!("{} failed: {error:#}", case.name);
                failed.push(case.name);
            }
        }
    }
    table(&sums);
    for sum in &sums {
        sum.put(numbers);
    }
    ensure!(failed.is_empty(), "not run: {}", failed.join(", "));
    Ok(())
}

/// An error when a name is none of a case.
pub fn known(names: &[String]) -> Result<()> {
    let known = CASES.map(|case| case.name);
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("no case {name}; there are: {}", known.join(", "));
    }
    Ok(())
}

fn one(case: &Case, subject: &Subject) -> Result<Vec<Value>> {
    let limit = AROUND + case.per_run * subject.runs;
    let records = match case.part {
        Some(part) => in_a_system(part, limit, subject)?,
        None => in_a_machine(case, limit, subject)?,
    };
    keep_records(
        &format!("act-chaos-{}", case.name),
        machine::kernel()?,
        &records,
    )?;
    Ok(records)
}

fn in_a_system(part: &str, limit: Duration, subject: &Subject) -> Result<Vec<Value>> {
    let scenario = Scenario {
        parts: Some(&format!("{part}:{}", subject.runs)),
        // One on which writes can be traced.
        kernel: machine::kernel()?,
        profiles: Profiles {
            under_test: subject.release,
            of_the_test: false,
        },
        keep: false,
        limit,
    };
    let image = scenario.ready(&mut Steps::new())?;
    Ok(scenario.boot(&image)?.records)
}

fn in_a_machine(case: &Case, limit: Duration, subject: &Subject) -> Result<Vec<Value>> {
    let disk = if case.disk {
        Some(Disk::make(&format!("chaos-{}", case.name), case.restarts)?)
    } else {
        None
    };
    let machine = Timed {
        program: &format!("vm-act,chaos,{},{}", case.name, subject.runs),
        programs: subject.under_test(),
        limit,
        silence: SILENCE,
    };
    machine.run_in(case.memory_mib, disk.as_ref())
}

/// What the runs of a case came to.
struct Sums {
    name: &'static str,
    /// In the order of the table; those after the first few only where the case has them.
    figures: Vec<(&'static str, f64)>,
}

impl Sums {
    fn of(name: &'static str, records: &[Value]) -> Self {
        let runs = || records.iter().filter(|record| record["name"] == "run");
        let made = || runs().filter(|run| run["failed"].is_null());
        let listed = |key: &str| -> f64 {
            made()
                .map(|run| run[key].as_array().map_or(0, Vec::len) as f64)
                .sum()
        };
        let summed = |key: &str| -> f64 { made().filter_map(|run| run[key].as_f64()).sum() };
        let is = |key: &str| made().filter(|run| run[key] == true).count() as f64;
        let has = |key: &str| made().any(|run| !run[key].is_null());
        let mut figures = vec![
            ("runs", made().count() as f64),
            ("failed", (runs().count() - made().count()) as f64),
            ("left_behind", listed("left") + listed("wrong")),
            ("below_floor", listed("below_floor")),
            ("unopted_writes", listed("unopted")),
            ("writes", summed("writes")),
            ("runs_with_changes", {
                let changed = made().filter(|run| run["changed"].as_u64() > Some(0));
                changed.count() as f64
            }),
            ("runs_traced", is("control")),
        ];
        for key in ["between", "went_on", "unsaid", "noticed", "ended_early"] {
            if has(key) {
                figures.push((key, is(key)));
            }
        }
        for key in ["same_numbers", "groups", "journal", "lost"] {
            if has(key) && made().any(|run| run[key].is_number()) {
                figures.push((key, summed(key)));
            }
        }
        if has("left_while_full") {
            figures.push(("left_while_full", listed("left_while_full")));
        }
        if has("per_minute") {
            let least = made().filter_map(|run| run["per_minute"].as_f64());
            figures.push(("least_per_minute", least.fold(f64::INFINITY, f64::min)));
        }
        Self { name, figures }
    }

    fn figure(&self, name: &str) -> Option<f64> {
        let found = self.figures.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| *value)
    }

    fn put(&self, numbers: &mut Numbers) {
        for (figure, value) in &self.figures {
            numbers.put(&format!("chaos.{}.{figure}", self.name), Some(*value));
        }
    }
}

/// All cases beside each other, for people.
fn table(sums: &[Sums]) {
    let columns = [
        "runs",
        "failed",
        "left_behind",
        "below_floor",
        "unopted_writes",
        "writes",
        "runs_with_changes",
    ];
    print!("\n  {:<16}", "case");
    for column in columns {
        print!(" {column:>17}");
    }
    println!();
    for sum in sums {
        print!("  {:<16}", sum.name);
        for column in columns {
            print!(" {:>17}", sum.figure(column).unwrap_or(f64::NAN));
        }
        println!();
        let others = sum.figures.iter().filter(|(key, _)| !columns.contains(key));
        let others: Vec<String> = others
            .map(|(key, value)| format!("{key} {value:.0}"))
            .collect();
        println!("  {:<16} {}", "", others.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn runs_are_added_up_and_those_that_were_not_made_are_not_counted() {
        let records = [
            json!({ "name": "run", "left": [], "below_floor": [], "unopted": [], "control": true,
                    "changed": 3, "writes": 10, "between": true }),
            json!({ "name": "run", "left": ["a"], "wrong": ["b"], "below_floor": ["c"],
                    "unopted": ["d", "e"], "control": true, "changed": 0, "writes": 2,
                    "between": false }),
            json!({ "name": "run", "failed": "it did not start", "left": ["x"] }),
        ];
        let mut numbers = Numbers::default();
        Sums::of("kill9", &records).put(&mut numbers);
        let get = |key: &str| numbers.get(&format!("chaos.kill9.{key}"));
        assert_eq!(get("runs"), Some(2.0));
        assert_eq!(get("failed"), Some(1.0));
        assert_eq!(get("left_behind"), Some(2.0));
        assert_eq!(get("below_floor"), Some(1.0));
        assert_eq!(get("unopted_writes"), Some(2.0));
        assert_eq!(get("writes"), Some(12.0));
        assert_eq!(get("runs_with_changes"), Some(1.0));
        assert_eq!(get("runs_traced"), Some(2.0));
        assert_eq!(get("between"), Some(1.0));
        assert_eq!(get("went_on"), None);
    }

    #[test]
    fn an_unknown_case_is_refused_with_those_that_there_are() {
        assert!(known(&["kill9".to_owned(), "reboot".to_owned()]).is_ok());
        let error = known(&["kill8".to_owned()]).unwrap_err().to_string();
        assert!(
            error.starts_with("no case kill8; there are: kill9, "),
            "{error}"
        );
    }
}
