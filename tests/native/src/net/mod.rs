//! Network namespaces of our own, so that every packet in them is known.

mod links;
mod namespace;
mod truth;

pub use links::{Ends, Path, ends};
pub use namespace::Netns;
pub use truth::Traffic;
