//! Runs the engine's forecaster over series and scores what it says of their evaluation part.

mod alone;
mod block;
mod experts;
mod lane;
mod run;
mod target;

pub use run::{Error, Options, run};
pub use target::{Peaks, peaks};

/// The system as the agent runs it: model, baselines, calibration, gate.
pub const SYSTEM: &str = "system";
/// The model by itself.
pub const MODEL: &str = "model";
