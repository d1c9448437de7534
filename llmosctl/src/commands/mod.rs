//! The subcommands.

pub mod explain;
pub mod freeze;
pub mod model;
pub mod policy;
pub mod record;
pub mod recording;
pub mod replay;
pub mod restore;
pub mod status;
pub mod top;

use std::io::Write;

use serde::Serialize;

use crate::error::CtlError;

/// Writes JSON as people can read it.
fn print_json(value: &impl Serialize) -> Result<(), CtlError> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    print_lines([text])
}

/// Writes lines; a closed output is an error here, not a panic as with `println!`.
fn print_lines(lines: impl IntoIterator<Item = String>) -> Result<(), CtlError> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    Ok(())
}
