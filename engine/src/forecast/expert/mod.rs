//! The experts: a model and the simple rules that it has to beat, each with quantiles of its own.
//!
//! An expert that knows too little yet says nothing. What an expert learns from, the peak over a
//! horizon, is known only when the horizon has passed.

mod autoregression;
mod compact;
mod correction;
mod regression;
mod tracker;

use std::sync::LazyLock;

use super::numbers::{self, Numbers};
use super::recent::Recent;
use super::season::Season;
use super::window::SortedWindow;
use super::{HORIZONS, QUANTILES, Quantiles};
use autoregression::Autoregression;
pub use compact::Compact;
use correction::Correction;
use tracker::Tracker;

/// Experts.
pub const COUNT: usize = 9;

/// Who can say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expert {
    /// The model, with its own quantiles.
    Model,
    /// The model's median, corrected by what it misses on this series, with the quantiles of its errors.
    ModelErrors,
    /// Quantiles of the last peaks, the newer ones weighing more: a decaying histogram.
    DecayedPeaks,
    /// Quantiles of the peaks of the last thousand ticks.
    LongPeaks,
    /// The last value, with the quantiles of what the peak exceeded it by.
    Last,
    /// The largest of the last twelve values.
    RecentMax,
    /// A moving average and its deviation, as if errors were normal.
    Ewma,
    /// What the series did at this time yesterday, with the quantiles of its errors.
    Season,
    /// A linear autoregression that learns on this series, with the quantiles of its errors.
    Autoregression,
}

/// All experts, in the order in which their statements are kept.
pub const ALL: [Expert; COUNT] = [
    Expert::Model,
    Expert::ModelErrors,
    Expert::DecayedPeaks,
    Expert::LongPeaks,
    Expert::Last,
    Expert::RecentMax,
    Expert::Ewma,
    Expert::Season,
    Expert::Autoregression,
];

/// What each expert says, in the unit of the series; `None` where it says nothing.
pub type Statements = [Option<Quantiles>; COUNT];

impl Expert {
    /// Name for people and wire formats.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::ModelErrors => "model+errors",
            Self::DecayedPeaks => "decayed-peaks",
            Self::LongPeaks => "long-peaks",
            Self::Last => "last",
            Self::RecentMax => "recent-max",
            Self::Ewma => "ewma",
            Self::Season => "season",
            Self::Autoregression => "ar12",
        }
    }

    /// Does it rest on the model?
    #[must_use]
    pub const fn is_model(self) -> bool {
        matches!(self, Self::Model | Self::ModelErrors)
    }

    /// How much it is listened to before anything is known of it. The shares are what mixing
    /// arrived at on the training parts of the public traces, rounded.
    pub(super) const fn prior(self) -> f64 {
        match self {
            Self::Model => 0.2,
            Self::ModelErrors | Self::DecayedPeaks | Self::LongPeaks => 0.1,
            Self::Last => 0.15,
            Self::RecentMax | Self::Season => 0.08,
            Self::Ewma => 0.04,
            Self::Autoregression => 0.15,
        }
    }
}

/// Peaks of past windows for [`Expert::DecayedPeaks`].
const PEAKS: usize = 64;
/// Age in ticks at which a past peak counts half.
const PEAKS_HALF_LIFE: f64 = 24.0;
/// Weight of a past peak by its age.
static FADING: LazyLock<[f32; PEAKS]> =
    LazyLock::new(|| std::array::from_fn(|age| (-(age as f64) / PEAKS_HALF_LIFE).exp2() as f32));
/// Peaks for [`Expert::LongPeaks`], and the ticks from one to the next.
const LONG_PEAKS: usize = 32;
const LONG_STRIDE: u64 = 32;
/// Errors of the last value, and learnt outcomes from one to the next, per horizon.
const LAST_ERRORS: usize = 48;
const LAST_STRIDE: [u32; HORIZONS.len()] = [2, 1];
/// Errors before their quantiles say anything.
const READY: usize = 10;
/// Values of [`Expert::RecentMax`].
const RECENT: usize = autoregression::LAGS;
/// Weight of a new value in the moving average, and of its error in the deviation.
const ALPHA: f64 = 0.3;
const DEVIATION_ALPHA: f64 = 0.03;
/// Weight of a new value in the slow average.
const SLOW_ALPHA: f64 = 0.03;
/// An error counts as at most so many mean ones to what learns from it.
const OUTLIER: f64 = 6.0;
/// Quantiles of the normal distribution.
const NORMAL: [f64; QUANTILES.len()] = [0.0, 1.2816, 1.6449, 2.3263];
/// Point forecasts with a tracker.
const POINTS: usize = 3;

