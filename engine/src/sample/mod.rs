//! What was measured: raw counters as read, and the rates made of two of them.

mod delta;
mod raw;
mod window;

pub use delta::{Usage, usage_between};
pub use raw::{Limits, RawSample};
pub use window::PeakWindow;
