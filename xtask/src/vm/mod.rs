//! `cargo xtask vm`: the scenario of `tests/vm` on real kernels with a unified cgroup v2
//! hierarchy, in QEMU's software emulation.

pub mod image;
mod initramfs;
pub mod kernel;
mod matrix;
mod modules;
mod native;
pub mod peers;
mod qemu;
mod report;
pub mod system;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::setup::{self, Need};
use crate::step::Steps;
use crate::{build, paths};
use kernel::{KERNELS, Kernel};
use matrix::Column;
pub use qemu::{Clock, Disk};
use report::Report;

/// Which kernels, and what to do at the end.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    /// Kernel series: 6.1, 6.12, 7 (the newest 7.x) or all.
    #[arg(long, default_value = "all")]
    kernel: String,
    /// Put the machine's console on this terminal and end in a shell.
    #[arg(long)]
    keep: bool,
    /// Take the programs as they are, without building.
    #[arg(long)]
    no_build: bool,
    /// Take the programs of the release profile.
    #[arg(long)]
    release: bool,
    /// Write what was seen into the table of docs/kernel-policy.md instead of comparing it.
    #[arg(long)]
    write_matrix: bool,
}

/// Machines of another kind.
#[derive(clap::Subcommand)]
enum Other {
    /// A Debian system with systemd and containerd: the agent as a service, real containers
    System(system::Args),
}

/// Our programs in the machine.
const PROGRAMS: &[&str] = &[
    "llmos-agent",
    "llmos-watchdog",
    "llmosctl",
    "native-accuracy",
    "native-load",
    "vm-near-quota",
    "vm-scenario",
    "vm-workload",
];
/// The emulator is ten to fifteen times slower than the machine, and several share it; a run that
/// takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(900);
/// The longest part of the scenario that says nothing takes 100 s.
const SILENCE: Duration = Duration::from_secs(300);
const MEMORY_MIB: u32 = 1024;

/// How many checks passed, and the name of each one that failed with what was seen.
pub struct Checks {
    pub passed: usize,
    pub failed: Vec<String>,
}

/// What came of something that was run under a name.
pub type Outcome = (String, Result<Checks>);

/// Sets up, builds and runs the scenario on the kernels that were asked for.
pub fn run(args: &Args) -> Result<()> {
    if let Some(Other::System(args)) = &args.other {
        return system::run(args);
    }
    let kernels: Vec<Kernel> = KERNELS
        .iter()
        .copied()
        .filter(|kernel| args.kernel == "all" || args.kernel == kernel.series)
        .collect();
    if kernels.is_empty() {
        let known: Vec<&str> = KERNELS.iter().map(|kernel| kernel.series).collect();
        bail!(
            "no kernel {}; there are: {}, all",
            args.kernel,
            known.join(", ")
        );
    }
    if args.keep && kernels.len() > 1 {
        bail!("one terminal is for one machine; say which with --kernel");
    }
    if args.write_matrix && kernels.len() < KERNELS.len() {
        bail!("the table has a column for each kernel; leave --kernel out to write it");
    }
    let mut steps = Steps::new();
    setup::run(Need::Vm, &mut steps)?;
    if !args.no_build {
        build::run(args.release, &mut steps)?;
    }
    let mut outcomes = Vec::new();
    let mut columns = scenarios(&kernels, args.keep, args.release, &mut steps, &mut outcomes);
    columns.extend(this_machine(args.release, &mut steps));
    if args.write_matrix && columns.len() == KERNELS.len() + 1 {
        matrix::write(&columns)?;
        println!("written to {}", matrix::PAGE);
    } else {
        outcomes.push(agrees(&columns));
    }
    steps.table("vm");
    verdict(outcomes)
}

/// Runs the scenario on all kernels, and holds what was seen against the table of kernels.
pub fn all(steps: &mut Steps) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut columns = scenarios(KERNELS, false, false, steps, &mut outcomes);
    columns.extend(this_machine(false, steps));
    outcomes.push(agrees(&columns));
    outcomes
}

