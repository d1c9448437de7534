//! What lies in a test machine: our programs, what they load, and a shell.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::initramfs::Archive;
use crate::{cmd, paths};

/// Folders that the programs expect.
const FOLDERS: [&str; 8] = [
    "/bin", "/dev", "/etc", "/proc", "/run", "/sys", "/tmp", "/var",
];

/// Packs `init` as the first process, `programs` under their own names, and the models.
pub fn pack(to: &Path, init: &Path, programs: &[PathBuf]) -> Result<()> {
    let mut archive = Archive::new();
    for folder in FOLDERS {
        archive.folder(Path::new(folder));
    }
    let mut libraries = BTreeSet::new();
    archive.program(Path::new("/init"), init, &mut libraries)?;
    let busybox = cmd::find("busybox").context("no busybox on PATH")?;
    for program in programs.iter().chain([&busybox]) {
        let name = program
            .file_name()
            .with_context(|| format!("{} has no name", program.display()))?;
        archive.program(&Path::new("/bin").join(name), program, &mut libraries)?;
    }
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
