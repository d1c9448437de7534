//! `cargo xtask vm system`: the agent as a systemd service of a Debian system with containerd, under
//! the units of `deploy/systemd`, in QEMU's software emulation.

mod base;
mod stage;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::kernel::Kernel;
use super::report::Report;
use super::{Checks, Clock, Job};
use crate::setup::{self, Need};
use crate::step::Steps;
use crate::{build, paths};
pub use stage::Profiles;

/// How to run it.
#[derive(clap::Args)]
pub struct Args {
    /// Put the machine's console on this terminal and end in a shell.
    #[arg(long)]
    keep: bool,
    /// Take the programs as they are, without building.
    #[arg(long)]
    no_build: bool,
    /// Take the programs of the release profile.
    #[arg(long)]
    release: bool,
    /// Run only these parts of the scenario, with commas between them; storm:N repeats that one N times.
    #[arg(long)]
    only: Option<String>,
}

/// The Debian release that the system is of, and its kernel.
const SUITE: &str = "bookworm";
const SERIES: &str = "6.1";
const PROGRAM: &str = "vm-system";
const MEMORY_MIB: u32 = 1536;
const LIMIT: Duration = Duration::from_secs(1_800);
const SILENCE: Duration = Duration::from_secs(300);

/// Makes the system if it is not there, boots it and runs the scenario.
pub fn run(args: &Args) -> Result<()> {
    let mut steps = Steps::new();
    let kernel = Kernel::of(SERIES)?;
    setup::run(Need::Vm, &mut steps)?;
    if !args.no_build {
        build::run(args.release, &mut steps)?;
    }
    let outcome = scenario(args, kernel, &mut steps);
    steps.table("vm system");
    super::verdict(vec![("system".to_owned(), outcome)])
}

/// A scenario in such a system: which parts, and how.
pub struct Scenario<'a> {
    /// Parts with commas between them; all if there are none.
    pub parts: Option<&'a str>,
    pub kernel: Kernel,
    pub profiles: Profiles,
    pub keep: bool,
    /// A machine that runs longer than this hangs.
    pub limit: Duration,
}

impl Scenario<'_> {
    /// Makes the system if it is not there, boots it and runs the parts.
    ///
    /// # Errors
    /// When the system cannot be made, or the machine does not reach its end.
    pub fn run(&self, steps: &mut Steps) -> Result<Report> {
        let image = self.ready(steps)?;
        steps.run("scenario in a Debian system", || self.boot(&image))
    }

    /// All but the boot: the system, and the archive of what comes into it.
    ///
    /// # Errors
    /// When one of them cannot be made.
    pub fn ready(&self, steps: &mut Steps) -> Result<PathBuf> {
        if !base::is_there(SUITE) {
            steps.run("make the Debian system (a minute)", || base::make(SUITE))?;
        }
        base::runs_our_programs()?;
        let image = paths::target().join("vm/system/stage.cpio");
        steps.run("pack the programs", || {
            stage::pack(&image, self.kernel, self.profiles)
        })?;
        Ok(image)
    }

    /// Boots with this archive; what was said.
    ///
    /// # Errors
    /// When the machine does not reach its end.
    pub fn boot(&self, image: &Path) -> Result<Report> {
        let disk = base::image();
        let program = self
            .parts
            .map_or(PROGRAM.to_owned(), |parts| format!("{PROGRAM},{parts}"));
        let job = Job {
            program: &program,
            keep: self.keep,
            root_disk: Some(&disk),
            memory_mib: MEMORY_MIB,
            clock: Clock::Host,
            ahead: false,
            limit: self.limit,
            silence: SILENCE,
        };
        job.run(self.kernel, image)
    }
}

fn scenario(args: &Args, kernel: Kernel, steps: &mut Steps) -> Result<Checks> {
    let scenario = Scenario {
        parts: args.only.as_deref(),
        kernel,
        profiles: Profiles {
            under_test: args.release,
            of_the_test: args.release,
        },
        keep: args.keep,
        limit: LIMIT,
    };
    let report = scenario.run(steps)?;
    report.write("system")?;
    tables::workloads(&report);
    tables::identities(&report);
    let mut checks = report.outcome();
    if !report.parts.is_empty() {
        println!();
        let parts = tables::parts(&report, kernel)?;
        println!(
            "  parts of the agent under its unit: {} as they should be",
            parts.passed
        );
        checks.passed += parts.passed;
        checks.failed.extend(parts.failed);
    }
    Ok(checks)
}
