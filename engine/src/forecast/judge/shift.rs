//! A value above all that was forecast is news that no expert has learnt from yet: until the first
//! outcomes are there, what has come since then is the least to expect.

use super::super::numbers::{self, Numbers};
use super::super::{HORIZONS, QUANTILES, Quantiles};

/// Ticks for which news are news: the outcomes of the shorter horizon are there, and some of them learnt.
const TICKS: usize = 2 * HORIZONS[0];

/// Watches one series for values that nobody forecast.
#[derive(Debug, Clone, Default)]
pub struct Shift {
    /// The highest quantile of the last forecast; nothing before the first.
    highest: f32,
    /// The lowest value since the news.
    least: f32,
    /// Ticks since the news, with its own; 0 without any.
    ticks: u8,
}

impl Shift {
    /// Takes a value.
    pub fn observe(&mut self, value: f64) {
        let value = value as f32;
        if self.ticks > 0 {
            self.least = self.least.min(value);
            self.ticks = (self.ticks + 1) % (TICKS as u8 + 1);
        } else if self.highest > 0.0 && value > self.highest {
            (self.least, self.ticks) = (value, 1);
        }
    }

    /// Lifts the upper quantiles, and from the second such value on the median too: a single one may
    /// be a spike.
    pub fn lift(&mut self, forecast: &mut Quantiles) {
        let lifted = match self.ticks {
            0 => QUANTILES.len(),
            1 => 1,
            _ => 0,
        };
        for horizon in forecast.iter_mut() {
            for quantile in &mut horizon[lifted..] {
                *quantile = quantile.max(f64::from(self.least));
            }
        }
        self.highest = forecast[0][QUANTILES.len() - 1] as f32;
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        numbers::sizes(to, std::slice::from_mut(&mut self.highest));
        numbers::sizes(to, std::slice::from_mut(&mut self.least));
        numbers::count(to, &mut self.ticks);
        numbers::hold(to, usize::from(self.ticks) <= TICKS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifted(shift: &mut Shift) -> [f64; QUANTILES.len()] {
        let mut forecast = [[0.5, 0.6, 0.7, 0.8]; 2];
        shift.lift(&mut forecast);
        assert!((forecast[0][1] - forecast[1][1]).abs() < 1e-9);
        forecast[0].map(|x| (x * 10.0).round() / 10.0)
    }

    fn near(found: [f64; QUANTILES.len()], expected: [f64; QUANTILES.len()]) {
        let close = found
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close, "{found:?} instead of {expected:?}");
    }

    #[test]
    fn a_new_level_is_the_least_to_expect_for_some_ticks() {
        let mut shift = Shift::default();
        near(lifted(&mut shift), [0.5, 0.6, 0.7, 0.8]);
        shift.observe(3.0);
        near(lifted(&mut shift), [0.5, 3.0, 3.0, 3.0]);
        shift.observe(2.0);
        near(lifted(&mut shift), [2.0; 4]);
        (0..TICKS - 2).for_each(|_| shift.observe(2.5));
        near(lifted(&mut shift), [2.0; 4]);
        shift.observe(0.6);
        near(lifted(&mut shift), [0.5, 0.6, 0.7, 0.8]);
    }

    #[test]
    fn a_spike_is_over_when_it_is_over() {
        let mut shift = Shift::default();
        near(lifted(&mut shift), [0.5, 0.6, 0.7, 0.8]);
        shift.observe(3.0);
        shift.observe(0.1);
        near(lifted(&mut shift), [0.5, 0.6, 0.7, 0.8]);
    }
}
