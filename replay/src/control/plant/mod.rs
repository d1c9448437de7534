//! What a kernel does with limits, at any length of a tick.

mod cpu;
mod memory;
mod node;

pub use cpu::{CpuPlant, CpuTick};
pub use memory::{MemoryPlant, MemoryTick};
pub use node::share;
