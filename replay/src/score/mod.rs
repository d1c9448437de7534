//! From forecasts and what came of them to figures.

mod copier;
mod group;
mod report;
mod series;
mod tally;

pub use copier::Shift;
pub use group::{Copiers, Group, MethodScore, groups};
pub use report::{Facts, report};
pub use series::{Kind, Scored, SeriesScore};
pub use tally::Tally;

use llmos_engine::forecast::QUANTILES;

/// Place of the operating quantile, 0.95, among [`QUANTILES`]: what limits are set from.
pub const OPERATING: usize = 2;
const _: () = assert!(QUANTILES[OPERATING] > 0.949 && QUANTILES[OPERATING] < 0.951);
