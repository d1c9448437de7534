//! Quantiles of what a point forecast misses by, followed online.
//!
//! Stochastic quantile tracking (Robbins and Monro, 1951) in units of the running mean of the
//! absolute error, so that it needs no window and adapts to a series that calms down or wakes up. What
//! the error will be is told by a regression on signs of restlessness.

use super::regression::Regression;
use crate::forecast::QUANTILES;
use crate::forecast::numbers::{self, Numbers};

/// Signs of how far off a point may be, in scales: range of the last values, distance of the last one
/// from their average, its deviation, and the model's own spread.
pub const SIGNS: usize = 4;
/// The running error and the signs.
const TERMS: usize = SIGNS + 1;
const FACTORS: usize = TERMS * (TERMS - 1) / 2;
/// Variance of a weight at the beginning, in units of that of an outcome.
const DOUBT: f32 = 0.5;
/// The signs move the spread between these shares of the running error.
const SWAY: [f64; 2] = [0.2, 5.0];

/// Errors before it says anything.
const READY: u32 = 10;
/// Where each quantile begins, between the mean (0) and the largest (1) of those first errors.
const FIRST: [f64; QUANTILES.len()] = [0.0, 0.8, 1.0, 1.5];
/// Smallest step, in mean absolute errors.
const STEP: f64 = 0.05;
/// Step while few errors are known: this over their number.
const FIRST_STEPS: f64 = 3.0;
/// Weight of a new error in their mean.
const ALPHA: f64 = 0.02;
/// An error counts as at most so many means: one outlier must not blow up the scale.
const OUTLIER: f64 = 8.0;
/// Largest factor at which the quantiles begin.
const LARGEST_FACTOR: f64 = 1e5;
/// Share of the series' scale below which no spread falls.
const LEAST: f64 = 1e-4;

/// The errors of one point forecast over one horizon.
#[derive(Debug, Clone)]
pub struct Tracker {
    /// Quantiles of the error in units of the spread; until it is ready the mean and the largest
    /// error, in the unit of the series.
    factors: [f32; QUANTILES.len()],
    /// Mean absolute error, in the unit of the series.
    error: f32,
    seen: u32,
    /// The error, in scales, from the running one and the signs.
    line: Regression<TERMS, FACTORS>,
}

impl Default for Tracker {
    fn default() -> Self {
        let mut weights = [0.0; TERMS];
        weights[0] = 1.0;
        Self {
            factors: [0.0; QUANTILES.len()],
            error: 0.0,
            seen: 0,
            line: Regression::new(weights, DOUBT),
        }
    }
}

impl Tracker {
    /// Mean absolute error of late, in the unit of the series.
    #[must_use]
    pub fn error(&self, scale: f64) -> f64 {
        f64::from(self.error) + LEAST * scale
    }

    /// The spread of this moment, by these signs, in the unit of the series.
    #[must_use]
    pub fn spread(&self, signs: &[f32; SIGNS], scale: f64) -> f64 {
        let running = self.error(scale);
        let told = self.line.at(&self.terms(signs, scale)) * scale;
        told.clamp(SWAY[0] * running, SWAY[1] * running)
    }

    fn terms(&self, signs: &[f32; SIGNS], scale: f64) -> [f32; TERMS] {
        let [range, distance, deviation, own] = *signs;
        let error = (self.error(scale) / scale) as f32;
        [error, range, distance, deviation, own]
    }

    /// Quantiles around a point forecast of this spread; `None` until enough errors are known.
    #[must_use]
    pub fn around(&self, point: f64, spread: f64) -> Option<[f64; QUANTILES.len()]> {
        let quantile = |factor: f32| (point + f64::from(factor) * spread).max(0.0);
        (self.seen >= READY).then(|| self.factors.map(quantile))
    }

    /// Takes an error (outcome minus forecast), and the spread, signs and scale when the forecast was
    /// made.
    pub fn learn(&mut self, error: f64, spread: f64, signs: &[f32; SIGNS], scale: f64) {
        if self.seen >= READY {
            let step = STEP.max(FIRST_STEPS / (f64::from(self.seen) + 1.0));
            let mut below = f32::NEG_INFINITY;
            for (factor, q) in self.factors.iter_mut().zip(QUANTILES) {
                let covered = f64::from(u8::from(error <= f64::from(*factor) * spread));
                *factor = (f64::from(*factor) + step * (q - covered)) as f32;
                *factor = factor.max(below);
                below = *factor;
            }
        }
        self.seen = self.seen.saturating_add(1);
        let mean = f64::from(self.error);
        let size = if self.seen > READY {
            error.abs().min(OUTLIER * mean + LEAST * spread)
        } else {
            error.abs()
        };
        if self.seen > READY {
            // About the running error as it is now: the one of then differs little.
            let terms = self.terms(signs, scale);
            self.line.learn(&terms, size / scale - self.line.at(&terms));
        }
        let weight = ALPHA.max(1.0 / f64::from(self.seen));
        self.error = (mean + weight * (size - mean)) as f32;
        if self.seen <= READY {
            self.begin(error, spread);
        }
    }

