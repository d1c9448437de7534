//! Tests on this machine's own kernel. One program, since they share what they need.

mod accuracy;
mod cleanup;
mod common;
mod network;
