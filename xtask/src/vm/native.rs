//! The agent's parts on this machine's own kernel.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::http;
use serde_json::Value;

use super::matrix::{Column, Part};
use crate::build::wait_for;
use crate::run::System;

/// Some parts are known after the first ticks only.
const SETTLED: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts the agent here, observing only, and asks how its parts are.
pub fn column(release: bool) -> Result<Column> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "kernel programs need root, and this task does not run as root"
    );
    let mut system = System::start(None, release)?;
    std::thread::sleep(SETTLED);
    let mut parts = Vec::new();
    wait_for(PATIENCE, || {
        parts = http::get(&system.socket, "/v1/health").map_or(Vec::new(), |health| all(&health));
        !parts.is_empty()
    });
    system.stop()?;
    ensure!(!parts.is_empty(), "the agent did not say how its parts are");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .context("cannot read this kernel's release")?;
    Ok(Column::native(kernel.trim(), parts))
}

fn all(health: &Value) -> Vec<Part> {
    let parts = health["components"].as_array();
    let word = |part: &Value, key: &str| part[key].as_str().unwrap_or_default().to_owned();
    parts.map_or(Vec::new(), |parts| {
        parts
            .iter()
            .map(|part| Part {
                name: word(part, "name"),
                state: word(part, "state"),
                cause: word(part, "cause"),
            })
            .collect()
    })
}
