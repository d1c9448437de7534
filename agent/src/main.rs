//! The binary: arguments, configuration, logs, and the exit code. All else is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use llmos_agent::config::{Cli, Config, EXIT_CONFIG};
use llmos_agent::host::allocator;
use llmos_agent::{start, telemetry};

/// An error inside the agent (`EX_SOFTWARE`).
const SOFTWARE: u8 = 70;

fn main() -> ExitCode {
    allocator::settle();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { EXIT_CONFIG } else { 0 };
            // Nothing can be done when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let config = match Config::load(&cli, std::env::vars_os()) {
        Ok(config) => config,
        Err(error) => return fail(EXIT_CONFIG, &error),
    };
    if cli.check_config {
        print!("{}", config.show());
        return ExitCode::SUCCESS;
    }
    if let Err(error) = telemetry::start(&config.log) {
        return fail(SOFTWARE, &error);
    }
    // One thread: the agent does one thing at a time, and each thread costs memory.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(SOFTWARE, &error),
    };
    match runtime.block_on(start::run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.exit_code(), &error),
    }
}

/// One line on standard error, and the code.
fn fail(code: u8, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("llmos-agent: {error}");
    ExitCode::from(code)
}
