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

impl Outcome {
    /// What stands before the colon: few words, whatever the causes.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Held => "held",
            Self::Observed => "observed",
            Self::Waiting(_) => "waiting",
            Self::Frozen(_) => "frozen",
            Self::Gone => "gone",
            Self::Failed(_) => "failed",
        }
    }

    /// Why, where there is more to say than the label.
    fn cause(&self) -> Option<&str> {
        match self {
            Self::Waiting(why) => Some(why),
            Self::Frozen(why) | Self::Failed(why) => Some(why),
            Self::Applied | Self::Held | Self::Observed | Self::Gone => None,
        }
    }

    /// Is this its text?
    #[must_use]
    pub fn reads(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.label()) else {
            return false;
        };
        match self.cause() {
            None => rest.is_empty(),
            Some(why) => rest.strip_prefix(": ") == Some(why),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())?;
        match self.cause() {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_reads_as_it_is_written() {
        let all = [
            Outcome::Applied,
            Outcome::Held,
            Outcome::Observed,
            Outcome::Waiting("the last write failed"),
            Outcome::Frozen("upgrade".to_owned()),
            Outcome::Gone,
            Outcome::Failed("device busy".to_owned()),
        ];
        for (at, outcome) in all.iter().enumerate() {
            for (other_at, other) in all.iter().enumerate() {
                assert_eq!(
                    outcome.reads(&other.to_string()),
                    at == other_at,
                    "{outcome}, {other}"
                );
            }
        }
        assert_eq!(all[6].to_string(), "failed: device busy");
        assert!(!all[6].reads("failed: device"));
    }
}
