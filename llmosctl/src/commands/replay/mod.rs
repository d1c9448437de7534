//! `llmosctl replay`: what would have been, on traces and recordings.

mod forecast;

use crate::cli::{JsonTo, Replay, ReplayArgs};
use crate::error::CtlError;

/// Runs the command.
pub fn run(json: &JsonTo, args: &ReplayArgs) -> Result<(), CtlError> {
    match &args.replay {
        Replay::Forecast(args) => forecast::run(json, args),
    }
}
