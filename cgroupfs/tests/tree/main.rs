//! The crate on trees of plain directories: reading, walking, writing, undoing.

mod journal;
mod read;
mod restore;
mod support;
mod walk;
mod write;
