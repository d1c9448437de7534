//! `llmosctl model`: forecast models of one's own.

mod check;

use crate::cli::{ModelArgs, ModelDo};
use crate::error::CtlError;

/// Runs the command.
pub fn run(json: bool, args: &ModelArgs) -> Result<(), CtlError> {
    match &args.what {
        ModelDo::Check(args) => check::run(json, args),
    }
}
