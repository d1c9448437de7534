//! The Debian system that the machine boots: made once by mmdebstrap, kept as an ext4 file.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{apt, cmd, paths};

/// What is in it beside Debian's smallest system: the first process and its bus, the runtime.
const PACKAGES: [&str; 6] = [
    "containerd",
    "dbus",
    "kmod",
    "runc",
    "systemd",
    "systemd-sysv",
];
/// What nobody reads in a test machine.
const LEFT_OUT: [&str; 3] = [
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
];
/// Size of the file system. The file is sparse; about a quarter of it is used.
const SIZE: &str = "1200M";
/// For changes of how it is made that the inputs above do not show.
const REVISION: u32 = 1;

/// The image that is kept.
pub fn image() -> PathBuf {
    folder().join("base.ext4")
}

/// The version of the C library in it, such as `2.36`.
pub fn libc() -> Result<String> {
    let file = folder().join("libc");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("read {}", paths::shown(&file)))?;
    Ok(text.trim().to_owned())
}

/// Is there one of this Debian release, made as here?
pub fn is_there(suite: &str) -> bool {
    let made_of = std::fs::read_to_string(folder().join("inputs")).unwrap_or_default();
    image().is_file() && made_of == inputs(suite)
}

/// Makes it (a minute, 100 MB of packages).
pub fn make(suite: &str) -> Result<()> {
    for (program, package) in [("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs")] {
        if cmd::find(program).is_none() {
            apt::install(&[package])?;
        }
    }
    let folder = folder();
    std::fs::create_dir_all(&folder)?;
    let root = folder.join("root");
    remove(&root)?;
    let mut debian = apt::as_root("mmdebstrap").context("a Debian system is made as root")?;
    debian.args(["--mode=root", "--variant=minbase", "--format=directory"]);
    debian.arg(format!("--include={}", PACKAGES.join(",")));
    debian.arg("--aptopt=APT::Install-Recommends \"false\"");
    for path in LEFT_OUT {
        debian.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    debian.arg(suite).arg(&root);
    debian.arg(apt::source_list(&[suite])?.trim());
    cmd::run(&mut debian)?;

    std::fs::write(folder.join("libc"), libc_of(&root)?)?;
    let unfinished = folder.join("base.new");
    if unfinished.exists() {
        std::fs::remove_file(&unfinished)?;
    }
    let mut pack = apt::as_root("mke2fs")?;
    pack.args(["-q", "-t", "ext4", "-L", "llmos-system", "-d"]);
    pack.args([root.as_path(), unfinished.as_path()]).arg(SIZE);
    cmd::run(&mut pack)?;
    remove(&root)?;
    std::fs::rename(unfinished, image())?;
    // Last: it is the mark that the rest is complete.
    std::fs::write(folder.join("inputs"), inputs(suite))?;
    Ok(())
}

/// Programs of this machine run there only if its C library is not older than the one here.
pub fn runs_our_programs() -> Result<()> {
    let text = cmd::output(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let here = text
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let there = libc()?;
    let number = |version: &str| -> Option<(u32, u32)> {
        let (major, minor) = version.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    match (number(&here), number(&there)) {
        (Some(ours), Some(theirs)) if ours <= theirs => Ok(()),
        _ => bail!(
            "programs built here want a C library of {here}, the Debian system of the test has \
             {there}; build them on Debian bookworm or what is as old"
        ),
    }
}

fn folder() -> PathBuf {
    paths::target().join("vm/system")
}

fn inputs(suite: &str) -> String {
    format!(
        "revision {REVISION}\nsuite {suite}\npackages {}\nleft out {}\nsize {SIZE}\n",
        PACKAGES.join(" "),
        LEFT_OUT.join(" ")
    )
}

/// The name of the loader's library says nothing of its version, its banner does.
fn libc_of(root: &Path) -> Result<String> {
    const BANNER: &[u8] = b"GNU C Library (Debian GLIBC ";
    let file = root.join("usr/lib/x86_64-linux-gnu/libc.so.6");
    let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
    let at = bytes
        .windows(BANNER.len())
        .position(|window| window == BANNER);
    let rest = at
        .and_then(|at| bytes.get(at + BANNER.len()..))
        .unwrap_or_default();
    let version: String = rest
        .iter()
        .map(|byte| char::from(*byte))
        .take_while(|letter| letter.is_ascii_digit() || *letter == '.')
        .collect();
    if version.is_empty() {
        bail!("{} has no banner with its version", file.display());
    }
    Ok(version)
}

/// Files of the system belong to root.
fn remove(root: &Path) -> Result<()> {
    if root.exists() {
        cmd::run(apt::as_root("rm")?.arg("-rf").arg(root))?;
    }
    Ok(())
}
