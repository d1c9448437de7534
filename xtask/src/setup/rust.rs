//! The parts of the Rust toolchain that the kernel side needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::Suites;
use crate::{cmd, paths};

/// 0.11 and later want a system LLVM that stable distributions do not have.
const LINKER: &str = "0.10.3";

/// Says why the standard library's source is not usable, if so.
pub fn source_missing() -> Option<String> {
    match library() {
        Ok(library) if library.join("core/src/lib.rs").is_file() => None,
        Ok(library) => Some(format!("no {}", library.join("core").display())),
        Err(error) => Some(format!("{error:#}")),
    }
}

/// Gets rust-src from rustup, or where that fails from Debian's package of the same version.
pub fn get_source() -> Result<()> {
    if cmd::run(Command::new("rustup").args(["component", "add", "rust-src"])).is_ok()
        && source_missing().is_none()
    {
        return Ok(());
    }
    let version = rustc_version()?;
    println!("rustup could not get rust-src; trying Debian's rust-src {version}");
    from_debian(&version, &library()?).with_context(|| {
        format!("cannot get rust-src for Rust {version}; run: rustup component add rust-src")
    })
}

fn from_debian(version: &str, library: &Path) -> Result<()> {
    let lists = Suites::fetch(&["trixie-backports"])?;
    let (exact, _) = lists
        .versions("rust-src")?
        .into_iter()
        .find(|(have, _)| have.starts_with(&format!("{version}+")))
        .with_context(|| format!("the Debian mirror has no rust-src {version}"))?;
    let unpacked = paths::target().join("apt/rust-src");
    lists.unpack("rust-src", &exact, &unpacked)?;
    let from = unpacked.join(format!("usr/src/rustc-{version}"));
    let to = library
        .parent()
        .context("the library folder has no parent")?;
    std::fs::create_dir_all(to)?;
    // The lock file beside the library is what `-Z build-std` resolves with.
    cmd::run(
        Command::new("cp")
            .arg("-a")
            .args([from.join("library").as_path(), to]),
    )?;
    std::fs::remove_dir_all(&unpacked)?;
    Ok(())
}

/// Where `-Z build-std` looks for the library.
fn library() -> Result<PathBuf> {
    let sysroot = cmd::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library"))
}

fn rustc_version() -> Result<String> {
    let text = cmd::output(Command::new("rustc").arg("--version"))?;
    let version = text
        .split_whitespace()
        .nth(1)
        .context("rustc --version says nothing")?;
    Ok(version.to_owned())
}

/// Says which bpf-linker is there when it is not the one that works.
pub fn linker_missing() -> Option<String> {
    let Some(program) = cmd::find("bpf-linker") else {
        return Some("not on PATH".to_owned());
    };
    match cmd::output(Command::new(program).arg("--version")) {
        Ok(text) if text.trim().ends_with(LINKER) => None,
        Ok(text) => Some(format!("found {}, need {LINKER}", text.trim())),
        Err(error) => Some(format!("{error:#}")),
    }
}

/// Compiles bpf-linker into cargo's ordinary folder (two to three minutes on two cores).
pub fn get_linker() -> Result<()> {
    let package = format!("bpf-linker@{LINKER}");
    let mut cargo = cmd::cargo();
    // The folder of this repository would lend its own configuration to an unrelated build.
    cargo.current_dir(std::env::temp_dir());
    cmd::run(cargo.args(["install", "--locked", "--force", &package]))
        .with_context(|| format!("run: cargo install {package} --locked"))
}