/// What was said without quantiles, kept until its outcome is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Points {
    last: f32,
    /// What [`Expert::Autoregression`] looked at.
    terms: Compact<{ autoregression::TERMS }>,
    /// What the correction of the model looked at; zeros without a model.
    model_terms: Compact<{ correction::TERMS }>,
    /// Signs of how far off a point may be.
    signs: Compact<{ tracker::SIGNS }>,
    /// Point forecasts of [`Expert::ModelErrors`], [`Expert::Season`] and
    /// [`Expert::Autoregression`]; not a number where there was none.
    points: [f32; POINTS],
    spreads: [f32; POINTS],
    /// The model's median as it was.
    median: f32,
}

impl Points {
    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        numbers::errors(to, std::slice::from_mut(&mut self.last));
        self.terms.walk(to);
        self.model_terms.walk(to);
        self.signs.walk(to);
        numbers::forecasts(to, std::slice::from_mut(&mut self.median));
        numbers::forecasts(to, &mut self.points);
        numbers::sizes(to, &mut self.spreads);
    }

    /// The value of the tick at which this was said.
    #[must_use]
    pub fn last(&self) -> f64 {
        f64::from(self.last)
    }

    /// The model's median, if there was one.
    #[must_use]
    pub fn model(&self) -> Option<f64> {
        Some(f64::from(self.median)).filter(|median| !median.is_nan())
    }
}

/// What the experts remember of one series.
#[derive(Debug, Clone)]
pub struct Experts {
    ticks: u64,
    /// The last values, newest first; a missing one repeats the one before it.
    lags: [f64; RECENT],
    level: f64,
    slow: f64,
    square: f64,
    recent: Recent,
    season: Season,
    horizons: [Horizon; HORIZONS.len()],
}

#[derive(Debug, Clone)]
struct Horizon {
    peaks: SortedWindow<PEAKS>,
    long: SortedWindow<LONG_PEAKS>,
    last_errors: SortedWindow<LAST_ERRORS>,
    learnt: u32,
    autoregression: Autoregression,
    correction: Correction,
    trackers: [Tracker; POINTS],
}

impl Experts {
    /// Before the first value. `tick_s`: seconds of a tick, for the time of the day.
    #[must_use]
    pub fn new(tick_s: f64) -> Self {
        Self {
            ticks: 0,
            lags: [0.0; RECENT],
            level: 0.0,
            slow: 0.0,
            square: 0.0,
            recent: Recent::default(),
            season: Season::new(tick_s),
            horizons: std::array::from_fn(Horizon::new),
        }
    }

    /// Takes a tick, with its value if there is one (there is at the first). Gives the peaks of the
    /// windows that ended with it, per horizon, where they are known.
    pub fn observe(&mut self, value: Option<f64>) -> [Option<f64>; HORIZONS.len()] {
        if let Some(x) = value.filter(|_| self.ticks == 0) {
            self.lags = [x; RECENT];
            self.level = x;
            self.slow = x;
        }
        self.lags.copy_within(..RECENT - 1, 1);
        if let Some(x) = value {
            let error = x - self.level;
            self.square += DEVIATION_ALPHA * (error * error - self.square);
            self.level += ALPHA * error;
            self.slow += SLOW_ALPHA * (x - self.slow);
            self.lags[0] = x;
        }
        self.recent.push(value);
        self.season.push(self.lags[0]);
        let sampled = self.ticks.is_multiple_of(LONG_STRIDE);
        self.ticks += 1;
        let mut peaks = [None; HORIZONS.len()];
        for ((horizon, ticks), peak) in self.horizons.iter_mut().zip(HORIZONS).zip(&mut peaks) {
            *peak = self.recent.peak(ticks);
            if let Some(peak) = *peak {
                horizon.peaks.push(peak);
                if sampled {
                    horizon.long.push(peak);
                }
            }
        }
        peaks
    }

