//! `cargo xtask bench sense`: how right the agent's view is and what it costs, with the limits that
//! the project has set itself.

mod accuracy;
mod churn;
mod cost;
mod crowd;
mod machine;
mod switch;
mod table;

use anyhow::{Result, ensure};

use super::parts::{self, Bench, Part};
use super::{Numbers, programs};
use crate::step::Steps;

const PARTS: [Part<bool>; 5] = [
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
        name: "machine",
        what: "what needs an emulated machine: peers, and bursts against a quota",
        subjects: &["llmos-agent", "llmosctl", "vm-peers", "vm-workload"],
        run: |release, steps, numbers| machine::run(*release, steps, numbers),
    },
];

/// Runs all parts or some, prints the table and writes the file.
pub fn run(release: bool, only: &[String]) -> Result<()> {
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
    programs::build(&parts::subjects(&asked), release, &mut steps)?;
    bench.run(&asked, &release, steps)
}
