//! `llmosctl`: what people type to see what the agent sees, does and why. Mostly a client: it knows the
//! status socket, for `restore` the journal, and for `replay` the engine.

mod cli;
mod client;
mod commands;
mod error;
mod find;
mod style;
mod table;
mod time;
mod units;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use cli::{Cli, Command, JsonTo};
use client::Client;
use error::{CtlError, USAGE};
use llmos_forecaster::trial;

fn main() -> ExitCode {
    if let Some((dir, batches)) = trial::asked() {
        return trial::child(&dir, &batches);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            // A closed pipe cannot be told anything.
            let _ = error.print();
            return ExitCode::from(if asked { 0 } else { USAGE });
        }
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        // `llmosctl top | head` ends when head has enough.
        Err(CtlError::Output(source)) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "llmosctl: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<(), CtlError> {
    let client = Client::new(&cli.socket)?;
    let json = cli.json != JsonTo::Nowhere;
    match &cli.command {
        Command::Status => commands::status::run(&client, json),
        Command::Top(args) => commands::top::run(&client, json, args),
        Command::Explain(args) => commands::explain::run(&client, json, args),
        Command::Restore(args) => commands::restore::run(json, args),
        Command::Freeze(args) => commands::freeze::freeze(&client, json, args),
        Command::Unfreeze => commands::freeze::unfreeze(&client, json),
        Command::Record(args) => commands::record::run(&client, json, args),
        Command::Recording(args) => commands::recording::run(json, args),
        Command::Replay(args) => commands::replay::run(&cli.json, args),
        Command::Model(args) => commands::model::run(json, args),
        Command::Policy(args) => commands::policy::run(json, args),
    }
}
