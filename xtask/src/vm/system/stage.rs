//! The initramfs of the system machine: modules for its disk, and all that is ours, which its first
//! process copies onto the disk before systemd starts. So the disk itself stays the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::vm::initramfs::Archive;
use crate::vm::kernel::Kernel;
use crate::{cmd, paths};

/// Our programs in the machine, under `/usr/bin`: those under test, and those of the test.
const UNDER_TEST: [&str; 3] = ["llmos-agent", "llmos-watchdog", "llmosctl"];
const OF_THE_TEST: [&str; 2] = ["vm-system", "vm-workload"];
/// The units under test, as they are delivered.
const UNITS: [&str; 2] = ["llmos-agent.service", "llmos-watchdog.service"];
/// Runs `vm-system` when the system is up.
const TEST: &str = "vm-system.service";
const WANTED_BY: &str = "etc/systemd/system/multi-user.target.wants";
/// What is copied onto the disk.
const STAGE: &str = "/stage";

/// Are programs those of the release profile?
#[derive(Clone, Copy)]
pub struct Profiles {
    pub under_test: bool,
    pub of_the_test: bool,
}

/// Packs it.
pub fn pack(to: &Path, kernel: Kernel, profiles: Profiles) -> Result<()> {
    let mut archive = Archive::new();
    for folder in ["/bin", "/dev", "/disk", "/proc", "/sys"] {
        archive.folder(Path::new(folder));
    }
    let mut libraries = BTreeSet::new();
    archive.program(
        Path::new("/init"),
        &binary("vm-switch", profiles.of_the_test)?,
        &mut libraries,
    )?;
    let busybox = cmd::find("busybox").context("no busybox on PATH")?;
    archive.program(Path::new("/bin/busybox"), &busybox, &mut libraries)?;
    for library in libraries {
        let real = std::fs::canonicalize(&library)
            .with_context(|| format!("cannot find {}", library.display()))?;
        archive.file(&library, &real)?;
    }
    archive.tree(Path::new("/modules"), &kernel.modules()?)?;
    let stage = Path::new(STAGE);
    let under_test = UNDER_TEST.map(|name| (name, profiles.under_test));
    let of_the_test = OF_THE_TEST.map(|name| (name, profiles.of_the_test));
    for (name, release) in under_test.into_iter().chain(of_the_test) {
        // The libraries of the system serve them.
        let program = stage.join("usr/bin").join(name);
        archive.program(&program, &binary(name, release)?, &mut BTreeSet::new())?;
    }
    for unit in UNITS {
        let file = paths::root().join("deploy/systemd").join(unit);
        archive.file(&stage.join("etc/systemd/system").join(unit), &file)?;
    }
    archive.tree(stage, &paths::root().join("tests/vm/system"))?;
    // There is no udev that would make the device known for which it waits.
    let getty = stage.join("etc/systemd/system/serial-getty@.service");
    archive.link(&getty, "/dev/null");
    archive.link(&stage.join(WANTED_BY).join(TEST), &format!("../{TEST}"));
    archive.tree(
        &stage.join("usr/share/llmos/models/lstm-64-32"),
        &paths::root().join("models/artifacts/lstm-64-32"),
    )?;
    archive.write(to)
}

fn binary(name: &str, release: bool) -> Result<PathBuf> {
    let file = paths::binary(name, release);
    anyhow::ensure!(
        file.is_file(),
        "no {}; build first, or leave --no-build out",
        paths::shown(&file)
    );
    Ok(file)
}
