//! `cargo xtask vm`: the scenario of `tests/vm` on real kernels with a unified cgroup v2
//! hierarchy, in QEMU's software emulation.

mod initramfs;
pub mod kernel;
mod qemu;
mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::setup::{self, Need};
use crate::step::Steps;
use crate::{build, cmd, paths};
use initramfs::Archive;
use kernel::{KERNELS, Kernel};

/// Which kernels, and what to do at the end.
#[derive(clap::Args)]
pub struct Args {
    /// Kernel series: 6.1, 6.12 or all.
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
}

/// Our programs in the machine.
const PROGRAMS: &[&str] = &[
    "llmos-agent",
    "llmosctl",
    "native-accuracy",
    "native-load",
    "vm-scenario",
    "vm-workload",
];

/// Sets up, builds and runs the scenario on the kernels that were asked for.
pub fn run(args: &Args) -> Result<()> {
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
    let mut steps = Steps::new();
    setup::run(Need::Vm, &mut steps)?;
    if !args.no_build {
        build::run(args.release, &mut steps)?;
    }
    let mut failed = 0;
    for kernel in kernels {
        let (_, bad) = scenario(kernel, args.keep, args.release, &mut steps)?;
        failed += bad;
    }
    steps.table("vm");
    if failed > 0 {
        bail!("{failed} checks failed in the virtual machines");
    }
    Ok(())
}

/// Runs the scenario on one kernel; returns the counts of passed and failed checks.
pub fn scenario(
    kernel: Kernel,
    keep: bool,
    release: bool,
    steps: &mut Steps,
) -> Result<(usize, usize)> {
    steps.run(&format!("scenario on kernel {}", kernel.series), || {
        println!("  kernel {} in software emulation", kernel.release());
        let folder = paths::target().join("vm").join(kernel.series);
        std::fs::create_dir_all(&folder)?;
        let image = folder.join("initramfs.cpio");
        pack(&image, release)?;
        let boot = qemu::Boot {
            kernel: &kernel.image(),
            initramfs: &image,
            folder: &folder,
            keep,
        };
        let mut report = report::Report::default();
        boot.run(|line| report.line(line))?;
        report.write(kernel.series)?;
        report.complete().with_context(|| {
            format!(
                "kernel {}; its console is in {}",
                kernel.series,
                paths::shown(&boot.console())
            )
        })?;
        let (passed, failed) = report.counts();
        println!(
            "  kernel {}: {passed} checks passed, {failed} failed",
            kernel.series
        );
        Ok((passed, failed))
    })
}

fn pack(to: &Path, release: bool) -> Result<()> {
    let mut archive = Archive::new();
    for folder in [
        "/bin", "/dev", "/etc", "/proc", "/run", "/sys", "/tmp", "/var",
    ] {
        archive.folder(Path::new(folder));
    }
    let mut libraries = BTreeSet::new();
    archive.program(
        Path::new("/init"),
        &paths::binary("vm-init", release),
        &mut libraries,
    )?;
    for name in PROGRAMS {
        let inside = Path::new("/bin").join(name);
        archive.program(&inside, &paths::binary(name, release), &mut libraries)?;
    }
    let busybox = cmd::find("busybox").context("no busybox on PATH")?;
    archive.program(Path::new("/bin/busybox"), &busybox, &mut libraries)?;
    archive.link(Path::new("/bin/sh"), "busybox");
    for library in libraries {
        archive.file(&library, &resolve(&library)?)?;
    }
    archive.tree(
        Path::new("/models"),
        &paths::root().join("models/artifacts"),
    )?;
    archive.write(to)
}

/// Libraries are often links; the archive gets the file behind the link under the link's name.
fn resolve(library: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(library).with_context(|| format!("cannot find {}", library.display()))
}
