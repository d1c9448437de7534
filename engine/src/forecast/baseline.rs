//! A forecast from the recent past alone: what drives while there is no model, or a worse one.
//!
//! The peaks of the windows that just ended are the sample, and their empirical quantiles are the
//! forecast of the next window's peak. Two corrections: a steady climb (a filling heap) carries
//! each past peak forward along its slope, and a series with little history gets wider upper
//! quantiles, because what it has shown so far is not yet what it can do.

use super::{HORIZONS, QUANTILES};

/// Past windows in the sample, per horizon.
const SAMPLES: usize = 60;
/// Values remembered: enough for the longest horizon's window and for the slopes.
const HISTORY: usize = 64;
/// A climb counts only if it shows over each of these many ticks.
const SLOPE_SPANS: [usize; 3] = [5, 15, 45];
/// How much a series without history widens each quantile, as a fraction of the value. A
/// judgement: the first values of a new workload are its start, rarely its peak.
const WIDEN: [f64; QUANTILES.len()] = [0.0, 0.25, 0.5, 1.0];

/// The recent past of one series, in fixed memory.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// In 24 significant bits, which halves the largest part of what a series keeps.
    values: [f32; HISTORY],
    /// Values seen, which also gives the place of the next one.
    seen: usize,
    /// Peak of the window that ended at each of the last ticks, for each horizon.
    peaks: [[f32; SAMPLES]; HORIZONS.len()],
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            values: [0.0; HISTORY],
            seen: 0,
            peaks: [[0.0; SAMPLES]; HORIZONS.len()],
        }
    }
}

impl Baseline {
    /// Adds the value of one tick. A tick without a value adds nothing.
    pub fn push(&mut self, value: f64) {
        let value = value as f32;
        self.values[self.seen % HISTORY] = value;
        for (horizon, peaks) in HORIZONS.iter().zip(&mut self.peaks) {
            let window = (*horizon).min(self.seen + 1).min(HISTORY);
            let peak = (0..window)
                .map(|back| self.values[(self.seen - back) % HISTORY])
                .fold(value, f32::max);
            peaks[self.seen % SAMPLES] = peak;
        }
        self.seen += 1;
    }

    /// Quantiles of the peak over each horizon, in the unit of the series: finite, not negative,
    /// rising with the quantile and with the horizon. `None` before the first value.
    #[must_use]
    pub fn forecast(&self) -> Option<[[f64; QUANTILES.len()]; HORIZONS.len()]> {
        if self.seen == 0 {
            return None;
        }
        let slope = self.climb();
        let known = self.seen.min(SAMPLES);
        let young = 1.0 - known as f64 / SAMPLES as f64;
        let mut out = [[0.0; QUANTILES.len()]; HORIZONS.len()];
        for (h, horizon) in HORIZONS.iter().enumerate() {
            let mut sample = [0.0; SAMPLES];
            for (age, slot) in sample[..known].iter_mut().enumerate() {
                let peak = f64::from(self.peaks[h][(self.seen - 1 - age) % SAMPLES]);
                // The window that ended `age` ticks ago lies `age + horizon` before the one to come.
                *slot = peak + slope * (age + horizon) as f64;
            }
            let sample = &mut sample[..known];
            sample.sort_unstable_by(f64::total_cmp);
            for (k, q) in QUANTILES.iter().enumerate() {
                out[h][k] = quantile(sample, *q) * (1.0 + WIDEN[k] * young);
            }
        }
        super::series::put_in_order(&mut out);
        Some(out)
    }

    /// Rise per tick that holds over every span; zero if the series does not climb steadily. A
    /// fall is not carried forward: the windows forget the old peaks soon enough.
    fn climb(&self) -> f64 {
        let back = |ticks: usize| f64::from(self.values[(self.seen - 1 - ticks) % HISTORY]);
        let longest = SLOPE_SPANS[SLOPE_SPANS.len() - 1];
        if self.seen <= longest {
            return 0.0;
        }
        SLOPE_SPANS
            .iter()
            .map(|span| (back(0) - back(*span)) / *span as f64)
            .fold(f64::INFINITY, f64::min)
            .max(0.0)
    }
}

/// Quantile of a sorted sample with linear interpolation between the two nearest ranks.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: impl IntoIterator<Item = f64>) -> [[f64; 4]; 2] {
        let mut baseline = Baseline::default();
        values.into_iter().for_each(|value| baseline.push(value));
        baseline.forecast().unwrap()
    }

    #[test]
    fn nothing_seen_means_no_forecast() {
        assert!(Baseline::default().forecast().is_none());
    }

    #[test]
    fn a_constant_series_forecasts_itself() {
        for q in after([2.5; 200]).as_flattened() {
            assert!((q - 2.5).abs() < 1e-9);
        }
    }

    #[test]
    fn a_young_series_is_widened_above_its_median() {
        let [short, _] = after([1.0]);
        assert!((short[0] - 1.0).abs() < 1e-9);
        assert!(short[3] > 1.9);
    }

    #[test]
    fn a_steady_climb_is_carried_forward() {
        let [short, long] = after((0..200).map(|tick| 100.0 + f64::from(tick)));
        // The last value is 299, so the exact peaks are 304 and 329.
        assert!((short[0] - 304.0).abs() < 1e-6, "{short:?}");
        assert!((long[0] - 329.0).abs() < 1e-6, "{long:?}");
    }

    #[test]
    fn bursts_now_and_then_show_in_the_upper_quantiles() {
        let [short, long] = after((0..240).map(|tick| if tick % 20 < 2 { 3.0 } else { 0.1 }));
        assert!(
            short[0] < 0.5,
            "six of twenty windows of five hold a burst: {short:?}"
        );
        assert!(short[2] > 2.9, "{short:?}");
        assert!(
            long[0] > 2.9,
            "each window of thirty holds a burst: {long:?}"
        );
    }
}
