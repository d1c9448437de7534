//! `cargo xtask bench sense`: how right the agent's view is and what it costs, with the limits that
//! the project has set itself.
//!
//! Parts are independent: one that fails leaves its figures `null` with the reason, and the others
//! run.

mod accuracy;
mod churn;
mod cost;
mod crowd;
mod machine;
mod switch;
mod table;

use anyhow::{Result, bail, ensure};

use super::{Numbers, programs};
use crate::step::Steps;

/// A part: its name on the command line, what it does, and the work.
struct Part {
    name: &'static str,
    what: &'static str,
    /// Programs that are measured, beside the measuring ones.
    subjects: &'static [&'static str],
    run: fn(bool, &mut Steps, &mut Numbers) -> Result<()>,
}

const PARTS: [Part; 5] = [
    Part {
        name: "accuracy",
        what: "each load for 10 s, counted against the kernel's own accounts",
        subjects: &[],
        run: accuracy::run,
    },
    Part {
        name: "switch",
        what: "what the probes add to a context switch",
        subjects: &[],
        run: switch::run,
    },
    Part {
        name: "cost",
        what: "the agent at 100 and 1,000 cgroups, once a second, forecasts on",
        subjects: &["llmos-agent", "llmos-coordinator"],
        run: cost::run,
    },
    Part {
        name: "churn",
        what: "the agent while 10,000 cgroups come and go",
        subjects: &["llmos-agent", "llmos-coordinator"],
        run: churn::run,
    },
    Part {
        name: "machine",
        what: "what needs an emulated machine: peers, and bursts against a quota",
        subjects: &["llmos-agent", "llmosctl", "vm-peers", "vm-workload"],
        run: machine::run,
    },
];

/// Runs all parts or some, prints the table and writes the file.
pub fn run(release: bool, only: &[String]) -> Result<()> {
    let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
    if let Some(unknown) = only.iter().find(|only| !names.contains(&only.as_str())) {
        bail!("no part {unknown}; there are: {}", names.join(", "));
    }
    ensure!(
        nix::unistd::geteuid().is_root(),
        "kernel programs need root; run this as root"
    );
    let mut steps = Steps::new();
    let asked = |part: &Part| only.is_empty() || only.iter().any(|only| only == part.name);
    let mut subjects: Vec<&str> = PARTS
        .iter()
        .filter(|part| asked(part))
        .flat_map(|part| part.subjects.iter().copied())
        .collect();
    subjects.sort_unstable();
    subjects.dedup();
    programs::build(&subjects, release, &mut steps)?;
    let mut numbers = Numbers::default();
    let mut failed = Vec::new();
    for part in &PARTS {
        if !asked(part) {
            let reason = format!("part {} was not asked for", part.name);
            table::fill(part.name, &reason, &mut numbers);
            continue;
        }
        println!("\n{}: {}", part.name, part.what);
        if let Err(error) = (part.run)(release, &mut steps, &mut numbers) {
            println!("{} failed: {error:#}", part.name);
            failed.push(part.name);
            let reason = format!("part {} failed: {error:#}", part.name);
            table::fill(part.name, &reason, &mut numbers);
        }
        table::fill(part.name, "this part did not measure it", &mut numbers);
    }
    let asked: Vec<&str> = PARTS
        .iter()
        .filter(|part| asked(part))
        .map(|part| part.name)
        .collect();
    table::print(&asked, &numbers);
    steps.table("bench sense");
    numbers.write("sense")?;
    ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}
