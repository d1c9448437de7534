//! What became of a decision.

use std::fmt;

/// What became of a decision. The text before the colon is also a metric label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Written and read back.
    Applied,
    /// Nothing to write: the decision was to hold, or the file held the value already.
    Held,
    /// Not written, because the mode is `observe` or no rule opts the workload in.
    Observed,
    /// Not written yet, and why.
    Waiting(&'static str),
    /// Not written, because the agent keeps its hands still, and why.
    Frozen(String),
    /// The cgroup is gone. Normal.
    Gone,
    /// Not written, and why.
    Failed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied => f.write_str("applied"),
            Self::Held => f.write_str("held"),
            Self::Observed => f.write_str("observed"),
            Self::Waiting(why) => write!(f, "waiting: {why}"),
            Self::Frozen(why) => write!(f, "frozen: {why}"),
            Self::Gone => f.write_str("gone"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}
