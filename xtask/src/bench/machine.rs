//! What benches in emulated machines share: their programs, the kernel, and where records go.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::setup::{self, Need};
use crate::step::Steps;
pub use crate::vm::Disk;
use crate::vm::kernel::Kernel;
use crate::vm::{Clock, Job, image};
use crate::{cmd, paths};

/// The kernel on which things are compared that do not depend on the kernel.
pub const SERIES: &str = "6.12";
/// Memory of a machine in MiB.
pub const MEMORY_MIB: u32 = 1_024;
/// What does not hold data takes no space.
const DISK_BYTES: u64 = 64 << 20;

/// A program that measures or makes load; as in other benches always of the dev profile.
pub fn measuring(name: &str) -> PathBuf {
    paths::binary(name, false)
}

/// Gets the emulator and the kernels.
///
/// # Errors
/// When one of them cannot be had.
pub fn get(steps: &mut Steps) -> Result<()> {
    setup::run(Need::Vm, steps)
}

/// Builds these measuring programs.
///
/// # Errors
/// When one does not build.
pub fn build(programs: &[&str], steps: &mut Steps) -> Result<()> {
    let mut cargo = cmd::cargo();
    cargo.args(["build", "--workspace"]);
    for program in programs {
        cargo.args(["--bin", program]);
    }
    steps.run("build the programs of the machines", || {
        cmd::run(&mut cargo)
    })
}

/// The kernel of the series [`SERIES`].
///
/// # Errors
/// When it is not among those under test.
pub fn kernel() -> Result<Kernel> {
    Kernel::of(SERIES)
}

/// A program that runs in a machine of its own, in the host's time: emulation makes delays longer, not
/// shorter.
pub struct Timed<'a> {
    /// Its name in the machine, with its arguments after commas.
    pub program: &'a str,
    /// Packed with `vm-init`.
    pub programs: Vec<PathBuf>,
    /// A machine that runs longer than this hangs.
    pub limit: Duration,
    /// A program that says nothing for longer than this hangs.
    pub silence: Duration,
}

impl Timed<'_> {
    /// Boots the kernel of the series [`SERIES`]; what was said in records.
    ///
    /// # Errors
    /// When the machine does not reach its end.
    pub fn run(&self) -> Result<Vec<Value>> {
        self.run_in(MEMORY_MIB, None)
    }

    /// The same in a machine with so much memory, and perhaps a disk.
    ///
    /// # Errors
    /// As [`Timed::run`].
    pub fn run_in(&self, memory_mib: u32, disk: Option<&Disk>) -> Result<Vec<Value>> {
        let name = self.program.split(',').next().unwrap_or_default();
        let archive = paths::target().join("vm").join(format!("{name}.cpio"));
        image::pack(&archive, &measuring("vm-init"), &self.programs)?;
        let job = Job {
            program: self.program,
            keep: false,
            root_disk: None,
            memory_mib,
            clock: Clock::Host,
            ahead: true,
            limit: self.limit,
            silence: self.silence,
        };
        Ok(job.run_on(kernel()?, &archive, disk)?.records)
    }
}

impl Disk {
    /// An empty disk with a file system, under `target/vm`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(name: &str, restarts: bool) -> Result<Self> {
        let file = paths::target().join("vm").join(format!("{name}.img"));
        let image = std::fs::File::create(&file);
        image
            .and_then(|image| image.set_len(DISK_BYTES))
            .with_context(|| format!("cannot write {}", file.display()))?;
        let mkfs = cmd::find("mkfs.ext4").context("no mkfs.ext4 (package e2fsprogs)")?;
        cmd::run(Command::new(mkfs).args(["-q", "-F"]).arg(&file))?;
        Ok(Self { file, restarts })
    }
}

/// Every record of a machine with the kernel that it ran.
///
/// # Errors
/// As [`keep`].
pub fn keep_records(name: &str, kernel: Kernel, records: &[Value]) -> Result<()> {
    keep(
        name,
        &json!({ "kernel": kernel.release(), "records": records }),
    )
}

/// Every record of a part, for those who want more than the figures.
///
/// # Errors
/// When the file cannot be written.
pub fn keep(name: &str, records: &Value) -> Result<()> {
    let file = paths::bench().join(format!("{name}.json"));
    std::fs::create_dir_all(paths::bench())?;
    std::fs::write(&file, serde_json::to_string_pretty(records)? + "\n")
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("  every record is in {}", paths::shown(&file));
    Ok(())
}
