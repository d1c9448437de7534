//! Builds the kernel side (`agent-ebpf`) and hands its object file to the agent.
//!
//! Without bpf-linker or rust-src the agent is still built, without probes, and says so at run
//! time; `LLMOS_REQUIRE_BPF=1` (set by xtask) makes that an error instead.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

const TARGET: &str = "bpfel-unknown-none";
const OBJECT: &str = "llmos-probes";

fn main() -> Result<()> {
    println!("cargo::rustc-check-cfg=cfg(llmos_probes_built_in)");
    println!("cargo::rerun-if-env-changed=LLMOS_REQUIRE_BPF");
    println!("cargo::rerun-if-changed=../agent-ebpf/src");
    println!("cargo::rerun-if-changed=../agent-ebpf/Cargo.toml");
    println!("cargo::rerun-if-changed=../agent-ebpf/Cargo.lock");
    println!("cargo::rerun-if-changed=../agent-common/src");

    let out = PathBuf::from(env::var("OUT_DIR").context("OUT_DIR is not set")?).join(OBJECT);
    match build() {
        Ok(object) => {
            fs::copy(&object, &out).with_context(|| format!("copying {}", object.display()))?;
            println!("cargo::rustc-cfg=llmos_probes_built_in");
        }
        Err(error) if env::var("LLMOS_REQUIRE_BPF").is_ok_and(|v| v == "1") => return Err(error),
        Err(error) => {
            println!("cargo::warning=the agent is built without kernel probes: {error:#}");
        }
    }
    Ok(())
}

/// Runs cargo for the kernel side; the path of the object file.
fn build() -> Result<PathBuf> {
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR").context("no manifest dir")?);
    let root = manifest_dir.parent().unwrap_or(Path::new("."));
    // One place for all profiles: the object does not depend on how the agent is built.
    let target_dir = root.join("target/bpf");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root.join("agent-ebpf"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--target",
            TARGET,
        ])
        .args(["-Z", "build-std=core", "--target-dir"])
        .arg(&target_dir)
        // Unstable flags on the stable compiler: building `core` for a target without a std.
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            [
                "-C",
                "linker=bpf-linker",
                "-C",
                "link-arg=--btf",
                "-C",
                "debuginfo=2",
            ]
            .join("\x1f"),
        );
    // What cargo set for the outer build (clippy's wrapper among it) is not for this one.
    for name in [
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
    ] {
        cargo.env_remove(name);
    }
    let output = cargo.output().context("cargo cannot be started")?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!(
            "building the kernel side failed; run `cargo xtask setup`. {}",
            stderr.trim()
        );
    }
    let object = target_dir.join(TARGET).join("release").join(OBJECT);
    if !object.exists() {
        bail!("{} was not built", object.display());
    }
    Ok(object)
}
