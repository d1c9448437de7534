//! What happens between two ticks: an event of the kernel becomes a raise at once, lent from the
//! node's reserve. The next ticks fold it into what they grant or let it go back.

mod alarm;
mod memory;
mod quota;

pub(crate) use alarm::Alarm;
pub use memory::Tripped;
pub(crate) use quota::Look;
pub use quota::{Answer, NearQuota};
