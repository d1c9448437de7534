//! Tests on this machine's own kernel. One program, since they share what they need.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails here fails the test"
)]

mod accuracy;
mod cleanup;
mod common;
mod network;
