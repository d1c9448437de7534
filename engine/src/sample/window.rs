//! The highest of the last few values of a series, in memory that never grows.

use crate::units::Timestamp;

/// Ring of the last `N` present values and their maximum. A tick without a value pushes nothing, so
/// a gap in the data does not make a peak forgotten.
#[derive(Debug, Clone)]
pub struct PeakWindow<const N: usize> {
    ring: [(Timestamp, f64); N],
    len: usize,
    next: usize,
    max: f64,
}

impl<const N: usize> Default for PeakWindow<N> {
    fn default() -> Self {
        const { assert!(N > 0) };
        Self {
            ring: [(Timestamp::default(), 0.0); N],
            len: 0,
            next: 0,
            max: f64::NEG_INFINITY,
        }
    }
}

impl<const N: usize> PeakWindow<N> {
    /// Adds the value of one tick; what is not finite is left out.
    pub fn push(&mut self, at: Timestamp, value: f64) {
        if !value.is_finite() {
            return;
        }
        let full = self.len == self.ring.len();
        let leaving = if full {
            self.ring[self.next].1
        } else {
            f64::NEG_INFINITY
        };
        self.ring[self.next] = (at, value);
        self.next = (self.next + 1) % self.ring.len();
        self.len = if full { self.len } else { self.len + 1 };
        // Only when the maximum itself leaves does the rest have to be looked at again.
        self.max = if leaving < self.max {
            self.max.max(value)
        } else {
            self.ring[..self.len]
                .iter()
                .map(|entry| entry.1)
                .fold(value, f64::max)
        };
    }

    /// The highest value in the window; `None` while it is empty.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.len > 0).then_some(self.max)
    }

    /// The highest of the last `count` values, and seconds from the oldest of them to `now`; `None` while
    /// the window is empty or for none of them.
    #[must_use]
    pub fn max_of_last(&self, count: usize, now: Timestamp) -> Option<(f64, f64)> {
        if count >= self.len {
            return Some((self.max()?, self.span_s(now)));
        }
        let from = self.next + self.ring.len() - count;
        let last = (from..from + count).map(|at| self.ring[at % self.ring.len()]);
        let highest = last.clone().map(|(_, value)| value).reduce(f64::max)?;
        let (oldest, _) = last.into_iter().next()?;
        Some((highest, now.seconds_since(oldest)))
    }

    /// Seconds that the window covers up to `now`.
    #[must_use]
    pub fn span_s(&self, now: Timestamp) -> f64 {
        let oldest = if self.len == self.ring.len() {
            self.next
        } else {
            0
        };
        if self.len == 0 {
            0.0
        } else {
            now.seconds_since(self.ring[oldest].0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_values_have_a_maximum_of_their_own() {
        let at = |s: u64| Timestamp(s * 1_000_000_000);
        let mut window = PeakWindow::<4>::default();
        assert_eq!(window.max_of_last(2, at(0)), None);
        for (second, value) in [9.0, 1.0, 3.0, 2.0, 1.0].into_iter().enumerate() {
            window.push(at(second as u64), value);
        }
        assert_eq!(window.max_of_last(1, at(4)), Some((1.0, 0.0)));
        assert_eq!(window.max_of_last(2, at(4)), Some((2.0, 1.0)));
        assert_eq!(window.max_of_last(3, at(5)), Some((3.0, 3.0)));
        assert_eq!(window.max_of_last(9, at(4)), Some((3.0, 3.0)), "9 has left");
        assert_eq!(window.max_of_last(0, at(4)), None);
    }

    #[test]
    fn maximum_agrees_with_a_plain_scan() {
        let mut window = PeakWindow::<7>::default();
        let mut all = Vec::new();
        let mut seed = 1_u64;
        for tick in 0..500_u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Few distinct values, so that equal maxima leave one at a time.
            let value = ((seed >> 33) % 5) as f64;
            all.push(value);
            window.push(Timestamp(tick), value);
            let plain = all
                .iter()
                .rev()
                .take(7)
                .copied()
                .fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(window.max(), Some(plain), "tick {tick}");
        }
    }

    #[test]
    fn empty_window_has_no_maximum() {
        let mut window = PeakWindow::<3>::default();
        assert_eq!(window.max(), None);
        window.push(Timestamp(1), f64::NAN);
        assert_eq!(window.max(), None);
    }

    #[test]
    fn span_is_the_age_of_the_oldest_value() {
        let mut window = PeakWindow::<2>::default();
        for s in 1..=3_u64 {
            window.push(Timestamp(s * 1_000_000_000), 1.0);
        }
        assert!((window.span_s(Timestamp(4_000_000_000)) - 2.0).abs() < 1e-9);
    }
}
