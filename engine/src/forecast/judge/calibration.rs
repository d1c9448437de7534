//! Keeps the share of peaks above each quantile where it should be.
//!
//! Adaptive conformal correction (Gibbs and Candes, 2021) in units of the running error: each
//! outcome above a quantile lifts it a little, each below lowers it less, so that in the long run
//! the shares hold whatever the quality of what is corrected.

use super::super::numbers::{self, Numbers};
use super::super::{HORIZONS, QUANTILES, Quantiles};

/// Size of a step per quantile, in running errors.
const STEPS: [f64; QUANTILES.len()] = [0.02, 0.03, 0.04, 0.12];
/// Steps are longer while few outcomes are known: this over their number, between two bounds. Of the
/// longer horizon fewer outcomes are looked at.
const LONG: [f64; HORIZONS.len()] = [1_000.0, 400.0];
const LENGTHS: [[f64; 2]; HORIZONS.len()] = [[0.5, 1.0], [0.5, 1.0]];
/// A correction is at most so many running errors: after an incident, in which every peak is above, it
/// would take thousands of calm outcomes to come back from more.
const MOST: f32 = 3.0;
/// Outcomes before the first step.
const READY: u32 = 10;
/// Weight of a new error in the running one; an error counts as at most so many of them.
const ALPHA: f64 = 0.01;
const OUTLIER: f64 = 20.0;
const SOME: u32 = 3;
/// A running error below this share of the scale is none: what is forecast that well stays as it is.
const LEAST: f64 = 1e-4;
/// A peak this share of the scale above a quantile is still at it: numbers are rounded.
const ROUNDING: f64 = 1e-6;
/// Weight of a new outcome in the live coverage.
const COVERED_ALPHA: f64 = 0.005;

/// The correction of one series.
#[derive(Debug, Clone, Default)]
pub struct Calibration {
    horizons: [Horizon; HORIZONS.len()],
}

#[derive(Debug, Clone, Default)]
struct Horizon {
    /// What is added to each quantile, in units.
    added: [f32; QUANTILES.len()],
    /// Running distance of the peak from the median that was corrected.
    error: f32,
    /// Share of peaks at or below each quantile.
    covered: [f32; QUANTILES.len()],
    seen: u32,
}

impl Calibration {
    /// Corrects quantiles; not in order yet.
    #[must_use]
    pub fn correct(&self, quantiles: &Quantiles, scale: f64) -> Quantiles {
        let mut corrected = *quantiles;
        for (horizon, quantiles) in self.horizons.iter().zip(&mut corrected) {
            let unit = horizon.unit(scale);
            for (quantile, added) in quantiles.iter_mut().zip(horizon.added) {
                *quantile = (*quantile + f64::from(added) * unit).max(0.0);
            }
        }
        corrected
    }

    /// Takes the peak that came, the median before correction, and what was said in the end.
    pub fn learn(
        &mut self,
        horizon: usize,
        peak: f64,
        median: f64,
        said: &[f32; QUANTILES.len()],
        scale: f64,
    ) {
        let (long, [least, most]) = (LONG[horizon], LENGTHS[horizon]);
        let horizon = &mut self.horizons[horizon];
        horizon.seen = horizon.seen.saturating_add(1);
        let seen = f64::from(horizon.seen);
        let length = (long / seen).clamp(least, most);
        let steps = horizon.seen > READY && horizon.unit(scale) > 0.0;
        for (k, q) in QUANTILES.into_iter().enumerate() {
            let covered = f64::from(u8::from(peak <= f64::from(said[k]) + ROUNDING * scale));
            if steps {
                let added = horizon.added[k] + (length * STEPS[k] * (q - covered)) as f32;
                horizon.added[k] = added.clamp(-MOST, MOST);
            }
            let known = f64::from(horizon.covered[k]);
            let weight = COVERED_ALPHA.max(1.0 / seen);
            horizon.covered[k] = (known + weight * (covered - known)) as f32;
        }
        let known = f64::from(horizon.error);
        let mut error = (peak - median).abs();
        if horizon.seen > SOME {
            error = error.min(OUTLIER * known + 1e-12);
        }
        horizon.error = (known + ALPHA.max(1.0 / seen) * (error - known)) as f32;
    }

    /// Share of the last outcomes at or below each quantile; `None` before any.
    #[must_use]
    pub fn coverage(&self, horizon: usize) -> Option<[f64; QUANTILES.len()]> {
        let horizon = &self.horizons[horizon];
        (horizon.seen > 0).then(|| horizon.covered.map(f64::from))
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        for horizon in &mut self.horizons {
            numbers::factors(to, &mut horizon.added);
            numbers::sizes(to, std::slice::from_mut(&mut horizon.error));
            numbers::sizes(to, &mut horizon.covered);
            numbers::hold(to, horizon.covered.iter().all(|share| *share <= 1.0));
            numbers::count(to, &mut horizon.seen);
        }
    }
}

impl Horizon {
    /// The unit of what is added: the running error, for a series of this scale.
    fn unit(&self, scale: f64) -> f64 {
        let error = f64::from(self.error);
        if error > LEAST * scale { error } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_hold_whatever_is_corrected() {
        let mut calibration = Calibration::default();
        let mut x = 7_u32;
        let (mut covered, outcomes) = ([0.0; 4], 20_000);
        for tick in 0..2 * outcomes {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let peak = 1.0 + f64::from(x >> 8) / f64::from(1 << 24);
            // Far too low, all four of them the same.
            let low = [[0.9; 4]; 2];
            let said = calibration.correct(&low, 1.0)[0];
            if tick >= outcomes {
                for (covered, said) in covered.iter_mut().zip(said) {
                    *covered += f64::from(u8::from(peak <= said)) / f64::from(outcomes);
                }
            }
            calibration.learn(0, peak, 0.9, &said.map(|x| x as f32), 1.0);
        }
        for (covered, q) in covered.iter().zip(QUANTILES) {
            assert!((covered - q).abs() < 0.01, "{covered} of {q}");
        }
        let live = calibration.coverage(0).unwrap();
        assert!((live[1] - 0.9).abs() < 0.1, "{live:?}");
        assert!(calibration.coverage(1).is_none());
    }

    #[test]
    fn nothing_is_corrected_before_something_is_known() {
        let quantiles = [[1.0, 2.0, 3.0, 4.0]; 2];
        let calibration = Calibration::default();
        assert_eq!(calibration.correct(&quantiles, 1.0), quantiles);
    }
}
