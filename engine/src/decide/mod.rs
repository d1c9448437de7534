//! From forecast, recent peaks, pressure and policy to a target for each limit, with reasons.
//!
//! Each law first says what it wants (`cpu`, `memory`), then the node is shared (`node`, by `share`
//! and `reserve`), then each law settles for what it got, at the pace that `guard` allows.

mod applied;
mod burst;
mod canary;
mod censored;
mod cpu;
mod decision;
mod demand;
mod describe;
mod feedback;
mod guard;
mod laws;
mod memory;
mod node;
mod oom;
mod pool;
mod pressure;
mod reach;
mod reserve;
mod shadow;
mod share;
mod shrink;
mod stale;
mod weight;

pub(crate) use canary::Canaries;
pub use canary::Wait;
pub use cpu::{CpuInput, CpuState, CpuWant};
pub use decision::{Action, Decision, Knob, Reason};
pub(crate) use laws::{Laws, Seen, Tick, Wants};
pub use memory::{MemoryInput, MemoryState, MemoryTargets, MemoryWant};
pub(crate) use memory::{promised, room};
pub use node::{NodeShares, Share};
pub use pool::Pool;
pub use reserve::{Lease, Reserve};
pub use shadow::Score;
pub use share::{Claim, Grant, Sharing, jain_index};
