//! `llmos-coordinator`: reads flags, starts the server, turns the outcome into an exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use llmos_coordinator::config::Config;
use llmos_coordinator::fleet::Bounds;
use llmos_coordinator::server::{Server, ServerError};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// `EX_USAGE` of sysexits.h.
const EXIT_USAGE: u8 = 64;
/// `EX_UNAVAILABLE`.
const EXIT_UNAVAILABLE: u8 = 69;
/// `EX_OSERR`.
const EXIT_OS: u8 = 71;

fn main() -> ExitCode {
    let config = match Config::try_parse() {
        Ok(config) => config,
        Err(error) => {
            // Nothing is left to do when even the terminal is gone.
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 });
        }
    };
    let filter = match EnvFilter::builder().parse(&config.log) {
        Ok(filter) => filter,
        Err(error) => return fail(EXIT_USAGE, &format!("--log {:?}: {error}", config.log)),
    };
    if config.check_config {
        println!(
            "configuration is valid: http {}, grpc {}",
            config.http, config.grpc
        );
        return ExitCode::SUCCESS;
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(EXIT_OS, &format!("cannot start the runtime: {error}")),
    };
    match runtime.block_on(run(&config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ ServerError::Listen { .. }) => fail(EXIT_UNAVAILABLE, &error.to_string()),
        Err(error @ ServerError::Ended { .. }) => fail(EXIT_OS, &error.to_string()),
    }
}

fn fail(code: u8, line: &str) -> ExitCode {
    eprintln!("llmos-coordinator: {line}");
    ExitCode::from(code)
}

async fn run(config: &Config) -> Result<(), ServerError> {
    let signals = |source: std::io::Error| ServerError::Ended {
        what: "signal",
        cause: source.to_string(),
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signals)?;
    let server = Server::bind(config, Bounds::default()).await?;
    tracing::info!(http = %server.http_address(), grpc = %server.grpc_address(), "ready");
    server
        .run(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await
}