/// All machines at once: much of the scenario is waiting.
fn scenarios(
    kernels: &[Kernel],
    keep: bool,
    release: bool,
    steps: &mut Steps,
    outcomes: &mut Vec<Outcome>,
) -> Vec<Column> {
    let names: Vec<&str> = kernels.iter().map(|kernel| kernel.series).collect();
    let what = format!("scenario on kernels {}", names.join(", "));
    let mut columns = Vec::new();
    let ran = steps.run(&what, || {
        let image = paths::target().join("vm/initramfs.cpio");
        let programs: Vec<PathBuf> = PROGRAMS
            .iter()
            .map(|name| paths::binary(name, release))
            .collect();
        image::pack(&image, &paths::binary("vm-init", release), &programs)?;
        let reports: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = kernels
                .iter()
                .map(|kernel| {
                    let image = &image;
                    let job = Job {
                        program: "vm-scenario",
                        keep,
                        root_disk: None,
                        memory_mib: MEMORY_MIB,
                        clock: Clock::Host,
                        ahead: false,
                        limit: LIMIT,
                        silence: SILENCE,
                    };
                    (kernel, scope.spawn(move || job.run(*kernel, image)))
                })
                .collect();
            let end = |thread: std::thread::ScopedJoinHandle<'_, Result<Report>>| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("the thread that follows it ended early")))
            };
            threads
                .into_iter()
                .map(|(kernel, thread)| (*kernel, end(thread)))
                .collect()
        });
        for (kernel, report) in reports {
            let result = report.and_then(|report| {
                report.write(kernel.series)?;
                let checks = report.outcome();
                println!(
                    "  kernel {}: {} checks passed, {} failed",
                    kernel.series,
                    checks.passed,
                    checks.failed.len()
                );
                columns.push(Column {
                    heading: kernel.heading(),
                    release: kernel.release(),
                    parts: report.parts,
                });
                Ok(checks)
            });
            outcomes.push((format!("kernel {}", kernel.series), result));
        }
        Ok(())
    });
    if let Err(error) = ran {
        outcomes.push((what, Err(error)));
    }
    columns
}

/// A program that runs in a machine of its own.
pub struct Job<'a> {
    /// Its name in the machine, with its arguments after commas.
    pub program: &'a str,
    /// Put the console on this terminal and stay in a shell.
    pub keep: bool,
    /// The disk of a machine that boots from one.
    pub root_disk: Option<&'a Path>,
    /// Memory of the machine in MiB.
    pub memory_mib: u32,
    /// What its time is made of.
    pub clock: Clock,
    /// Run before other programs of this machine, as far as we may: for what measures delays.
    pub ahead: bool,
    /// A machine that runs longer than this hangs.
    pub limit: Duration,
    /// A program that says nothing for longer than this hangs.
    pub silence: Duration,
}

impl Job<'_> {
    /// Boots `kernel` with the archive `image` and returns what the program said.
    pub fn run(&self, kernel: Kernel, image: &Path) -> Result<Report> {
        self.run_on(kernel, image, None)
    }

    /// The same in a machine with a disk.
    pub fn run_on(&self, kernel: Kernel, image: &Path, disk: Option<&Disk>) -> Result<Report> {
        println!("  kernel {} in software emulation", kernel.release());
        let folder = self.folder(kernel)?;
        let boot = qemu::Boot {
            kernel: &kernel.image(),
            initramfs: image,
            root_disk: self.root_disk,
            folder: &folder,
            program: self.program,
            memory_mib: self.memory_mib,
            clock: self.clock,
            ahead: self.ahead,
            limit: self.limit,
            silence: self.silence,
            keep: self.keep,
            disk,
        };
        let mut report = Report::of(kernel.series);
        boot.run(|line| report.line(line))?;
        report.complete().with_context(|| {
            format!(
                "kernel {}; the end of its console, which is in {}:\n{}\nhow the machine ended",
                kernel.series,
                paths::shown(&boot.console()),
                boot.tail()
            )
        })?;
        Ok(report)
    }

    /// One for each kernel and program, so that a bench and a test can run side by side.
    fn folder(&self, kernel: Kernel) -> Result<PathBuf> {
        let program = self.program.split(',').next().unwrap_or_default();
        let folder = paths::target().join("vm").join(kernel.series).join(program);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// The column of this machine's own kernel; where it cannot be had, a line says why.
fn this_machine(release: bool, steps: &mut Steps) -> Option<Column> {
    let seen = steps.run("parts on this machine's own kernel", || {
        native::column(release)
    });
    seen.map_err(|error| println!("  not compared: {error:#}"))
        .ok()
}

/// One passed or failed check for each cell of the table.
fn agrees(columns: &[Column]) -> Outcome {
    let result = matrix::compare(columns).map(|verdict| {
        for line in verdict.notes.iter().chain(&verdict.differing) {
            println!("  {line}");
        }
        if !verdict.differing.is_empty() {
            println!("  if that is meant: cargo xtask vm --write-matrix");
        }
        Checks {
            passed: verdict.same,
            failed: verdict.differing,
        }
    });
    (format!("table of {}", matrix::PAGE), result)
}

fn verdict(outcomes: Vec<Outcome>) -> Result<()> {
    let mut wrong = Vec::new();
    for (name, result) in outcomes {
        match result {
            Ok(checks) if checks.failed.is_empty() => println!("{name}: {} passed", checks.passed),
            Ok(checks) => wrong.push(format!("{name}: {}", checks.failed.join("; "))),
            Err(error) => wrong.push(format!("{name}: {error:#}")),
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n  "));
    }
    Ok(())
}
