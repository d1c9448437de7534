//! `cargo xtask build`: the workspace, and with it the kernel side.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cmd;
use crate::setup::{self, Need};
use crate::step::Steps;

/// Builds everything that runs. One profile serves run, test and the virtual machines, so that
/// nothing is compiled twice; `release` is for packages and measurements.
pub fn run(release: bool, steps: &mut Steps) -> Result<()> {
    setup::run(Need::Build, steps)?;
    let mut cargo = cmd::cargo();
    // This task's own program is running; building it again would be waste.
    cargo.args(["build", "--workspace", "--exclude", "xtask"]);
    if release {
        cargo.arg("--release");
    }
    steps.run("build the workspace", || cmd::run(&mut cargo))
}

/// Polls `ready` until it says yes, for at most `limit`. Returns how long it took, or nothing.
pub fn wait_for(limit: Duration, mut ready: impl FnMut() -> bool) -> Option<Duration> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if ready() {
            return Some(start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    None
}
