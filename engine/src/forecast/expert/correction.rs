//! What the model's median misses on this very series, as a linear function of what is known.

use super::regression::Regression;
use crate::forecast::QUANTILES;
use crate::forecast::numbers::Numbers;

/// One, the model's own spread, the last value, the recent maximum and the autoregression.
pub const TERMS: usize = 5;
const FACTORS: usize = TERMS * (TERMS - 1) / 2;
/// Variance of a weight at the beginning, in units of that of an outcome.
const DOUBT: f32 = 1.0;

/// The correction over one horizon: none at the beginning.
#[derive(Debug, Clone)]
pub struct Correction {
    line: Regression<TERMS, FACTORS>,
}

impl Default for Correction {
    fn default() -> Self {
        Self {
            line: Regression::new([0.0; TERMS], DOUBT),
        }
    }
}

impl Correction {
    /// The median, corrected.
    #[must_use]
    pub fn point(&self, terms: &[f32; TERMS], median: f64, scale: f64) -> f64 {
        (median + self.line.at(terms) * scale).max(0.0)
    }

    /// Learns from a peak that was `error` scales above the point.
    pub fn learn(&mut self, terms: &[f32; TERMS], error: f64) {
        self.line.learn(terms, error);
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        self.line.walk(to);
    }
}

/// What the correction looks at, about the model's median, in scales.
#[must_use]
pub fn terms(
    said: &[f64; QUANTILES.len()],
    last: f64,
    max: f64,
    regression: f64,
    scale: f64,
) -> [f32; TERMS] {
    let about = |x: f64| ((x - said[0]) / scale) as f32;
    [
        1.0,
        about(said[1]),
        about(last),
        about(max),
        about(regression),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_miss_is_made_good() {
        let mut correction = Correction::default();
        let terms = terms(&[1.0, 1.2, 1.3, 1.5], 1.0, 1.1, 1.05, 1.0);
        assert!((correction.point(&terms, 1.0, 1.0) - 1.0).abs() < 1e-9);
        for _ in 0..200 {
            let error = 1.4 - correction.point(&terms, 1.0, 1.0);
            correction.learn(&terms, error);
        }
        assert!((correction.point(&terms, 1.0, 1.0) - 1.4).abs() < 0.01);
    }
}
