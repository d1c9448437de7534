//! What the agent costs, and what it gives up when that is more than it may cost.

mod sampler;
mod shed;

pub use sampler::{ProgramCost, Sampler};
pub use shed::{Act, Shedder};
