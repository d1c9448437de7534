//! From what happened under limits to figures.

mod families;
mod frontier;
mod jain;
mod report;
mod tally;

pub use families::{Controller, Family, Figures, families, overall};
pub use frontier::Frontier;
pub use jain::jain;
pub use report::{Facts, dominated, report};
pub use tally::Tally;
