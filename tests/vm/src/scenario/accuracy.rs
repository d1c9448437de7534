//! What eBPF counts against the kernel's own accounting, on this kernel.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::report::Report;

/// How far the two may be apart, in percent.
const CPU_PCT: f64 = 2.0;
const NETWORK_PCT: f64 = 1.0;

/// Runs the measurement that also runs natively: a busy loop, a task that sleeps often, and a
/// transfer over the loopback device.
pub fn run(report: &mut Report) -> Result<()> {
    let out = Command::new("native-accuracy")
        .args(["--seconds", "8", "--bytes", "67108864"])
        .output()
        .context("cannot start native-accuracy")?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(
        out.status.success(),
        "native-accuracy ended with {}: {}",
        out.status,
        said.trim()
    );
    for line in said.lines() {
        report.event(line);
    }
    let numbers: Value = serde_json::from_slice(&out.stdout).context("native-accuracy")?;
    for (check, number, limit) in [
        ("cpu_agrees", "cpu_err_pct", CPU_PCT),
        ("network_agrees", "net_err_pct", NETWORK_PCT),
    ] {
        let error = numbers[number].as_f64();
        let ok = error.is_some_and(|error| error <= limit);
        report.check(check, ok, &format!("at most {limit} % allowed"));
        report.number(number, error);
    }
    Ok(())
}
