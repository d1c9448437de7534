//! `cargo xtask fuzz model --minutes N`: broken models for as long as one likes. The work is that of
//! the test `fuzz` of the forecaster, which tries the first few hundred each time.

use anyhow::{Result, bail, ensure};

use crate::step::Steps;
use crate::{cmd, paths, tied};

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub struct Args {
    /// model: the loader of forecast models and their contracts
    what: String,
    /// How long
    #[arg(long, value_name = "N", default_value_t = 60.0)]
    minutes: f64,
    /// First case; each number is always the same case (default: the first that no test tries)
    #[arg(long, value_name = "CASE")]
    first: Option<u64>,
}

/// Tries cases until the time is over; figures and the files of failed cases go to `target/bench`.
pub fn run(args: &Args) -> Result<()> {
    tied::endable()?;
    if args.what != "model" {
        bail!("nothing to fuzz by the name {}; there is: model", args.what);
    }
    ensure!(
        args.minutes.is_finite() && args.minutes > 0.0,
        "--minutes: expected a number above zero"
    );
    let mut steps = Steps::new();
    let test = |more: &[&str]| {
        let mut cargo = cmd::cargo();
        cargo
            .args(["test", "--workspace", "--test", "fuzz"])
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
    let figures = paths::bench().join("fuzz_model.json");
    println!("figures are in {}", paths::shown(&figures));
    steps.table("fuzz");
    sound
}
