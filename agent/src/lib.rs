//! The node agent: observe, forecast, decide, apply, report, on one node.
//!
//! [`start`] puts the parts together, [`run`] holds the event loop, [`node`] what a tick does. Every
//! other module is one part and can be missing on a machine without stopping the rest.

pub mod apply;
pub mod board;
pub mod cost;
pub mod discover;
pub mod fast;
pub mod forecast_state;
pub mod freeze;
pub mod host;
pub mod identity;
pub mod links;
pub mod metrics;
pub mod model;
pub mod node;
pub mod pace;
pub mod probes;
pub mod report;
pub mod run;
pub mod sense;
pub mod show;
pub mod start;
pub mod status;
pub mod tally;
pub mod telemetry;
pub mod watch;

pub use llmos_config as config;
