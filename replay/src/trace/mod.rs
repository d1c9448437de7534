//! From files to evenly spaced series. `models/pipeline/data.py` does the same for training, and a
//! test holds the two to each other.

mod csv;
mod error;
mod files;
mod grid;
mod percentile;
mod recorded;
mod series;

pub use error::TraceError;
pub use files::{Found, read};
pub use series::{SHORTEST, Series, TRAIN_SHARE, Unit};
