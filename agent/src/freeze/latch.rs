//! Hysteresis: trouble holds from the first tick of it until calm has lasted. Pure.

use llmos_engine::units::Timestamp;

/// What one tick says of a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Past the bound at which it begins.
    Trouble,
    /// Between both bounds: goes on if it was there.
    Between,
    /// Below the bound at which it ends.
    Calm,
    /// Not known: neither begins nor ends it.
    Unknown,
}

/// One trouble over time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Latch {
    on: bool,
    calm_since: Option<Timestamp>,
}

impl Latch {
    /// Takes in a tick; whether the trouble holds after it. It ends when calm was seen without a
    /// break for `hold_s` seconds.
    pub(super) fn look(&mut self, now: Timestamp, level: Level, hold_s: f64) -> bool {
        match level {
            Level::Trouble => {
                *self = Self {
                    on: true,
                    calm_since: None,
                }
            }
            Level::Between | Level::Unknown => self.calm_since = None,
            Level::Calm if self.on => {
                let since = *self.calm_since.get_or_insert(now);
                if now.seconds_since(since) >= hold_s {
                    *self = Self::default();
                }
            }
            Level::Calm => {}
        }
        self.on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(levels: &[Level]) -> Vec<bool> {
        let mut latch = Latch::default();
        let at = |second: usize| Timestamp(second as u64 * 1_000_000_000);
        levels
            .iter()
            .enumerate()
            .map(|(second, level)| latch.look(at(second), *level, 2.0))
            .collect()
    }

    #[test]
    fn it_ends_when_calm_has_lasted() {
        use Level::{Between, Calm, Trouble};
        assert_eq!(states(&[Calm, Between, Calm]), [false; 3]);
        assert_eq!(
            states(&[Trouble, Calm, Calm, Calm, Calm]),
            [true, true, true, false, false]
        );
        assert_eq!(
            states(&[Trouble, Calm, Calm, Between, Calm, Calm, Calm]),
            [true, true, true, true, true, true, false],
            "calm began anew"
        );
        assert_eq!(
            states(&[Trouble, Calm, Calm, Trouble, Calm, Calm, Calm]),
            [true, true, true, true, true, true, false]
        );
    }

    #[test]
    fn the_unknown_neither_begins_nor_ends_it() {
        use Level::{Calm, Trouble, Unknown};
        assert_eq!(states(&[Unknown, Unknown]), [false; 2]);
        let late = [Trouble, Calm, Unknown, Unknown, Unknown, Calm, Calm, Calm];
        assert_eq!(
            states(&late),
            [true, true, true, true, true, true, true, false]
        );
    }
}
