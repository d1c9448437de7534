//! Runs one of the native measuring programs: its progress goes to the terminal, its answer is one
//! JSON object on standard output.

use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tied::tied;
use crate::{cmd, paths};

/// Runs `program ARGS` to its end and returns what it answered.
pub fn ask(program: &str, args: &[&str]) -> Result<Value> {
    let mut command = Command::new(paths::binary(program, false));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = tied(&mut command)
        .spawn()
        .with_context(|| format!("cannot start `{}`", cmd::shown(&command)))?;
    let mut answer = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut answer)?;
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` ended with {status}", cmd::shown(&command));
    }
    serde_json::from_str(&answer).with_context(|| format!("the answer of {program}"))
}
