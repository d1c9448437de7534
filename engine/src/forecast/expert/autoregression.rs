//! A linear autoregression for the peak of a horizon, which goes on learning on its series.
//!
//! It looks at the last twelve values, as AR(12) does, and at their maximum, a slow average and the
//! peak at this time yesterday. It begins with what is least squares over the training parts of the
//! public traces, each series the same weight.

use super::regression::Regression;
use crate::forecast::HORIZONS;
use crate::forecast::numbers::Numbers;

/// Lags.
pub const LAGS: usize = 12;
/// One, the lags, their maximum, the slow average, the season.
pub const TERMS: usize = LAGS + 4;
const FACTORS: usize = TERMS * (TERMS - 1) / 2;

/// Per horizon: the weight of each lag at the beginning, newest first.
const WEIGHTS: [[f32; LAGS]; HORIZONS.len()] = [
    [
        0.228_18, 0.059_42, 0.017_16, -0.063_17, -0.031_56, -0.036_19, -0.033_59, -0.008_72,
        -0.016_46, -0.046_39, -0.04, -0.028_68,
    ],
    [
        0.209_08, 0.065_2, 0.031_24, -0.041_8, -0.027_47, -0.029_9, -0.023_11, -0.019_82,
        -0.031_22, -0.054_09, -0.045_28, -0.032_82,
    ],
];
/// Per horizon: what is added at the beginning, in units of the scale.
const ABOVE: [f32; HORIZONS.len()] = [0.087_59, 0.235_16];
/// Variance of a weight at the beginning, in units of that of an outcome. Terms are a few tenths of a
/// scale in size, so this is some outcomes' worth.
const DOUBT: f32 = 2.0;

/// The regression of one horizon.
#[derive(Debug, Clone)]
pub struct Autoregression {
    line: Regression<TERMS, FACTORS>,
}

impl Autoregression {
    /// For the horizon at this place of [`HORIZONS`].
    pub fn new(horizon: usize) -> Self {
        let mut weights = [0.0; TERMS];
        weights[0] = ABOVE[horizon];
        weights[1..=LAGS].copy_from_slice(&WEIGHTS[horizon]);
        Self {
            line: Regression::new(weights, DOUBT),
        }
    }

    /// Point forecast of the peak from what [`terms`] gave of the same lags.
    #[must_use]
    pub fn point(&self, terms: &[f32; TERMS], lags: &[f64; LAGS], scale: f64) -> f64 {
        (mean(lags) + self.line.at(terms) * scale).max(0.0)
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

/// What the regression looks at: lags (newest first), slow average and season (if it is known) about
/// the mean of the lags, in scales.
#[must_use]
pub fn terms(lags: &[f64; LAGS], slow: f64, season: Option<f64>, scale: f64) -> [f32; TERMS] {
    let mean = mean(lags);
    let about = |x: f64| ((x - mean) / scale) as f32;
    let mut terms = [0.0; TERMS];
    terms[0] = 1.0;
    for (term, lag) in terms[1..].iter_mut().zip(lags) {
        *term = about(*lag);
    }
    terms[LAGS + 1] = about(lags.iter().copied().fold(0.0, f64::max));
    terms[LAGS + 2] = about(slow);
    terms[LAGS + 3] = season.map_or(0.0, about);
    terms
}

fn mean(lags: &[f64; LAGS]) -> f64 {
    lags.iter().sum::<f64>() / LAGS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(rule: &Autoregression, lags: &[f64; LAGS]) -> f64 {
        rule.point(&terms(lags, lags[0], None, 1.0), lags, 1.0)
    }

    #[test]
    fn a_new_rise_lifts_the_forecast_and_a_constant_has_its_margin() {
        let [near, far] = [0, 1].map(Autoregression::new);
        let constant = [2.0; LAGS];
        assert!((says(&near, &constant) - 2.087_59).abs() < 1e-6);
        assert!((says(&far, &constant) - 2.235_16).abs() < 1e-6);
        let mut risen = constant;
        risen[0] = 3.0;
        assert!(says(&near, &risen) > says(&near, &constant) + 0.2);
    }

    #[test]
    fn it_learns_what_a_series_does() {
        // The peak is always one above the second newest value.
        let mut rule = Autoregression::new(0);
        for tick in 0..4_000_u32 {
            let lags = std::array::from_fn(|k| f64::from((tick * 7 + 11 * k as u32) % 13) / 13.0);
            let terms = terms(&lags, 0.5, None, 1.0);
            let error = lags[1] + 1.0 - rule.point(&terms, &lags, 1.0);
            rule.learn(&terms, error);
        }
        let lags = std::array::from_fn(|k| f64::from((5 + 11 * k as u32) % 13) / 13.0);
        let said = rule.point(&terms(&lags, 0.5, None, 1.0), &lags, 1.0);
        assert!((said - lags[1] - 1.0).abs() < 0.05, "{said} {lags:?}");
    }
}
