//! Why systemd could not be asked.

/// Why a call did not do what it should. The unit is as it was, but for [`BusError::TimedOut`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The bus cannot be reached.
    #[error("cannot reach the system bus: {0}")]
    Unreachable(String),
    /// No answer came in time. It may still be acted on.
    #[error("{0}: no answer within {1} s")]
    TimedOut(String, u64),
    /// systemd knows no such unit. Normal: units come and go.
    #[error("systemd has no unit {0}")]
    NoSuchUnit(String),
    /// systemd or the bus refused it.
    #[error("{what}: refused: {why}")]
    Refused {
        /// Which call.
        what: String,
        /// Name of the error and its text.
        why: String,
    },
    /// The answer is not what the interface promises.
    #[error("{what}: expected {expected}")]
    Answer {
        /// Which call.
        what: String,
        /// What should have come.
        expected: &'static str,
    },
}

impl BusError {
    /// Is the bus itself in trouble, so that asking for another unit would end the same way?
    #[must_use]
    pub fn is_of_the_bus(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut(..))
    }
}
