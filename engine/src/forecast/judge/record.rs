//! How well each expert has lately done on one series, for the gate and for people.

use super::super::QUANTILES;
use super::super::expert::COUNT;
use super::super::numbers::{self, Numbers};
use super::mixture::Said;
use super::pinball;

/// Weight of a new loss: half of the memory is about seventy outcomes old.
const ALPHA: f64 = 0.01;

/// Running pinball losses over the first horizon, summed over the quantiles, in units of the scale.
#[derive(Debug, Clone, Default)]
pub struct Record {
    experts: [Mean; COUNT],
    system: Mean,
}

/// A plain mean at first, then a fading one.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    value: f32,
    seen: u16,
}

impl Mean {
    fn push(&mut self, loss: f64) {
        self.seen = self.seen.saturating_add(1);
        let known = f64::from(self.value);
        let weight = ALPHA.max(1.0 / f64::from(self.seen));
        self.value = (known + weight * (loss - known)) as f32;
    }

    fn known(self, at_least: u16) -> Option<f64> {
        (self.seen >= at_least).then_some(f64::from(self.value))
    }
}

impl Record {
    /// Takes the peak that came and what had been said of it.
    pub fn learn(&mut self, peak: f64, said: &[Said; COUNT], forecast: &Said, scale: f64) {
        for (mean, said) in self.experts.iter_mut().zip(said) {
            if !said[0].is_nan() {
                mean.push(loss(peak, said, scale));
            }
        }
        self.system.push(loss(peak, forecast, scale));
    }

    /// Loss of an expert, once so many outcomes are known.
    #[must_use]
    pub fn expert(&self, place: usize, at_least: u16) -> Option<f64> {
        self.experts.get(place)?.known(at_least)
    }

    /// Loss of what was said in the end.
    #[must_use]
    pub fn system(&self, at_least: u16) -> Option<f64> {
        self.system.known(at_least)
    }

    /// A model that was exchanged begins anew.
    pub fn forget(&mut self, place: usize) {
        self.experts[place] = Mean::default();
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        for mean in self.experts.iter_mut().chain([&mut self.system]) {
            numbers::sizes(to, std::slice::from_mut(&mut mean.value));
            numbers::count(to, &mut mean.seen);
        }
    }
}

fn loss(peak: f64, said: &Said, scale: f64) -> f64 {
    let losses = said.iter().zip(QUANTILES);
    losses
        .map(|(said, q)| pinball(peak - f64::from(*said), q))
        .sum::<f64>()
        / scale
}
