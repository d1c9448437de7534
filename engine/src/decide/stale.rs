//! Data that stayed away: what was known is stale, and what comes first afterwards says little.

use crate::units::Timestamp;

/// A gap is longer than so many of the shortest intervals seen: on long ticks nothing is stale that
/// comes with each.
const INTERVALS: f64 = 3.0;

/// When use was known last, and the gap before it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fresh {
    last: Option<Timestamp>,
    /// The shortest time between two ticks with data, in seconds.
    interval_s: Option<f64>,
    /// When the last gap ended and how long it was, in seconds.
    gap: Option<(Timestamp, f64)>,
}

impl Fresh {
    /// Use is known at `now`.
    pub(super) fn known(&mut self, now: Timestamp, stale_s: f64) {
        if let Some(last) = self.last {
            let gap_s = now.seconds_since(last);
            let interval_s = self.interval_s.map_or(gap_s, |known| known.min(gap_s));
            if gap_s > stale_s.max(INTERVALS * interval_s) {
                self.gap = Some((now, gap_s));
            }
            if gap_s > 0.0 {
                self.interval_s = Some(interval_s);
            }
        }
        self.last = Some(now);
    }

    /// Length of the gap and seconds for which nothing may fall, within `rest_s` of its end.
    pub(super) fn frozen(&self, now: Timestamp, rest_s: f64) -> Option<(f64, f64)> {
        let (end, gap_s) = self.gap?;
        let left_s = rest_s - now.seconds_since(end);
        (left_s > 0.0).then_some((gap_s, left_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Timestamp {
        Timestamp(s * 1_000_000_000)
    }

    #[test]
    fn only_a_long_gap_freezes_and_only_for_a_while() {
        let mut fresh = Fresh::default();
        (0..5).for_each(|s| fresh.known(at(s), 10.0));
        assert_eq!(fresh.frozen(at(5), 15.0), None);
        fresh.known(at(14), 10.0);
        assert_eq!(fresh.frozen(at(14), 15.0), None, "ten seconds are allowed");
        fresh.known(at(25), 10.0);
        assert_eq!(fresh.frozen(at(30), 15.0), Some((11.0, 10.0)));
        assert_eq!(fresh.frozen(at(40), 15.0), None);
    }

    #[test]
    fn on_long_ticks_only_several_missing_ones_are_a_gap() {
        let mut fresh = Fresh::default();
        for minute in [0, 1, 2, 3, 5, 8] {
            fresh.known(at(minute * 60), 10.0);
            assert_eq!(fresh.frozen(at(minute * 60), 15.0), None, "{minute}");
        }
        fresh.known(at(12 * 60), 10.0);
        assert_eq!(fresh.frozen(at(12 * 60), 15.0), Some((240.0, 15.0)));
    }
}
