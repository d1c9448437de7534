//! How much each expert is listened to, per horizon and quantile.
//!
//! Exponential weights on the linearised pinball loss with a second-order term, as in Bernstein
//! online aggregation (Wintenberger, 2017): experts are mixed, not picked, and the weights follow
//! what they have lately been worth on this very series. An expert that says nothing at a tick
//! neither counts nor learns there.

use super::super::expert::{ALL, COUNT, Statements};
use super::super::numbers::{self, Numbers};
use super::super::{HORIZONS, QUANTILES, Quantiles};
use super::pinball;

/// Learning rate per horizon. Outcomes of the longer one overlap more and are learnt less often.
const RATES: [f64; HORIZONS.len()] = [0.01, 0.04];
/// What is left of an old regret at the next outcome.
const FORGET: f64 = 0.9997;
/// Weight of a new loss in the running one, the unit of regrets.
const ALPHA: f64 = 0.01;
/// A loss counts as at most so many running ones, once some are known.
const OUTLIER: f64 = 20.0;
const SOME: u32 = 3;
/// A relative loss times the rate is at most this: beyond it the second-order term would punish
/// gains as well, and one outcome must not decide everything.
const LARGEST: f64 = 0.5;
/// The exponent of a weight is at most so far below the best one: an expert that was wrong for long
/// is heard again within some dozen outcomes when things change.
const DEEPEST: f64 = 8.0;
/// Share of the scale below which the running loss counts as nothing.
const LEAST: f64 = 1e-4;

/// What one expert said, or not a number.
pub type Said = [f32; QUANTILES.len()];

/// The weights of all experts on one series.
#[derive(Debug, Clone, Default)]
pub struct Mixture {
    cells: [[Cell; QUANTILES.len()]; HORIZONS.len()],
    learnt: [u32; HORIZONS.len()],
}

/// One horizon and quantile.
#[derive(Debug, Clone, Default)]
struct Cell {
    /// Of having listened to the others instead, in running losses.
    regrets: [f32; COUNT],
    /// Running pinball loss of the mixture.
    loss: f32,
}

impl Cell {
    /// The shares of those who speak; they sum to one.
    fn shares(&self, speaks: impl Fn(usize) -> bool, rate: f64) -> [f64; COUNT] {
        let best = (0..COUNT)
            .filter(|k| speaks(*k))
            .map(|k| self.regrets[k])
            .fold(f32::NEG_INFINITY, f32::max);
        let mut shares = [0.0; COUNT];
        for (k, expert) in ALL.into_iter().enumerate().filter(|(k, _)| speaks(*k)) {
            shares[k] = expert.prior() * (rate * f64::from(self.regrets[k] - best)).exp();
        }
        let sum: f64 = shares.iter().sum();
        if sum > 0.0 {
            shares.iter_mut().for_each(|share| *share /= sum);
        }
        shares
    }
}

impl Mixture {
    /// What all experts that say something say together, not in order yet; and the mean share of
    /// each over the quantiles of the first horizon.
    #[must_use]
    pub fn mix(&self, statements: &Statements) -> (Quantiles, [f64; COUNT]) {
        let mut mixed = Quantiles::default();
        let mut mean = [0.0; COUNT];
        for (h, quantiles) in mixed.iter_mut().enumerate() {
            for (q, quantile) in quantiles.iter_mut().enumerate() {
                let shares = self.cells[h][q].shares(|k| statements[k].is_some(), RATES[h]);
                *quantile = statements
                    .iter()
                    .zip(shares)
                    .filter_map(|(said, share)| Some(share * said.as_ref()?[h][q]))
                    .sum();
                if h == 0 {
                    for (mean, share) in mean.iter_mut().zip(shares) {
                        *mean += share / QUANTILES.len() as f64;
                    }
                }
            }
        }
        (mixed, mean)
    }

