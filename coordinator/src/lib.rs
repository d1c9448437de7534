//! The coordinator: takes in what agents report, keeps the last hour of the fleet in memory, and
//! serves it as JSON, as live events and as a web page. It never writes to a node.
//!
//! `fleet` is pure state (time is an argument); `ingest`, `api` and `web` are its edges;
//! `server` ties them to sockets.

pub mod api;
pub mod config;
pub mod fleet;
pub mod ingest;
pub mod metrics;
pub mod server;
pub mod shared;
pub mod web;
