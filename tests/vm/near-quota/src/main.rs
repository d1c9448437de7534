//! Bursts against a CPU quota: does the event that the quota is nearly used up arrive before the
//! cgroup is throttled? `vm-near-quota BURSTS [alone]`, in a test machine; alone it ends the report.

mod burst;
mod figures;
mod kind;
mod throttle;
mod watcher;

use std::process::ExitCode;

use anyhow::{Context, Result};
use llmos_vm_tests::report::Report;

use burst::Stage;
use kind::KINDS;
use throttle::Throttles;
use watcher::Watcher;

/// The event is wanted when this share of the quota is gone.
const USED_SHARE: f64 = 0.5;

/// In emulation a tick comes late now and then, and with it the look at the quota.
const TOLD: f64 = 0.9;

fn main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("near-quota: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let bursts: usize = args.first().context("vm-near-quota BURSTS")?.parse()?;
    let mut report = Report::open()?;
    let mut watcher = Watcher::start()?;
    let throttles = Throttles::watch();
    if let Err(error) = &throttles {
        report.event(&format!(
            "the moment of throttling is not known, cpu.stat alone decides: {error:#}"
        ));
    }
    let mut throttles = throttles.ok();
    let (mut throttled, mut sent_before) = (0, 0);
    for kind in &KINDS {
        let mut stage = Stage::build(kind, &mut watcher, USED_SHARE)?;
        let mut seen = Vec::new();
        for _ in 0..bursts / KINDS.len() {
            seen.push(stage.burst(&watcher, throttles.as_mut())?);
        }
        stage.end(&mut watcher)?;
        let figures = figures::of(kind.name, &seen);
        report.event(&figures::told(&figures));
        let count = |name: &str| figures[name].as_u64().unwrap_or_default();
        throttled += count("throttled");
        sent_before += count("sent_before");
        report.record("near_quota", figures);
    }
    // Of the kernel side alone: a busy machine that is slow to wake user space does not matter.
    report.check(
        "near_quota_told",
        throttled > 0 && sent_before as f64 >= throttled as f64 * TOLD,
        &format!("of {sent_before} of {throttled} throttled bursts before they were"),
    );
    if args.get(1).is_some_and(|arg| arg == "alone") {
        report.end();
    }
    Ok(())
}
