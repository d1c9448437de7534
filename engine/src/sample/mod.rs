//! What was measured: raw counters as read, and the rates made of two of them.

mod delta;
mod raw;
mod wait;
mod window;

pub use delta::{Usage, usage_between};
pub use raw::{Limits, MemoryStat, RawSample, Scheduling, Tcp};
pub use wait::{WAIT_BUCKETS, WaitHistogram};
pub use window::PeakWindow;
