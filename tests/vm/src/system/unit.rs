//! systemd's units and other programs of the system, by their own commands.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// For what takes a second on a real machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Runs a program; what it printed.
///
/// # Errors
/// When it cannot be started or fails; its error output is part of the error.
pub fn say(program: &str, args: &[&str]) -> Result<String> {
    let out = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!(
            "{program} {}: {}: {}",
            args.join(" "),
            out.status,
            said.trim()
        );
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Runs `systemctl`.
///
/// # Errors
/// As [`say`].
pub fn systemctl(args: &[&str]) -> Result<String> {
    say("systemctl", args)
}

/// A property of a unit as `systemctl show` prints it.
///
/// # Errors
/// As [`say`].
pub fn property(unit: &str, name: &str) -> Result<String> {
    Ok(systemctl(&["show", "--value", "-p", name, unit])?
        .trim()
        .to_owned())
}
