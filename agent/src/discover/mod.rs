//! Which cgroups are there: one scan at the start, then events, with a slow scan behind them.

mod container;
mod name;
mod tree;

pub use container::container;
pub use name::short_name;
pub use tree::{Changes, Known, Tree};
