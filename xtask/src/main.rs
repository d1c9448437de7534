//! Tasks of this repository: `cargo xtask run` to see it, `cargo xtask test` to trust it.

mod apt;
mod bench;
mod build;
mod check;
mod cmd;
mod dashboard;
mod failures;
mod fuzz;
mod models;
mod paths;
mod run;
mod setup;
mod smoke;
mod step;
mod test;
mod tidy;
mod tied;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use setup::Need;
use step::Steps;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of this repository")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing to build, run and test
    Setup,
    /// Build the workspace and the kernel side
    Build {
        /// Optimised, for packages and measurements
        #[arg(long)]
        release: bool,
    },
    /// Run coordinator and agent on this machine, observing only
    Run(run::Args),
    /// Run every test
    Test,
    /// Check formatting, lints, dependencies, documentation and house rules
    Check(check::Args),
    /// Check the house rules only
    Tidy,
    /// Run the scenario on real kernels in virtual machines
    Vm(vm::Args),
    /// Measure, and write target/bench/NAME.json
    Bench(bench::Args),
    /// Try broken input for as long as one likes
    Fuzz(fuzz::Args),
    /// Train the forecast model from a folder of traces
    Models(models::Args),
}

fn main() -> ExitCode {
    match work(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(task: Task) -> Result<()> {
    match task {
        Task::Setup => {
            let mut steps = Steps::new();
            setup::run(Need::Test, &mut steps)?;
            println!("everything is there ({:.1} s)", steps.seconds());
            Ok(())
        }
        Task::Build { release } => {
            let mut steps = Steps::new();
            build::run(release, &mut steps)?;
            steps.table("build");
            Ok(())
        }
        Task::Run(args) => run::run(&args),
        Task::Test => test::run(),
        Task::Check(args) => check::run(&args),
        Task::Tidy => tidy::run(),
        Task::Vm(args) => vm::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Models(args) => models::run(&args),
    }
}
