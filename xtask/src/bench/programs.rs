//! Builds what a bench runs: the subjects in the profile that is asked for, and the measuring
//! programs in the dev profile. These hardly work themselves, and linking each of them optimised
//! as a whole would take minutes.

use anyhow::Result;

use crate::cmd;
use crate::setup::{self, Need};
use crate::step::Steps;

/// The measuring programs; always of the dev profile.
const MEASURING: [&str; 3] = ["native-accuracy", "native-bench", "native-load"];

/// Builds the measuring programs, and these subjects. Always as the workspace as a whole, so that
/// features of dependencies are the same as in every other build.
pub fn build(subjects: &[&str], release: bool, steps: &mut Steps) -> Result<()> {
    setup::run(Need::Build, steps)?;
    let mut measuring = cmd::cargo();
    measuring.args(["build", "--workspace"]);
    for program in MEASURING {
        measuring.args(["--bin", program]);
    }
    steps.run("build the measuring programs", || cmd::run(&mut measuring))?;
    optimised(subjects, release, steps)
}

/// Builds these subjects alone, likewise as the workspace as a whole.
pub fn subjects(subjects: &[&str], release: bool, steps: &mut Steps) -> Result<()> {
    setup::run(Need::Build, steps)?;
    optimised(subjects, release, steps)
}

fn optimised(subjects: &[&str], release: bool, steps: &mut Steps) -> Result<()> {
    if subjects.is_empty() {
        return Ok(());
    }
    let mut cargo = cmd::cargo();
    cargo.args(["build", "--workspace"]);
    for program in subjects {
        cargo.args(["--bin", program]);
    }
    if release {
        cargo.arg("--release");
    }
    let what = format!("build {}", subjects.join(", "));
    steps.run(&what, || cmd::run(&mut cargo))
}
