//! Records that the kernel side writes and the agent reads, and every capacity, once.
//!
//! All records are `#[repr(C)]` without implicit padding; the tests hold their layout.
#![no_std]

pub mod counters;
pub mod event;
pub mod facts;
pub mod globals;
pub mod limits;
pub mod lost;
