//! Forecasts of the peak demand over the next ticks, as quantiles.
//!
//! A [`Model`] sees one row per series (a workload's cpu, memory or network) with the scale-free
//! features of [`features`], and returns quantiles in units of the series' own scale. Beside it
//! stand simple rules ([`expert`]); a judge per series weighs them all by what they were lately
//! worth there, keeps the quantiles honest, and sets a model aside that only copies its input.

pub mod expert;
pub mod features;
mod judge;
mod model;
mod numbers;
mod recent;
mod row;
mod saved;
mod season;
mod series;
mod warm;
mod window;

pub use judge::Standing;
pub use model::{Model, ModelError, OUTPUTS, StateRows};
pub use numbers::{LAYOUT, Numbers};
pub use series::{
    Forecast, Observation, Quantiles, Resource, SeriesForecaster, SeriesKey, Source, Told,
};

/// Horizons in ticks, in the order of the outputs.
pub const HORIZONS: [usize; 2] = [5, 30];

/// Quantiles of the peak, in the order of the outputs.
pub const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Makes quantiles sound: not negative, never crossing, and never lower for a longer horizon
/// (the peak of a longer window contains that of the shorter one).
fn put_in_order(quantiles: &mut Quantiles) {
    let mut shorter = [0.0_f64; QUANTILES.len()];
    for horizon in quantiles {
        let mut below = 0.0_f64;
        for (q, at_least) in horizon.iter_mut().zip(&mut shorter) {
            *q = q.max(below).max(*at_least);
            below = *q;
            *at_least = *q;
        }
    }
}
