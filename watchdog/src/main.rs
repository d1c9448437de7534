//! `llmos-watchdog`: puts limits back when the agent that holds them does not answer.
//!
//! It has nothing in common with the agent but the state directory, so that what stops the agent does
//! not stop it. How the two keep out of each other's way is in `cgroupfs/src/journal/takeover.rs`.

mod patience;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use llmos_cgroupfs::Root;

use watch::Watch;

const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;

/// Puts limits back when the agent that holds them does not answer
#[derive(Debug, Parser)]
#[command(name = "llmos-watchdog", version)]
struct Cli {
    /// State directory of the agent
    #[arg(
        long,
        value_name = "DIR",
        env = "LLMOS_STATE_DIR",
        default_value = "/var/lib/llmos"
    )]
    state_dir: PathBuf,
    /// Root of the cgroup v2 hierarchy; found by itself if not given
    #[arg(long, value_name = "DIR", env = "LLMOS_CGROUP_ROOT")]
    cgroup_root: Option<PathBuf>,
    /// Milliseconds between two looks at the lease
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u64).range(10..=60_000)
    )]
    poll_ms: u64,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            // Nothing can be done when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let root = match &cli.cgroup_root {
        Some(path) => Root::at(path),
        None => Root::find(),
    };
    let root = match root {
        Ok(root) => root.path().to_owned(),
        Err(error) => {
            eprintln!("llmos-watchdog: {error}");
            return ExitCode::from(UNAVAILABLE);
        }
    };
    let poll = Duration::from_millis(cli.poll_ms);
    match Watch::new(cli.state_dir, root, poll).run() {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("llmos-watchdog: {error}");
            ExitCode::from(watch::exit_code(&error))
        }
    }
}
