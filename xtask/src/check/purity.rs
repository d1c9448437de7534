//! Which way dependencies point: the pure crates stay pure.

use anyhow::{Result, bail};

use super::metadata::Metadata;

/// A crate and what it must never be built from, however far away.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "llmos-engine",
        &[
            "aya",
            "chrono",
            "libc",
            "llmos-agent",
            "llmos-cgroupfs",
            "llmos-forecaster",
            "llmos-proto",
            "nix",
            "rand",
            "rustix",
            "serde",
            "serde_json",
            "tokio",
            "tract-onnx",
        ],
    ),
    (
        "llmos-forecaster",
        &["aya", "llmos-agent", "llmos-cgroupfs", "tokio"],
    ),
    (
        "llmos-cgroupfs",
        &[
            "aya",
            "llmos-agent",
            "llmos-forecaster",
            "tokio",
            "tract-onnx",
        ],
    ),
    (
        "llmos-systemd",
        &[
            "aya",
            "llmos-agent",
            "llmos-cgroupfs",
            "llmos-engine",
            "tokio",
            "tract-onnx",
        ],
    ),
    (
        "llmos-coordinator",
        &["aya", "llmos-agent", "llmos-cgroupfs", "tract-onnx"],
    ),
    (
        "llmos-watchdog",
        &[
            "aya",
            "llmos-agent",
            "llmos-config",
            "llmos-forecaster",
            "llmos-proto",
            "tokio",
            "tract-onnx",
        ],
    ),
    ("llmosctl", &["aya", "llmos-agent"]),
];

/// Fails with each wrong dependency.
pub fn run(metadata: &Metadata) -> Result<()> {
    let mut wrong = Vec::new();
    for (package, forbidden) in FORBIDDEN {
        let built_from = metadata.built_from(package)?;
        wrong.extend(
            forbidden
                .iter()
                .filter(|name| built_from.contains(*name))
                .map(|name| format!("{package} is built from {name}")),
        );
    }
    if !wrong.is_empty() {
        bail!("wrong dependencies\n  {}", wrong.join("\n  "));
    }
    Ok(())
}
