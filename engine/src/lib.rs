//! The pure core of LLMOS: from raw samples to decisions with reasons.
//!
//! Nothing here reads a clock, a file or the environment, nothing is async, and nothing is
//! serialisable: time and data come in as arguments, and the edge owns the wire formats. The same
//! code therefore runs in the agent, in replays of recorded data, and in tests.
//!
//! The loop is one call, [`Engine::tick`]: raw samples -> usage -> forecast -> decisions.

pub mod decide;
pub mod fast;
pub mod forecast;
mod grow;
pub mod policy;
mod roster;
pub mod sample;
mod step;
pub mod units;
mod workload;

pub use step::{
    Engine, NodeFacts, Standings, TickInput, TickReport, WorkloadInput, WorkloadReport,
};