    /// Takes the peak that came, what each expert had said of it, and what the mixture had.
    pub fn learn(
        &mut self,
        horizon: usize,
        peak: f64,
        said: &[Said; COUNT],
        mixed: &Said,
        scale: f64,
    ) {
        self.learnt[horizon] = self.learnt[horizon].saturating_add(1);
        let (seen, rate) = (self.learnt[horizon], RATES[horizon]);
        for (k, (cell, q)) in self.cells[horizon].iter_mut().zip(QUANTILES).enumerate() {
            let together = f64::from(mixed[k]);
            let known = f64::from(cell.loss);
            let mut loss = pinball(peak - together, q);
            if seen > SOME {
                loss = loss.min(OUTLIER * known + 1e-12);
            }
            let known = known + ALPHA.max(1.0 / f64::from(seen)) * (loss - known);
            cell.loss = known as f32;
            let unit = known + LEAST * scale;
            // The slope of the pinball loss at what was said together.
            let slope = f64::from(u8::from(peak < together)) - q;
            for (regret, said) in cell.regrets.iter_mut().zip(said) {
                let said = f64::from(said[k]);
                if said.is_nan() {
                    continue;
                }
                let bound = LARGEST / rate;
                let loss = (slope * (said - together) / unit).clamp(-bound, bound);
                *regret = (FORGET * f64::from(*regret) - loss - rate * loss * loss) as f32;
            }
            let best = cell
                .regrets
                .iter()
                .copied()
                .fold(f32::NEG_INFINITY, f32::max);
            let deepest = (f64::from(best) - DEEPEST / rate) as f32;
            for regret in &mut cell.regrets {
                *regret = regret.max(deepest);
            }
        }
    }

    /// Begins anew with one expert.
    pub fn forget(&mut self, place: usize) {
        for cell in self.cells.as_flattened_mut() {
            cell.regrets[place] = 0.0;
        }
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        for cell in self.cells.as_flattened_mut() {
            numbers::factors(to, &mut cell.regrets);
            numbers::sizes(to, std::slice::from_mut(&mut cell.loss));
        }
        for learnt in &mut self.learnt {
            numbers::count(to, learnt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first expert is right, the second far off, the others say nothing.
    fn statements() -> Statements {
        let mut statements = [None; COUNT];
        statements[0] = Some([[1.0; 4]; 2]);
        statements[2] = Some([[3.0; 4]; 2]);
        statements
    }

    fn said(statements: &Statements, horizon: usize) -> [Said; COUNT] {
        statements.map(|one| {
            one.map_or([f32::NAN; 4], |quantiles| {
                quantiles[horizon].map(|x| x as f32)
            })
        })
    }

    #[test]
    fn at_first_priors_decide_among_those_who_speak() {
        let (mixed, _) = Mixture::default().mix(&statements());
        let [a, b] = [ALL[0].prior(), ALL[2].prior()];
        let expected = (a + 3.0 * b) / (a + b);
        assert!(
            mixed
                .as_flattened()
                .iter()
                .all(|x| (x - expected).abs() < 1e-9)
        );
    }

    #[test]
    fn the_better_expert_is_listened_to_and_a_change_is_followed() {
        let mut mixture = Mixture::default();
        let statements = statements();
        let run = |mixture: &mut Mixture, peak: f64, outcomes: usize| {
            for _ in 0..outcomes {
                let (mixed, _) = mixture.mix(&statements);
                for h in 0..2 {
                    let mixed = mixed[h].map(|x| x as f32);
                    mixture.learn(h, peak, &said(&statements, h), &mixed, 3.0);
                }
            }
            mixture.mix(&statements).0
        };
        let mixed = run(&mut mixture, 1.0, 800);
        assert!(mixed.as_flattened().iter().all(|x| *x < 1.1), "{mixed:?}");
        let mixed = run(&mut mixture, 3.0, 200);
        assert!(mixed.as_flattened().iter().all(|x| *x > 2.8), "{mixed:?}");
        let (_, shares) = mixture.mix(&statements);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(shares[2] > 0.9, "{shares:?}");
    }

    #[test]
    fn nobody_who_speaks_means_nothing_mixed() {
        let (mixed, _) = Mixture::default().mix(&[None; COUNT]);
        assert_eq!(mixed, Quantiles::default());
    }
}
