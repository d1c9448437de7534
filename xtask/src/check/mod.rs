//! `cargo xtask check`: everything that can be said about the code without running it.

mod licences;
mod metadata;
mod purity;

use anyhow::{Result, bail};

use crate::setup::{self, Need};
use crate::step::Steps;
use crate::{cmd, paths, tidy};
use metadata::Metadata;

type Check = fn() -> Result<()>;

/// The checks in their order, the quick ones first.
const CHECKS: &[(&str, Check)] = &[
    ("formatting", formatting),
    ("tidy", tidy::run),
    ("dependencies", dependencies),
    ("lints", lints),
    ("kernel-lints", kernel_lints),
    ("documentation", documentation),
];

/// Which checks.
#[derive(clap::Args)]
pub struct Args {
    /// Names of checks: formatting, tidy, dependencies, lints, kernel-lints, documentation
    /// (default: all)
    names: Vec<String>,
}

/// Runs the checks, also after one has failed, and names those that failed.
pub fn run(args: &Args) -> Result<()> {
    for name in &args.names {
        if !CHECKS.iter().any(|(known, _)| known == name) {
            let known: Vec<&str> = CHECKS.iter().map(|(known, _)| *known).collect();
            bail!("no check {name}; there are: {}", known.join(", "));
        }
    }
    let mut steps = Steps::new();
    setup::run(Need::Build, &mut steps)?;
    let mut failed = Vec::new();
    for &(name, check) in CHECKS {
        if !args.names.is_empty() && !args.names.iter().any(|asked| asked == name) {
            continue;
        }
        if let Err(error) = steps.run(name, check) {
            println!("{error:#}");
            failed.push(name);
        }
    }
    steps.table("check");
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    println!("all checks passed");
    Ok(())
}

fn formatting() -> Result<()> {
    // The names say enough: `cargo fmt` does the rest.
    cmd::run(cmd::cargo().args(["fmt", "--all", "--check", "--", "-l"]))?;
    let mut kernel = cmd::cargo();
    kernel.current_dir(kernel_side());
    cmd::run(kernel.args(["fmt", "--check", "--", "-l"]))
}

fn dependencies() -> Result<()> {
    let metadata = Metadata::read()?;
    purity::run(&metadata)?;
    if cmd::find("cargo-deny").is_some() {
        return cmd::run(cmd::cargo().args(["deny", "check"]));
    }
    println!("no cargo-deny here: licences and bans are checked, advisories are not");
    licences::run(&metadata)
}

fn lints() -> Result<()> {
    cmd::run(cmd::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        // One crate's warnings hide no other's.
        "--keep-going",
        "--",
        "-D",
        "warnings",
    ]))
}

/// The kernel side is another target with a library that is built from source.
fn kernel_lints() -> Result<()> {
    let bpf = paths::root().join("target/bpf");
    let mut cargo = cmd::cargo();
    cargo.current_dir(kernel_side()).env("RUSTC_BOOTSTRAP", "1");
    // Where the agent's build puts it, so that the library is compiled once.
    cargo
        .arg("--config")
        .arg(format!("build.target-dir=\"{}\"", bpf.display()));
    cargo.args([
        "clippy",
        "-Z",
        "build-std=core",
        "--target",
        "bpfel-unknown-none",
    ]);
    cmd::run(cargo.args(["--", "-D", "warnings"]))
}

fn documentation() -> Result<()> {
    let mut cargo = cmd::cargo();
    cargo.env("RUSTDOCFLAGS", "-D warnings");
    cmd::run(cargo.args(["doc", "--no-deps", "--workspace"]))
}

fn kernel_side() -> std::path::PathBuf {
    paths::root().join("agent-ebpf")
}
