//! Yardsticks: simple forecasts of the same peaks, and the rule of another controller. All look only
//! backwards. `models/pipeline/baselines.py` has the first five as well.
//!
//! They are written down here and not taken from the engine: a yardstick must not change with what
//! it measures.

mod autoregression;
mod decayed_histogram;
mod errors;
mod ewma;
mod seasonal;
mod window;

use llmos_engine::forecast::{HORIZONS, QUANTILES, Quantiles, features};

use crate::forecast::Peaks;
use autoregression::Autoregression;
pub(crate) use decayed_histogram::DecayedHistogram;
use ewma::Ewma;
use seasonal::Seasonal;
use window::Window;

/// Names of the yardsticks, in the order of [`References::forecasts`].
pub const NAMES: [&str; 11] = [
    "last",
    RECENT_MAX,
    "ewma_dev",
    "window_quantile",
    "past_peaks",
    DECAYED_HISTOGRAM,
    "decayed_peaks",
    "decayed_peaks_short",
    "seasonal",
    "ar12",
    "ar12_recent",
];
/// The largest of the last 12 values.
pub const RECENT_MAX: &str = "recent_max";
/// What the Vertical Pod Autoscaler looks at: the quantile of all values so far, old ones counting
/// less.
pub const DECAYED_HISTOGRAM: &str = "decayed_histogram";

/// Ticks of realised peaks that `past_peaks` looks at.
const PEAKS_SEEN: usize = 120;
/// Ticks that `window_quantile` looks at.
const WINDOW: usize = 60;
/// Half-life of the histograms, in seconds, and of the one with a short memory, in ticks.
const HALF_LIFE_S: f64 = 24.0 * 3600.0;
const SHORT_HALF_LIFE: f64 = 60.0;

/// All yardsticks on one series.
#[derive(Debug, Clone)]
pub struct References {
    last: f64,
    recent: Window,
    ewma: Ewma,
    window: Window,
    peaks: [Window; HORIZONS.len()],
    histogram: DecayedHistogram,
    decayed_peaks: [[DecayedHistogram; HORIZONS.len()]; 2],
    seasonal: Seasonal,
    autoregression: Autoregression,
}

/// What the yardsticks of a series may know ahead.
#[derive(Debug, Clone, Copy)]
pub struct Known<'s> {
    /// Width of a histogram's first bucket, in the unit of the values.
    pub floor: f64,
    /// Seconds of a tick.
    pub step_s: f64,
    /// The training part, and the peaks after its ticks. They are of use to the autoregression only.
    pub training: &'s [Option<f64>],
    /// See there.
    pub peaks: &'s Peaks,
    /// The size of the series.
    pub size: f64,
}

impl References {
    /// On a series at its beginning.
    #[must_use]
    pub fn new(known: &Known<'_>) -> Self {
        let day = HALF_LIFE_S / known.step_s;
        let peaks =
            |half_life| std::array::from_fn(|_| DecayedHistogram::new(known.floor, half_life));
        Self {
            last: 0.0,
            recent: Window::new(features::RING),
            ewma: Ewma::default(),
            window: Window::new(WINDOW),
            peaks: std::array::from_fn(|_| Window::new(PEAKS_SEEN)),
            histogram: DecayedHistogram::new(known.floor, day),
            decayed_peaks: [peaks(day), peaks(SHORT_HALF_LIFE)],
            seasonal: Seasonal::new(known.step_s),
            autoregression: Autoregression::fit(known.training, known.peaks, known.size),
        }
    }

    /// One tick, with its value if it is known (the first one is), and for each horizon the peak of
    /// the window that ends here.
    pub fn push(&mut self, value: Option<f64>, realised: [Option<f64>; HORIZONS.len()]) {
        let held = value.unwrap_or(self.last);
        self.last = held;
        self.recent.push(Some(held));
        self.window.push(Some(held));
        self.ewma.push(held);
        self.histogram.push(value);
        for (peaks, peak) in self.peaks.iter_mut().zip(realised) {
            peaks.push(peak);
        }
        for histograms in &mut self.decayed_peaks {
            for (histogram, peak) in histograms.iter_mut().zip(realised) {
                histogram.push(peak);
            }
        }
        self.seasonal.push(realised);
        self.autoregression.push(value, realised);
    }

