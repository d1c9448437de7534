//! cgroup v2 files: readers by controller, the tree walk, and the only code that writes limits.
//!
//! Every function takes the root of the hierarchy as an argument, so that tests work on plain
//! directories. Nothing here decides what a limit should be.
//!
//! - [`Root`] finds the hierarchy and says which controllers it offers.
//! - [`walk`] lists its cgroups, [`CgroupReader`] reads one of them.
//! - [`LimitWriter`] writes limits. It cannot be made without a [`WritePermit`] (mode `enforce`)
//!   and a [`Journal`], and it journals a file's original content before it first writes to it.
//! - [`restore_all`] puts the originals back after a crash, and for a writer that hangs;
//!   [`standing`] tells when that is due.
//! - [`unwritable`] tells when a hierarchy is gone or read-only, so that no write can go well.
//!
//! Invariant: no path but `write/` and `journal/restore.rs` opens a cgroup file for writing.

mod dir;
pub mod journal;
mod mount;
mod parse;
mod read;
mod root;
mod walk;
mod write;

pub use dir::CgroupRef;
pub use journal::{
    Damage, FenceView, Journal, JournalError, Overdue, Presence, RestoreReport, Skip, Standing,
    UnitOriginal, restore_all, restore_all_on, restore_workload, standing, watchdog,
};
pub use mount::{Unwritable, unwritable};
pub use parse::{CpuMax, Garbage, MemoryLimit, Pressure};
pub use read::{
    CgroupReader, CpuReading, FileBudget, FileProblem, MemoryEvents, MemoryReading, MemoryStat,
    Outcome, Reading, Scratch,
};
pub use root::{Controllers, Layout, Root, RootError};
pub use walk::{Entry, Walk, WalkError, find_by_id, walk};
pub use write::{LimitWriter, Look, SetError, SetReport, WritePermit, quantise};
