//! Runs control laws in closed loop over series: a plant answers their limits as a kernel would, and
//! what came of it is scored on the last 30 % of each series (`docs/replay.md`).
//!
//! LLMOS is driven through [`llmos_engine::Engine::tick`] with the counters that the agent would
//! read. The rivals are other systems' published rules, a file each in [`rival`]. Everybody acts at
//! ticks only and sees what a controller would see: what was served, not what was wanted.

mod bounds;
mod demand;
mod llmos;
pub mod picture;
pub mod plant;
pub mod rival;
mod run;
pub mod scarcity;
pub mod score;
mod speed;
pub mod tune;
mod under;

pub use bounds::Bounds;
pub use demand::Demand;
pub use llmos::{KNOBS, Knobs, STANDARD};
pub use run::{Error, LLMOS, Outcome, WITHOUT_MODEL, run};
pub use speed::{Speed, speed};
pub use under::under;