    /// What each says now, in the order of [`NAMES`], in the unit of the series.
    #[must_use]
    pub fn forecasts(&self) -> [Quantiles; NAMES.len()] {
        let every = |row: [f64; QUANTILES.len()]| [row; HORIZONS.len()];
        let recent = self.recent.quantile(1.0).unwrap_or(self.last);
        let past = |peaks: &Window| QUANTILES.map(|q| peaks.quantile(q).unwrap_or(recent));
        let peaks = self.peaks.each_ref().map(past);
        let decayed = |histograms: &[DecayedHistogram; HORIZONS.len()]| {
            let quantiles = histograms.each_ref().map(|h| h.quantiles());
            quantiles.map(|row| row.map_or([recent; QUANTILES.len()], |row| row))
        };
        [
            every([self.last; QUANTILES.len()]),
            every([recent; QUANTILES.len()]),
            every(self.ewma.quantiles()),
            every(QUANTILES.map(|q| self.window.quantile(q).unwrap_or(self.last))),
            peaks,
            every(
                self.histogram
                    .quantiles()
                    .unwrap_or([recent; QUANTILES.len()]),
            ),
            decayed(&self.decayed_peaks[0]),
            decayed(&self.decayed_peaks[1]),
            self.seasonal.quantiles().unwrap_or(peaks),
            self.autoregression.quantiles(),
            self.autoregression.recent_quantiles(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: &[f64]) -> [Quantiles; NAMES.len()] {
        let mut references = References::new(&Known {
            floor: 0.01,
            step_s: 1.0,
            training: &[],
            peaks: &Vec::new(),
            size: 1.0,
        });
        for (at, value) in values.iter().enumerate() {
            let realised = HORIZONS.map(|h| {
                let begin = (at + 1).checked_sub(h).filter(|begin| *begin > 0)?;
                values[begin..=at].iter().copied().reduce(f64::max)
            });
            references.push(Some(*value), realised);
        }
        references.forecasts()
    }

    /// Does this yardstick say these quantiles at the horizon with this place?
    fn says(name: &str, values: &[f64], horizon: usize, expected: [f64; QUANTILES.len()]) {
        let at = NAMES.iter().position(|known| *known == name).unwrap();
        let said = after(values)[at][horizon];
        let near = said
            .iter()
            .zip(&expected)
            .all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near, "{name}: {said:?}, expected {expected:?}");
    }

    #[test]
    fn each_says_what_its_name_says() {
        // 0, 1, 2 ... 199: the last value is 199, of the last 60 the median (30th) is 169, and the
        // peaks of the last 120 windows are 80 ... 199.
        let climb: Vec<f64> = (0..200).map(f64::from).collect();
        says("last", &climb, 0, [199.0; 4]);
        says("recent_max", &climb, 1, [199.0; 4]);
        says("window_quantile", &climb, 0, [169.0, 193.0, 196.0, 199.0]);
        says("past_peaks", &climb, 1, [139.0, 187.0, 193.0, 198.0]);
        let fall: Vec<f64> = climb.iter().rev().copied().collect();
        says("recent_max", &fall, 0, [11.0; 4]);
        // The last 120 peaks are 123 ... 4; one of them is above the 0.99 quantile.
        says("past_peaks", &fall, 0, [63.0, 111.0, 117.0, 122.0]);
    }

    #[test]
    fn before_any_peak_is_known_the_recent_maximum_stands_in() {
        says("past_peaks", &[3.0, 1.0], 0, [3.0; 4]);
    }
}
