//! The crate on trees of plain directories: reading, walking, writing, undoing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]
#![allow(clippy::float_cmp, reason = "quantised limits are exact")]

mod foreign;
mod journal;
mod mount;
mod read;
mod restore;
mod support;
mod takeover;
mod units;
mod walk;
mod write;