    /// Takes the peak over the horizon at this place, which came after the points were said at this
    /// scale.
    pub fn learn(&mut self, horizon: usize, peak: f64, said: &Points, scale: f64) {
        let stride = LAST_STRIDE[horizon];
        let horizon = &mut self.horizons[horizon];
        if horizon.learnt.is_multiple_of(stride) {
            horizon.last_errors.push(peak - f64::from(said.last));
        }
        horizon.learnt = horizon.learnt.wrapping_add(1);
        let error = |k: usize| {
            let error = peak - f64::from(said.points[k]);
            let bound = OUTLIER * horizon.trackers[k].error(scale);
            error.clamp(-bound, bound) / scale
        };
        let errors = [error(0), error(2)];
        if !errors[0].is_nan() {
            horizon
                .correction
                .learn(&said.model_terms.wide(), errors[0]);
        }
        horizon.autoregression.learn(&said.terms.wide(), errors[1]);
        let signs = said.signs.wide();
        let points = said.points.iter().zip(said.spreads);
        for (tracker, (point, spread)) in horizon.trackers.iter_mut().zip(points) {
            if !point.is_nan() {
                let error = peak - f64::from(*point);
                tracker.learn(error, f64::from(spread), &signs, scale);
            }
        }
    }

    /// What each says of the time after this tick, and the points behind it per horizon. `model`
    /// is what the model says, if it says something; `scale` that of the series.
    #[must_use]
    pub fn say(
        &self,
        model: Option<&Quantiles>,
        scale: f64,
    ) -> (Statements, [Points; HORIZONS.len()]) {
        let mut statements = [[None; COUNT]; HORIZONS.len()];
        let mut points = [Points::default(); HORIZONS.len()];
        let max = self.lags.iter().copied().fold(0.0, f64::max);
        let min = self.lags.iter().copied().fold(f64::INFINITY, f64::min);
        let deviation = self.square.max(0.0).sqrt();
        for (h, ticks) in HORIZONS.into_iter().enumerate() {
            let horizon = &self.horizons[h];
            let season = self.season.peak_ahead(ticks);
            let terms = autoregression::terms(&self.lags, self.slow, season, scale);
            let regression = horizon.autoregression.point(&terms, &self.lags, scale);
            let said = model.map(|quantiles| &quantiles[h]);
            let model_terms =
                said.map(|said| correction::terms(said, self.lags[0], max, regression, scale));
            let corrected = said
                .zip(model_terms.as_ref())
                .map(|(said, terms)| horizon.correction.point(terms, said[0], scale));
            let spread = said.map_or(0.0, |said| said[2] - said[0]);
            let signs = [
                max - min,
                (self.lags[0] - self.level).abs(),
                deviation,
                spread,
            ]
            .map(|sign| (sign / scale) as f32);
            let known = [corrected, season, Some(regression)];
            points[h].last = self.lags[0] as f32;
            points[h].terms = Compact::new(&terms);
            points[h].model_terms = Compact::new(&model_terms.unwrap_or_default());
            points[h].signs = Compact::new(&signs);
            points[h].median = said.map_or(f32::NAN, |said| said[0] as f32);
            let mut tracked = [None; POINTS];
            for (k, point) in known.into_iter().enumerate() {
                let tracker = &horizon.trackers[k];
                let spread = tracker.spread(&signs, scale);
                points[h].points[k] = point.map_or(f32::NAN, |x| x as f32);
                points[h].spreads[k] = spread as f32;
                tracked[k] = point.and_then(|x| tracker.around(x, spread));
            }
            let errors = Some(&horizon.last_errors).filter(|errors| errors.len() >= READY);
            let last = errors.and_then(|errors| errors.quantiles(QUANTILES));
            statements[h] = [
                model.map(|quantiles| quantiles[h]),
                tracked[0],
                horizon.peaks.weighted_quantiles(QUANTILES, &FADING),
                horizon.long.quantiles(QUANTILES),
                last.map(|errors| errors.map(|error| (self.lags[0] + error).max(0.0))),
                Some([max; QUANTILES.len()]),
                Some(NORMAL.map(|z| (self.level + z * deviation).max(0.0))),
                tracked[1],
                tracked[2],
            ];
        }
        let both = |k: usize| Some([statements[0][k]?, statements[1][k]?]);
        (std::array::from_fn(both), points)
    }

    /// The last value that was there.
    #[must_use]
    pub fn last(&self) -> f64 {
        self.lags[0]
    }

    /// Past peaks that are known over the first horizon, up to a bound: how old the series is.
    #[must_use]
    pub fn known(&self) -> usize {
        self.horizons[0].peaks.len()
    }

