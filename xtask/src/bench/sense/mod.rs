//! `cargo xtask bench sense`: how right the agent's view is and what it costs, with the limits that
//! the project has set itself.

mod accuracy;
mod churn;
mod cost;
mod crowd;
mod near_quota;
mod peers;
mod switch;
mod table;

use anyhow::{Result, ensure};

use super::parts::{self, Bench, Part};
use super::{Numbers, machine, programs};
use crate::step::Steps;

const PARTS: [Part<bool>; 6] = [
    Part {
        name: "accuracy",
        what: "each load for 10 s, counted against the kernel's own accounts",
        subjects: &[],
        run: |release, steps, numbers| accuracy::run(*release, steps, numbers),
    },
    Part {
        name: "switch",
        what: "what the probes add to a context switch",
        subjects: &[],
        run: |release, steps, numbers| switch::run(*release, steps, numbers),
    },
    Part {
        name: "cost",
        what: "the agent at 100 and 1,000 cgroups, once a second, forecasts on",
        subjects: &["llmos-agent", "llmos-coordinator"],
        run: |release, steps, numbers| cost::run(*release, steps, numbers),
    },
    Part {
        name: "churn",
        what: "the agent while 10,000 cgroups come and go",
        subjects: &["llmos-agent", "llmos-coordinator"],
        run: |release, steps, numbers| churn::run(*release, steps, numbers),
    },
    Part {
        name: "near_quota",
        what: "in an emulated machine: bursts against a quota",
        subjects: &[],
        run: |_, steps, numbers| near_quota::run(steps, numbers),
    },
    Part {
        name: "peers",
        what: "in an emulated machine: the agent beside programs like it, in turn",
        subjects: &["llmos-agent"],
        run: |release, steps, numbers| peers::run(*release, steps, numbers),
    },
];

/// Parts that boot machines, and the programs that measure and make load there.
const IN_MACHINES: [&str; 2] = ["near_quota", "peers"];
const OF_MACHINES: [&str; 4] = ["vm-init", "vm-near-quota", "vm-peers", "vm-workload"];

/// Runs all parts or some, prints the table and writes the file.
///
/// # Errors
/// When a part is not known, a program does not build, or a part cannot be measured.
pub fn run(release: bool, build: bool, only: &[String]) -> Result<()> {
    let bench = Bench {
        name: "sense",
        parts: &PARTS,
        figures: &table::FIGURES,
    };
    let asked = bench.asked(only)?;
    ensure!(
        nix::unistd::geteuid().is_root(),
        "kernel programs need root; run this as root"
    );
    let mut steps = Steps::new();
    if build {
        programs::build(&parts::subjects(&asked), release, &mut steps)?;
        if asked.iter().any(|part| IN_MACHINES.contains(&part.name)) {
            machine::build(&OF_MACHINES, &mut steps)?;
        }
    }
    bench.run(&asked, &release, steps)
}
