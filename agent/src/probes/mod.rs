//! The kernel side seen from the agent: loading, reading, and how each probe is.
//!
//! One refused program disables one metric and leaves a named state; nothing here is fatal.

mod counters;
mod event;
mod health;
mod load;

pub use counters::{CpuReader, NetReader};
pub use event::{KernelEvent, decode};
pub use health::{Health, ProbeHealth};
pub use load::{EventSource, LogSource, Probes, Wanted};