    /// The last ticks.
    #[must_use]
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Leaves out ticks, after as many without a value as are remembered.
    pub fn skip(&mut self, ticks: u64) {
        self.ticks += ticks;
        self.recent.skip(ticks);
        self.season.skip(ticks, self.lags[0]);
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        numbers::count(to, &mut self.ticks);
        numbers::values(to, &mut self.lags);
        numbers::values(to, std::slice::from_mut(&mut self.level));
        numbers::values(to, std::slice::from_mut(&mut self.slow));
        to.f64s(std::slice::from_mut(&mut self.square));
        let largest = numbers::LARGEST * numbers::LARGEST;
        numbers::hold(to, self.square.abs() <= largest);
        self.recent.walk(to);
        self.season.walk(to);
        for horizon in &mut self.horizons {
            horizon.peaks.walk(to);
            horizon.long.walk(to);
            horizon.last_errors.walk(to);
            numbers::count(to, &mut horizon.learnt);
            horizon.autoregression.walk(to);
            horizon.correction.walk(to);
            horizon
                .trackers
                .iter_mut()
                .for_each(|tracker| tracker.walk(to));
        }
    }
}

impl Horizon {
    fn new(place: usize) -> Self {
        Self {
            peaks: SortedWindow::default(),
            long: SortedWindow::default(),
            last_errors: SortedWindow::default(),
            learnt: 0,
            autoregression: Autoregression::new(place),
            correction: Correction::default(),
            trackers: Default::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: impl IntoIterator<Item = f64>) -> (Experts, Statements) {
        let mut experts = Experts::new(1.0);
        values.into_iter().for_each(|value| {
            experts.observe(Some(value));
        });
        let (statements, _) = experts.say(None, 1.0);
        (experts, statements)
    }

    fn says(statements: &Statements, expert: Expert) -> Option<Quantiles> {
        statements[ALL.iter().position(|one| *one == expert)?]
    }

    #[test]
    fn every_expert_has_its_place_and_the_priors_are_shares() {
        for (place, expert) in ALL.into_iter().enumerate() {
            assert_eq!(expert as usize, place, "{}", expert.name());
        }
        let sum: f64 = ALL.into_iter().map(Expert::prior).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn from_the_first_value_somebody_says_something() {
        let (_, statements) = after([0.5]);
        assert_eq!(says(&statements, Expert::RecentMax), Some([[0.5; 4]; 2]));
        assert_eq!(says(&statements, Expert::DecayedPeaks), Some([[0.5; 4]; 2]));
        assert_eq!(says(&statements, Expert::Model), None);
        assert_eq!(says(&statements, Expert::Last), None);
        assert_eq!(says(&statements, Expert::Season), None);
    }

    #[test]
    fn a_constant_series_is_forecast_as_it_is() {
        let (_, statements) = after([2.0; 300]);
        for expert in [
            Expert::DecayedPeaks,
            Expert::LongPeaks,
            Expert::RecentMax,
            Expert::Ewma,
        ] {
            assert_eq!(
                says(&statements, expert),
                Some([[2.0; 4]; 2]),
                "{}",
                expert.name()
            );
        }
    }

    #[test]
    fn the_last_value_learns_what_it_was_exceeded_by() {
        let (mut experts, _) = after([1.0; 10]);
        for _ in 0..40 {
            let (_, points) = experts.say(None, 1.0);
            experts.learn(0, 1.5, &points[0], 1.0);
            experts.learn(1, 3.0, &points[1], 1.0);
        }
        let (statements, _) = experts.say(None, 1.0);
        assert_eq!(says(&statements, Expert::Last), Some([[1.5; 4], [3.0; 4]]));
    }

    #[test]
    fn the_models_median_gets_the_quantiles_of_its_errors() {
        let (mut experts, _) = after([1.0; 10]);
        let model = [[0.5; 4]; 2];
        for _ in 0..400 {
            let (_, points) = experts.say(Some(&model), 1.0);
            experts.learn(0, 0.6, &points[0], 1.0);
            experts.learn(1, 0.6, &points[1], 1.0);
        }
        let (statements, _) = experts.say(Some(&model), 1.0);
        let [near, _] = says(&statements, Expert::ModelErrors).unwrap();
        // The upper ones come down slowly: one error in a hundred may be larger.
        assert!(near[..2].iter().all(|q| (q - 0.6).abs() < 0.01), "{near:?}");
        assert!((0.6..1.2).contains(&near[3]), "{near:?}");
    }
}
