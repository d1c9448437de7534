//! When a node counts as live, stale or lost.

/// Both clocks of the coordinator at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the coordinator started; never jumps. Silence is measured with it.
    pub mono_ms: u64,
    /// Wall clock, milliseconds since 1970; only shown.
    pub unix_ms: u64,
}

/// How a node is, by its silence alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// It reports.
    Live,
    /// It missed more than three ticks: what is shown is old.
    Stale,
    /// It has been silent for thirty ticks and at least thirty seconds.
    Lost,
}

/// Ticks of silence after which a node is stale.
const STALE_TICKS: u64 = 3;
/// A silence shorter than this is the network, however short the tick.
const STALE_MIN_MS: u64 = 1_000;
const LOST_TICKS: u64 = 30;
const LOST_MIN_MS: u64 = 30_000;

impl Health {
    /// Health after a silence of `silent_ms` at ticks of `tick_ms`.
    pub fn after_silence(silent_ms: u64, tick_ms: u32) -> Self {
        let tick_ms = u64::from(tick_ms);
        if silent_ms > (LOST_TICKS * tick_ms).max(LOST_MIN_MS) {
            Self::Lost
        } else if silent_ms > (STALE_TICKS * tick_ms).max(STALE_MIN_MS) {
            Self::Stale
        } else {
            Self::Live
        }
    }

    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Lost => "lost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Health::{self, Live, Lost, Stale};

    #[test]
    fn follows_the_tick() {
        for (silent_ms, tick_ms, expected) in [
            (3_000, 1_000, Live),
            (3_001, 1_000, Stale),
            (30_000, 1_000, Stale),
            (30_001, 1_000, Lost),
            // Short ticks do not make network jitter look like an outage.
            (900, 100, Live),
            (1_001, 100, Stale),
            // A slow node gets its own three ticks.
            (29_000, 10_000, Live),
            (31_000, 10_000, Stale),
            (299_000, 10_000, Stale),
            (301_000, 10_000, Lost),
        ] {
            assert_eq!(
                Health::after_silence(silent_ms, tick_ms),
                expected,
                "{silent_ms}/{tick_ms}"
            );
        }
    }
}
