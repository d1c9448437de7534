//! Running sums over the forecasts of one method for one series and horizon.

use llmos_engine::forecast::QUANTILES;

const N: usize = QUANTILES.len();

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    ticks: u64,
    loss: f64,
    covered: [u64; N],
    below: [u64; N],
    room: [f64; N],
}

impl Tally {
    /// Scores one forecast against the peak that came. A peak above a forecast by no more than
    /// `tolerance` is covered: rounding must not decide that.
    pub fn add(&mut self, forecast: &[f64; N], peak: f64, tolerance: f64) {
        self.ticks += 1;
        for (k, (q, said)) in QUANTILES.iter().zip(forecast).enumerate() {
            let above = peak - said;
            self.loss += (q * above).max((q - 1.0) * above);
            self.covered[k] += u64::from(above <= tolerance);
            self.below[k] += u64::from(above < -tolerance);
            self.room[k] -= above;
        }
    }

    /// Forecasts that were scored.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Mean pinball loss over ticks and quantiles, in the unit of the forecasts.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.mean(self.loss) / N as f64
    }

    /// Share of peaks at or below each quantile.
    #[must_use]
    pub fn coverage(&self) -> [f64; N] {
        self.covered.map(|covered| self.mean(covered as f64))
    }

    /// Share of peaks below each quantile, without those at it.
    #[must_use]
    pub fn below(&self) -> [f64; N] {
        self.below.map(|below| self.mean(below as f64))
    }

    /// Mean of forecast minus peak for each quantile, in the unit of the forecasts.
    #[must_use]
    pub fn room(&self) -> [f64; N] {
        self.room.map(|room| self.mean(room))
    }

    fn mean(&self, sum: f64) -> f64 {
        sum / self.ticks.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: [f64; N], expected: [f64; N]) -> bool {
        let pairs = found.iter().zip(&expected);
        pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn the_sums_are_what_they_are_called() {
        let mut tally = Tally::default();
        tally.add(&[1.0, 2.0, 3.0, 4.0], 2.0, 0.0);
        tally.add(&[1.0, 1.0, 1.0, 1.0], 2.0, 0.0);
        // First: 0.5 x 1, 0, 0.05 x 1, 0.01 x 2; second: (0.5 + 0.9 + 0.95 + 0.99) x 1.
        assert!((tally.loss() - (0.57 + 3.34) / 8.0).abs() < 1e-12);
        assert!(near(tally.coverage(), [0.0, 0.5, 0.5, 0.5]));
        assert!(near(tally.below(), [0.0, 0.0, 0.5, 0.5]));
        assert!(near(tally.room(), [-1.0, -0.5, 0.0, 0.5]));
    }

    #[test]
    fn rounding_does_not_decide_whether_a_peak_is_covered() {
        let mut tally = Tally::default();
        tally.add(&[1.0; 4], 1.0 + 1e-9, 1e-6);
        assert!(near(tally.coverage(), [1.0; 4]));
        assert!(near(tally.below(), [0.0; 4]));
    }
}
