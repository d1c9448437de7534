//! `llmosctl recording`: looks into a file that `record` wrote.

mod csv;
mod show;

use crate::cli::{Look, RecordingArgs};
use crate::error::CtlError;

/// Runs the command.
pub fn run(json: bool, args: &RecordingArgs) -> Result<(), CtlError> {
    match &args.look {
        Look::Show { file } => show::run(json, file),
        Look::Csv { file } => csv::run(file),
    }
}
