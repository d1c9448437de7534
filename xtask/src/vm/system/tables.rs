//! What the scenario saw of each workload and of each part, as tables.

use serde_json::Value;

use crate::vm::Checks;
use crate::vm::kernel::Kernel;
use crate::vm::matrix::{self, Column};
use crate::vm::report::Report;

/// Parts that work with less under the unit's few capabilities than with all of root's, and how.
const UNDER_THE_UNIT: [(&str, &str); 1] = [("watch.pressure", "degraded")];

/// Prints a row for each workload: what it is, which limits moved, which of them a reload reset.
pub fn workloads(report: &Report) {
    let rows: Vec<[String; 4]> = records(report, "workload")
        .map(|row| {
            let name = word(row, "workload");
            let reset = records(report, "reload").find(|reload| word(reload, "workload") == name);
            let managed = row["managed"].as_bool();
            [
                name,
                match managed {
                    Some(true) => "opted in".to_owned(),
                    Some(false) => "observed".to_owned(),
                    None => "not known to the agent".to_owned(),
                },
                list(&row["changed"]),
                reset.map_or("not tried".to_owned(), |reload| list(&reload["reset"])),
            ]
        })
        .collect();
    let heading = [
        "workload",
        "agent",
        "limits moved",
        "reset by daemon-reload",
    ];
    print(&heading.map(str::to_owned), &rows);
}

/// Prints what the agent says each container is.
pub fn identities(report: &Report) {
    let rows: Vec<[String; 4]> = records(report, "identity")
        .filter(|row| row["container"].is_object())
        .map(|row| {
            let said = &row["container"];
            let short = word(said, "container_id").chars().take(12).collect();
            let both = |a: &str, b: &str| [word(said, a), word(said, b)].join(" ");
            let pod = both("qos_class", "pod_uid").trim().to_owned();
            let by = both("runtime", "driver").trim().to_owned();
            [word(row, "workload"), short, by, pod]
        })
        .collect();
    let heading = [
        "workload",
        "container",
        "runtime and driver",
        "class and pod",
    ];
    print(&heading.map(str::to_owned), &rows);
}

/// One passed or failed check for each part of the agent: under the unit it has to be as the table of
/// kernels says for an agent with all of root's powers, but for those that are known to lose by it.
pub fn parts(report: &Report, kernel: Kernel) -> anyhow::Result<Checks> {
    let column = Column {
        heading: kernel.heading(),
        release: kernel.release(),
        parts: report.parts.clone(),
    };
    let verdict = matrix::compare(&[column])?;
    let mut checks = Checks {
        passed: verdict.same,
        failed: Vec::new(),
    };
    for line in verdict.differing {
        let expected = UNDER_THE_UNIT.iter().any(|(part, state)| {
            line.starts_with(&format!("{part} on")) && line.contains(&format!(" is {state} "))
        });
        println!(
            "  {}: {line}",
            if expected { "as expected" } else { "FAILED" }
        );
        if expected {
            checks.passed += 1;
        } else {
            checks.failed.push(line);
        }
    }
    Ok(checks)
}

fn records<'a>(report: &'a Report, name: &'static str) -> impl Iterator<Item = &'a Value> {
    report
        .records
        .iter()
        .filter(move |record| record["name"] == name)
}

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> String {
    let words: Vec<&str> = value.as_array().map_or(Vec::new(), |words| {
        words.iter().filter_map(Value::as_str).collect()
    });
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(" ")
    }
}

fn print<const N: usize>(heading: &[String; N], rows: &[[String; N]]) {
    if rows.is_empty() {
        return;
    }
    let all = || std::iter::once(heading).chain(rows);
    let widths: Vec<usize> = (0..N)
        .map(|at| all().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    println!();
    for row in all() {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
