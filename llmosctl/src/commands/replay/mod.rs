//! `llmosctl replay`: what would have been, on traces and recordings.

mod control;
pub mod demands;
mod forecast;
pub mod model;
mod out;
pub mod progress;

use std::thread::available_parallelism;

use crate::cli::{JsonTo, Replay, ReplayArgs};
use crate::error::CtlError;

/// More would not help: a block of series is the smallest piece of work, and there are few.
const THREADS: usize = 2;

/// Runs the command.
pub fn run(json: &JsonTo, args: &ReplayArgs) -> Result<(), CtlError> {
    match &args.replay {
        Replay::Forecast(args) => forecast::run(json, args),
        Replay::Control(args) => control::run(json, args),
    }
}

/// Threads to replay with.
pub fn threads() -> usize {
    available_parallelism().map_or(1, usize::from).min(THREADS)
}
