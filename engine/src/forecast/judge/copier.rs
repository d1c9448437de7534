//! The time-shift test: does the model only repeat its input?
//!
//! A forecaster of peaks that copies is close to the last value and far from what comes. Being
//! close is no fault where the last value is the best guess; so it is a copier only if it is also
//! no better than the last value with the quantiles of its errors, which is what a copy is worth.

use super::super::numbers::{self, Numbers};

/// Weight of a new distance.
const ALPHA: f64 = 0.01;
/// Outcomes before the test says anything.
const SOME: u32 = 100;
/// A copy is so much nearer to the past than to what comes.
const NEARER: f64 = 0.25;
/// Share of the copy's loss that a model has to be below to be more than one.
const WORTH: f64 = 0.98;

/// The test on one series.
#[derive(Debug, Clone, Default)]
pub struct Copier {
    /// Running distance of the median from the last value, in units of the scale.
    past: f32,
    /// Running distance of the median from the peak that came.
    coming: f32,
    seen: u32,
    found: bool,
}

impl Copier {
    /// Takes an outcome, the model's median, the value it followed, and the running losses of the
    /// model and of the last value with its errors.
    pub fn learn(
        &mut self,
        peak: f64,
        median: f64,
        last: f64,
        scale: f64,
        losses: Option<[f64; 2]>,
    ) {
        self.seen = self.seen.saturating_add(1);
        let weight = ALPHA.max(1.0 / f64::from(self.seen));
        for (mean, distance) in [
            (&mut self.past, median - last),
            (&mut self.coming, median - peak),
        ] {
            let known = f64::from(*mean);
            *mean = (known + weight * (distance.abs() / scale - known)) as f32;
        }
        let near = f64::from(self.past) < NEARER * f64::from(self.coming);
        self.found = self.seen >= SOME
            && near
            && losses.is_some_and(|[model, copy]| model >= WORTH * copy && copy > 0.0);
    }

    /// Is the model a copier on this series?
    #[must_use]
    pub fn found(&self) -> bool {
        self.found
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        for distance in [&mut self.past, &mut self.coming] {
            numbers::sizes(to, std::slice::from_mut(distance));
        }
        numbers::count(to, &mut self.seen);
        numbers::flag(to, &mut self.found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(losses: Option<[f64; 2]>, median: impl Fn(f64, f64) -> f64) -> Copier {
        let mut copier = Copier::default();
        for tick in 0..300_u32 {
            let last = f64::from(tick % 7);
            let peak = f64::from((tick + 3) % 7);
            copier.learn(peak, median(last, peak), last, 7.0, losses);
        }
        copier
    }

    #[test]
    fn one_that_repeats_its_input_for_nothing_is_found() {
        assert!(after(Some([1.0, 1.0]), |last, _| last).found());
    }

    #[test]
    fn one_that_knows_what_comes_or_is_worth_more_is_not() {
        assert!(!after(Some([1.0, 1.0]), |_, peak| peak).found());
        assert!(!after(Some([0.5, 1.0]), |last, _| last).found());
        assert!(!after(None, |last, _| last).found());
    }

    #[test]
    fn a_constant_series_makes_no_copier() {
        let mut copier = Copier::default();
        (0..300).for_each(|_| copier.learn(1.0, 1.0, 1.0, 1.0, Some([0.0, 0.0])));
        assert!(!copier.found());
    }
}
