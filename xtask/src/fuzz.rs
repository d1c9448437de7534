//! `cargo xtask fuzz model|socket --minutes N`: broken models or requests for as long as one likes. The
//! work is that of the test `fuzz` of the forecaster and `socket_fuzz` of the agent, which try the first
//! few hundred or thousand each time.

use anyhow::{Result, ensure};

use crate::step::Steps;
use crate::{cmd, paths, tied};

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub struct Args {
    /// What is given broken input
    what: What,
    /// How long
    #[arg(long, value_name = "N", default_value_t = 60.0)]
    minutes: f64,
    /// First case; each number is always the same case (default: the first that no test tries)
    #[arg(long, value_name = "CASE")]
    first: Option<u64>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// The loader of forecast models and their contracts
    Model,
    /// The status socket of the agent and its address for metrics
    Socket,
}

impl What {
    /// The test that does it, and the file of its figures.
    fn test(self) -> (&'static str, &'static str) {
        match self {
            Self::Model => ("fuzz", "fuzz_model.json"),
            Self::Socket => ("socket_fuzz", "fuzz_socket.json"),
        }
    }
}

/// Tries cases until the time is over; figures and the files of failed cases go to `target/bench`.
pub fn run(args: &Args) -> Result<()> {
    tied::endable()?;
    let (name, figures) = args.what.test();
    ensure!(
        args.minutes.is_finite() && args.minutes > 0.0,
        "--minutes: expected a number above zero"
    );
    let mut steps = Steps::new();
    let test = |more: &[&str]| {
        let mut cargo = cmd::cargo();
        cargo
            .args(["test", "--workspace", "--test", name])
            .args(more);
        cargo
    };
    steps.run("build", || cmd::run(&mut test(&["--no-run"])))?;
    let mut fuzz = test(&["--", "--nocapture"]);
    fuzz.env(
        "LLMOS_FUZZ_SECONDS",
        format!("{:.0}", (args.minutes * 60.0).ceil()),
    );
    fuzz.env("LLMOS_FUZZ_OUT", std::path::absolute(paths::bench())?);
    if let Some(first) = args.first {
        fuzz.env("LLMOS_FUZZ_FIRST", first.to_string());
    }
    let sound = steps.run("fuzz", || cmd::run(&mut fuzz));
    let figures = paths::bench().join(figures);
    println!("figures are in {}", paths::shown(&figures));
    steps.table("fuzz");
    sound
}
