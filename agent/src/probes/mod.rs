//! The kernel side seen from the agent: loading, reading, and how each probe is.
//!
//! One refused program disables one metric and leaves a named state; nothing here is fatal.

mod catalog;
mod counters;
mod event;
mod facts;
mod health;
mod load;
mod object;
mod offsets;
mod quota;
mod refusal;
mod set;
mod stats;
mod syscall;
mod wanted;

pub use catalog::Probe;
pub use counters::{CounterReader, CpuReader, NetReader, RareReader, Sum};
pub use event::{KernelEvent, decode};
pub use facts::FactsReader;
pub use health::{Health, ProbeHealth};
pub use load::{EventSource, LogSource};
pub use quota::QuotaThresholds;
pub use set::Probes;
pub use stats::ProgramTotals;
pub use wanted::Wanted;
