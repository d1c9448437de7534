//! Forecasts of the peak demand over the next ticks, as quantiles.
//!
//! A [`Model`] sees one row per series (a workload's cpu, memory or network) with the scale-free
//! features of [`features`], and returns quantiles in units of the series' own scale. Where the
//! model is missing or fails, [`baseline`] forecasts from the recent past alone.

pub mod baseline;
pub mod features;
mod model;
mod series;
mod skill;

pub use model::{Model, ModelError, OUTPUTS, StateRows};
pub use series::{Forecast, Observation, Quantiles, Resource, SeriesForecaster, Source};

/// Horizons in ticks, in the order of the outputs.
pub const HORIZONS: [usize; 2] = [5, 30];

/// Quantiles of the peak, in the order of the outputs.
pub const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];
