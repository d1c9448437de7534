//! A linear autoregression on twelve lags, AR(12), for the peak of each horizon.
//!
//! The coefficients are least squares over the training parts of the public traces, each series the
//! same weight, on lags from their mean in units of the series' size.

use crate::forecast::HORIZONS;

/// Lags.
pub const LAGS: usize = 12;

/// Per horizon: the weight of each lag, newest first.
const WEIGHTS: [[f64; LAGS]; HORIZONS.len()] = [
    [
        0.228_18, 0.059_42, 0.017_16, -0.063_17, -0.031_56, -0.036_19, -0.033_59, -0.008_72,
        -0.016_46, -0.046_39, -0.04, -0.028_68,
    ],
    [
        0.209_08, 0.065_2, 0.031_24, -0.041_8, -0.027_47, -0.029_9, -0.023_11, -0.019_82,
        -0.031_22, -0.054_09, -0.045_28, -0.032_82,
    ],
];
/// Per horizon: what is added, in units of the scale.
const ABOVE: [f64; HORIZONS.len()] = [0.087_59, 0.235_16];

/// Point forecasts of the peak over each horizon, from the last values (newest first).
#[must_use]
pub fn peaks(lags: &[f64; LAGS], scale: f64) -> [f64; HORIZONS.len()] {
    let mean = lags.iter().sum::<f64>() / LAGS as f64;
    let mut peaks = [0.0; HORIZONS.len()];
    for ((peak, weights), above) in peaks.iter_mut().zip(&WEIGHTS).zip(ABOVE) {
        let moves: f64 = weights.iter().zip(lags).map(|(w, x)| w * (x - mean)).sum();
        *peak = (mean + moves + above * scale).max(0.0);
    }
    peaks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_rise_lifts_the_forecast_and_a_constant_has_its_margin() {
        let [near, far] = peaks(&[2.0; LAGS], 1.0);
        assert!((near - 2.087_59).abs() < 1e-9 && (far - 2.235_16).abs() < 1e-9);
        let mut risen = [2.0; LAGS];
        risen[0] = 3.0;
        assert!(peaks(&risen, 1.0)[0] > near + 0.2);
    }
}
