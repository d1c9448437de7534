//! Replays usage traces and recordings through the code that the agent runs, and scores it.
//!
//! - [`trace`] reads files into evenly spaced series, exactly as the training pipeline does.
//! - [`forecast`] runs the engine's forecaster over them, many series side by side, with the state
//!   carried from the first tick, and scores what it says of the evaluation part.
//! - [`mod@reference`] holds the yardsticks: simple rules, written down here a second time and in full
//!   precision, so that they do not change with what they measure.
//! - [`control`] runs limits in closed loop: LLMOS and the rules of other systems, on the same traces.
//! - [`score`] turns that into figures for each family and resource.
//!
//! Invariant: the result depends on the files and the model alone, not on threads or time.

pub mod control;
pub mod forecast;
pub mod reference;
pub mod score;
pub mod trace;
mod workers;
