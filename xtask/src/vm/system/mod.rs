//! `cargo xtask vm system`: the agent as a systemd service of a Debian system with containerd, under
//! the units of `deploy/systemd`, in QEMU's software emulation.

mod base;
mod stage;
mod tables;

use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::kernel::{KERNELS, Kernel};
use super::{Clock, Job};
use crate::setup::{self, Need};
use crate::step::Steps;
use crate::{build, paths};

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
    /// Run only these parts of the scenario, with commas between them.
    #[arg(long)]
    only: Option<String>,
}

/// The kernel of the Debian release that the system is of.
const SERIES: &str = "6.1";
const PROGRAM: &str = "vm-system";
const MEMORY_MIB: u32 = 1536;
const LIMIT: Duration = Duration::from_secs(1_800);
const SILENCE: Duration = Duration::from_secs(300);

/// Makes the system if it is not there, boots it and runs the scenario.
pub fn run(args: &Args) -> Result<()> {
    let mut steps = Steps::new();
    setup::run(Need::Vm, &mut steps)?;
    if !args.no_build {
        build::run(args.release, &mut steps)?;
    }
    let outcome = scenario(args, &mut steps);
    steps.table("vm system");
    match outcome? {
        (passed, 0) => {
            println!("system: {passed} passed");
            Ok(())
        }
        (passed, failed) => bail!("system: {passed} passed, {failed} failed"),
    }
}

fn scenario(args: &Args, steps: &mut Steps) -> Result<(usize, usize)> {
    let kernel = kernel()?;
    if !base::is_there(kernel) {
        steps.run("make the Debian system (a minute)", || base::make(kernel))?;
    }
    base::runs_our_programs()?;
    let image = paths::target().join("vm/system/stage.cpio");
    steps.run("pack the programs", || {
        stage::pack(&image, kernel, args.release)
    })?;
    let disk = base::image();
    let program = args
        .only
        .as_ref()
        .map_or(PROGRAM.to_owned(), |parts| format!("{PROGRAM},{parts}"));
    let job = Job {
        program: &program,
        keep: args.keep,
        root_disk: Some(&disk),
        memory_mib: MEMORY_MIB,
        clock: Clock::Host,
        ahead: false,
        limit: LIMIT,
        silence: SILENCE,
    };
    let report = steps.run("scenario in a Debian system", || job.run(kernel, &image))?;
    report.write("system")?;
    tables::workloads(&report);
    tables::identities(&report);
    let (mut passed, mut failed) = report.counts();
    if !report.parts.is_empty() {
        println!();
        let parts = tables::parts(&report, kernel)?;
        println!(
            "  parts of the agent under its unit: {} as they should be",
            parts.0
        );
        passed += parts.0;
        failed += parts.1;
    }
    Ok((passed, failed))
}

fn kernel() -> Result<Kernel> {
    let found: Vec<Kernel> = KERNELS
        .iter()
        .copied()
        .filter(|k| k.series == SERIES)
        .collect();
    ensure!(found.len() == 1, "there is no kernel {SERIES}");
    Ok(found[0])
}
