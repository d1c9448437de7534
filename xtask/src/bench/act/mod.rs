//! `cargo xtask bench act`: what the agent does about bursts and growing memory within milliseconds,
//! beside what other systems do, in an emulated machine with a real kernel.

mod bursts;
mod chaos;
mod oom;
mod soak;
mod spread;
mod table;
mod trouble;

use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::machine::{self, measuring};
use super::parts::{self, Bench, Part};
use super::programs;
use crate::paths;
use crate::step::Steps;

/// What a person asked for.
pub struct Asked<'a> {
    /// The agent of the release profile.
    pub release: bool,
    /// Build the programs before.
    pub build: bool,
    /// These parts only; all if none is named.
    pub only: &'a [String],
    /// Bursts under each controller.
    pub bursts: Option<u32>,
    /// These controllers only; all if none is named.
    pub under: &'a [String],
    /// How often each program grows in each arm.
    pub rounds: Option<u32>,
    /// How often each case of chaos is run.
    pub runs: Option<u32>,
    /// These cases only; all if none is named.
    pub cases: &'a [String],
    /// How long the soak lasts.
    pub minutes: Option<u32>,
}

/// What the parts are told.
pub struct Subject {
    /// Of which profile the agent is.
    pub release: bool,
    /// Bursts under each controller.
    pub bursts: u32,
    /// The controllers.
    pub under: Vec<&'static str>,
    /// How often each program grows in each arm.
    pub rounds: u32,
    /// How often each case of chaos is run.
    pub runs: u32,
    /// These cases only; all if none is named.
    pub cases: Vec<String>,
    /// How long the soak lasts.
    pub minutes: u32,
}

impl Subject {
    /// What goes into the machine.
    fn programs(&self) -> Vec<PathBuf> {
        let mut programs = vec![paths::binary("llmos-agent", self.release)];
        programs.extend(["vm-act", "vm-workload"].map(measuring));
        programs
    }

    /// The same with the programs that put limits back.
    fn under_test(&self) -> Vec<PathBuf> {
        let mut programs = self.programs();
        programs
            .extend(["llmos-watchdog", "llmosctl"].map(|name| paths::binary(name, self.release)));
        programs
    }
}

/// Programs that measure and make load.
const MEASURING: [&str; 5] = ["vm-init", "vm-act", "vm-workload", "vm-switch", "vm-system"];
/// A burst with its rest takes two to five seconds under each of six controllers.
const BURSTS: RangeInclusive<u32> = 2..=1_000;
const DEFAULT_BURSTS: u32 = 40;
/// A round takes some ten minutes.
const ROUNDS: RangeInclusive<u32> = 1..=50;
const DEFAULT_ROUNDS: u32 = 1;

const RUNS: RangeInclusive<u32> = 1..=10_000;
const DEFAULT_RUNS: u32 = 100;
/// Growth is the last third against the second sixth: each has to have some samples.
const MINUTES: RangeInclusive<u32> = 3..=10_000;
const DEFAULT_MINUTES: u32 = 30;

const PARTS: [Part<Subject>; 5] = [
    Part {
        name: "bursts",
        what: "the same bursts against a tight quota under each of six controllers",
        subjects: &["llmos-agent"],
        run: |subject, steps, numbers| bursts::run(subject, steps, numbers),
    },
    Part {
        name: "oom",
        what: "programs that grow past their memory limit, with the agent and without",
        subjects: &["llmos-agent"],
        run: |subject, steps, numbers| oom::run(subject, steps, numbers),
    },
    Part {
        name: "full",
        what: "the same with the agent on a node that has no memory left: who is killed",
        subjects: &["llmos-agent"],
        run: |subject, steps, numbers| oom::run_full(subject, steps, numbers),
    },
    Part {
        name: "chaos",
        what: "what goes wrong on real machines, often: is every original back?",
        subjects: &["llmos-agent", "llmos-watchdog", "llmosctl"],
        run: |subject, steps, numbers| chaos::run(subject, steps, numbers),
    },
    Part {
        name: "soak",
        what: "mixed load for long: does the agent grow?",
        subjects: &["llmos-agent"],
        run: |subject, steps, numbers| soak::run(subject, steps, numbers),
    },
];

/// Runs all parts or some, prints the table and writes the file.
pub fn run(asked: &Asked<'_>) -> Result<()> {
    let bench = Bench {
        name: "act",
        parts: &PARTS,
        figures: &trouble::ALL,
    };
    let parts = bench.asked(asked.only)?;
    let subject = Subject {
        release: asked.release,
        under: bursts::named(asked.under)?,
        bursts: within("--bursts", asked.bursts.unwrap_or(DEFAULT_BURSTS), &BURSTS)?,
        rounds: within("--rounds", asked.rounds.unwrap_or(DEFAULT_ROUNDS), &ROUNDS)?,
        runs: within("--runs", asked.runs.unwrap_or(DEFAULT_RUNS), &RUNS)?,
        cases: asked.cases.to_vec(),
        minutes: within(
            "--minutes",
            asked.minutes.unwrap_or(DEFAULT_MINUTES),
            &MINUTES,
        )?,
    };
    chaos::known(asked.cases)?;
    let mut steps = Steps::new();
    machine::get(&mut steps)?;
    if asked.build {
        machine::build(&MEASURING, &mut steps)?;
        programs::subjects(&parts::subjects(&parts), asked.release, &mut steps)?;
    }
    bench.run(&parts, &subject, steps)
}

fn within(name: &str, value: u32, bounds: &RangeInclusive<u32>) -> Result<u32> {
    if !bounds.contains(&value) {
        let (least, most) = (bounds.start(), bounds.end());
        bail!("{name} takes {least} to {most}, not {value}");
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_bounds_are_refused_in_one_line() {
        assert_eq!(within("--bursts", 40, &BURSTS).unwrap(), 40);
        let error = within("--bursts", 1, &BURSTS).unwrap_err().to_string();
        assert_eq!(error, "--bursts takes 2 to 1000, not 1");
    }
}