    /// One of the first errors: where the quantiles begin.
    fn begin(&mut self, error: f64, spread: f64) {
        let seen = f64::from(self.seen);
        let mean = f64::from(self.factors[0]);
        let mean = mean + (error - mean) / seen;
        let largest = if self.seen == 1 {
            error
        } else {
            error.max(f64::from(self.factors[1]))
        };
        if self.seen < READY {
            self.factors = [mean as f32, largest as f32, 0.0, 0.0];
            return;
        }
        let unit = f64::from(self.error)
            .max(spread * LEAST)
            .max(f64::MIN_POSITIVE);
        // The mean is never far above its own size; only numbers that do not belong together
        // reach the bound.
        self.factors = FIRST.map(|share| {
            let factor = (mean + share * (largest - mean)) / unit;
            factor.clamp(-LARGEST_FACTOR, LARGEST_FACTOR) as f32
        });
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        numbers::count(to, &mut self.seen);
        if self.seen < READY {
            numbers::errors(to, &mut self.factors);
        } else {
            numbers::factors(to, &mut self.factors);
        }
        numbers::sizes(to, std::slice::from_mut(&mut self.error));
        self.line.walk(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: [f32; SIGNS] = [0.0; SIGNS];

    fn learn(tracker: &mut Tracker, error: f64, scale: f64) {
        let spread = tracker.spread(&CALM, scale);
        tracker.learn(error, spread, &CALM, scale);
    }

    fn around(tracker: &Tracker, point: f64, scale: f64) -> [f64; QUANTILES.len()] {
        tracker
            .around(point, tracker.spread(&CALM, scale))
            .expect("it knows enough")
    }

    #[test]
    fn signs_of_restlessness_widen_the_spread() {
        let mut tracker = Tracker::default();
        let signs = |turn: u32| [if turn % 10 < 2 { 1.0 } else { 0.1 }, 0.0, 0.0, 0.0];
        for turn in 0..2_000 {
            let signs = signs(turn);
            let error = f64::from(signs[0]) * if turn % 3 == 0 { -0.5 } else { 0.5 };
            tracker.learn(error, tracker.spread(&signs, 1.0), &signs, 1.0);
        }
        let [calm, restless] = [5, 0].map(|turn| tracker.spread(&signs(turn), 1.0));
        assert!(restless > 4.0 * calm, "{calm} {restless}");
    }

    #[test]
    fn it_finds_the_quantiles_of_the_errors() {
        let mut tracker = Tracker::default();
        assert!(tracker.around(1.0, 0.1).is_none());
        let mut x = 1_u32;
        for _ in 0..20_000 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let error = f64::from(x >> 8) / f64::from(1 << 24);
            learn(&mut tracker, error, 1.0);
        }
        let found = around(&tracker, 10.0, 1.0);
        for (quantile, q) in found.iter().zip(QUANTILES) {
            assert!((quantile - 10.0 - q).abs() < 0.12, "{found:?}");
        }
    }

    #[test]
    fn a_constant_error_is_corrected_at_once() {
        let mut tracker = Tracker::default();
        (0..READY).for_each(|_| learn(&mut tracker, -9.0, 100.0));
        let found = around(&tracker, 109.0, 100.0);
        assert!(found.iter().all(|q| (q - 100.0).abs() < 0.1), "{found:?}");
    }

    #[test]
    fn a_single_error_among_the_first_is_what_it_is() {
        for last in [0.0, 1.0] {
            let mut tracker = Tracker::default();
            (1..READY).for_each(|_| learn(&mut tracker, 0.0, 1.0));
            learn(&mut tracker, last, 1.0);
            let [_, _, upper, highest] = around(&tracker, 2.0, 1.0);
            assert!(
                upper >= 2.0 && highest < 2.0 + 2.0 * last + 0.01,
                "{upper} {highest}"
            );
        }
    }

    #[test]
    fn an_outlier_does_not_blow_up_the_spread() {
        let mut tracker = Tracker::default();
        (0..100).for_each(|_| learn(&mut tracker, 0.1, 1.0));
        learn(&mut tracker, 1e6, 1.0);
        let spread = tracker.spread(&CALM, 1.0);
        assert!(spread < 0.2, "{spread}");
    }
}
