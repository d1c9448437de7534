//! Yardsticks: simple forecasts of the same peaks, and the rule of another controller. All look only
//! backwards. `models/pipeline/baselines.py` has the first five as well.
//!
//! They are written down here and not taken from the engine: a yardstick must not change with what
//! it measures.

mod decayed_histogram;
mod ewma;
mod window;

use llmos_engine::forecast::{HORIZONS, QUANTILES, Quantiles, features};

use decayed_histogram::DecayedHistogram;
use ewma::Ewma;
use window::Window;

/// Names of the yardsticks, in the order of [`References::forecasts`].
pub const NAMES: [&str; 6] = [
    "last",
    RECENT_MAX,
    "ewma_dev",
    "window_quantile",
    "past_peaks",
    DECAYED_HISTOGRAM,
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

/// All yardsticks on one series.
#[derive(Debug, Clone)]
pub struct References {
    last: f64,
    recent: Window,
    ewma: Ewma,
    window: Window,
    peaks: [Window; HORIZONS.len()],
    histogram: DecayedHistogram,
}

impl References {
    /// On a series that begins with this value. `floor` is the width of the histogram's first
    /// bucket, in the unit of the series; a tick takes `step_s` seconds.
    #[must_use]
    pub fn new(floor: f64, step_s: f64) -> Self {
        Self {
            last: 0.0,
            recent: Window::new(features::RING),
            ewma: Ewma::default(),
            window: Window::new(WINDOW),
            peaks: std::array::from_fn(|_| Window::new(PEAKS_SEEN)),
            histogram: DecayedHistogram::new(floor, step_s),
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
    }

    /// What each says now, in the order of [`NAMES`], in the unit of the series.
    #[must_use]
    pub fn forecasts(&self) -> [Quantiles; NAMES.len()] {
        let every = |row: [f64; QUANTILES.len()]| [row; HORIZONS.len()];
        let recent = self.recent.quantile(1.0).unwrap_or(self.last);
        let past = |peaks: &Window| QUANTILES.map(|q| peaks.quantile(q).unwrap_or(recent));
        [
            every([self.last; QUANTILES.len()]),
            every([recent; QUANTILES.len()]),
            every(self.ewma.quantiles()),
            every(QUANTILES.map(|q| self.window.quantile(q).unwrap_or(self.last))),
            self.peaks.each_ref().map(past),
            every(self.histogram.quantiles()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: &[f64]) -> [Quantiles; NAMES.len()] {
        let mut references = References::new(0.01, 1.0);
        for (at, value) in values.iter().enumerate() {
            let realised = HORIZONS.map(|h| {
                let begin = (at + 1).checked_sub(h).filter(|begin| *begin > 0)?;
                values[begin..=at].iter().copied().reduce(f64::max)
            });
            references.push(Some(*value), realised);
        }
        references.forecasts()
    }

    fn of(name: &str, values: &[f64]) -> Quantiles {
        let at = NAMES.iter().position(|known| *known == name).unwrap();
        after(values)[at]
    }

    #[test]
    fn each_says_what_its_name_says() {
        // 0, 1, 2 ... 199: the last value is 199, of the last 60 the median (30th) is 169, and the
        // peaks of the last 120 windows are 80 ... 199.
        let climb: Vec<f64> = (0..200).map(f64::from).collect();
        assert_eq!(of("last", &climb), [[199.0; 4]; 2]);
        assert_eq!(of("recent_max", &climb), [[199.0; 4]; 2]);
        assert_eq!(
            of("window_quantile", &climb)[0],
            [169.0, 193.0, 196.0, 199.0]
        );
        assert_eq!(of("past_peaks", &climb)[1], [139.0, 187.0, 193.0, 198.0]);
        let fall: Vec<f64> = climb.iter().rev().copied().collect();
        assert_eq!(of("recent_max", &fall), [[11.0; 4]; 2]);
        assert_eq!(
            of("past_peaks", &fall)[0][3],
            122.0,
            "one of the 120 peaks, 4 to 123, is above"
        );
    }

    #[test]
    fn before_any_peak_is_known_the_recent_maximum_stands_in() {
        assert_eq!(of("past_peaks", &[3.0, 1.0]), [[3.0; 4]; 2]);
    }
}
