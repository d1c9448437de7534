//! Logs: `tracing` to standard error, filtered as the configuration says.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// Starts logging. The filter has the form `info` or `info,llmos_agent=debug`; messages of the
/// `log` crate (aya-log's among them) come the same way.
///
/// # Errors
/// When a logger is installed already.
pub fn start(filter: &str) -> Result<(), TryInitError> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .finish()
        .try_init()
}
