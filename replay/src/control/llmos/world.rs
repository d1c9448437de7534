//! The node and the clock around the workloads.

use llmos_engine::NodeFacts;
use llmos_engine::units::{Bytes, Cores, Timestamp};

/// A node on which nothing is scarce.
pub fn node() -> NodeFacts {
    NodeFacts {
        cpu: Cores(1e6),
        memory: Bytes(1 << 50),
    }
}

/// The time of the reading after so many ticks of `step_s` seconds.
pub fn at(tick: usize, step_s: f64) -> Timestamp {
    Timestamp((tick as f64 * step_s * 1e9) as u64)
}
