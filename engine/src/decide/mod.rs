//! From forecast, recent peaks, pressure and policy to a target for each limit, with reasons.

mod cpu;
mod decision;
mod demand;
mod describe;
mod guard;
mod memory;
mod oom;
mod pressure;

pub use cpu::{CpuInput, CpuState, decide_cpu};
pub use decision::{Action, Decision, Knob, Reason};
pub use memory::{MemoryInput, MemoryState, MemoryTargets, decide_memory};
