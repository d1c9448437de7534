//! Limits of the cgroups that systemd manages: it owns their files and writes them again from what it
//! holds for the unit at each `daemon-reload`, so what is to last has to be given to it over D-Bus.
//!
//! - [`unit_of`] says which cgroup is which unit, from the path alone. Pure.
//! - [`Properties`] is what is held of a unit; [`Original`] is what has to come back.
//! - [`Manager`] talks to PID 1. Every call ends within a bounded time.
//! - [`Asked`] is what it was asked for lately, and [`theirs`] what somebody else has set since.
//! - [`undo`] gives a unit its originals back and takes our drop-ins away.
//!
//! Nothing here decides what a limit should be, and nothing here keeps the originals safe: that is
//! the journal's work, before the first call.

mod asked;
mod dropin;
mod error;
mod host;
mod manager;
mod original;
mod property;
mod theirs;
mod undo;
mod unit;

pub use asked::Asked;
pub use error::BusError;
pub use host::Host;
pub use manager::{Facts, Manager};
pub use original::Original;
pub use property::{Properties, Property, UNSET};
pub use theirs::{near, theirs};
pub use undo::{Undone, sweep, undo};
pub use unit::{UnitKind, UnitName, unit_of};
