//! `cargo xtask bench loop`: accuracy and cost of the agent on this machine.

use std::time::Duration;

use anyhow::{Result, ensure};
use llmos_vm_tests::http;
use serde_json::Value;

use super::{Numbers, native, programs};
use crate::run::System;
use crate::step::{self, Steps};

/// Long enough for a difference of one part in a thousand to show.
const SECONDS: &str = "10";
/// The median of a tick needs some ticks, and the first ones fill caches.
const OBSERVED: Duration = Duration::from_secs(30);

/// Measures and returns the numbers.
pub fn run(release: bool) -> Result<Numbers> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "kernel programs need root; run this as root"
    );
    let mut steps = Steps::new();
    programs::build(&["llmos-agent", "llmos-coordinator"], release, &mut steps)?;
    let mut numbers = Numbers::default();
    steps.run("counts against the kernel's own", || accuracy(&mut numbers))?;
    steps.run("cost of a running agent", || cost(release, &mut numbers))?;
    let times = step::read_times();
    for name in ["setup_s", "test_s"] {
        numbers.put(name, times.get(name).and_then(Value::as_f64));
    }
    Ok(numbers)
}

/// A busy loop, a task that sleeps often, and a known transfer over the loopback device.
fn accuracy(numbers: &mut Numbers) -> Result<()> {
    let answer = native::ask("native-accuracy", &["--seconds", SECONDS])?;
    for name in ["cpu_err_pct", "net_err_pct"] {
        numbers.put(name, answer[name].as_f64());
    }
    Ok(())
}

/// What the agent says of itself after a while.
fn cost(release: bool, numbers: &mut Numbers) -> Result<()> {
    let mut system = System::start(None, release)?;
    std::thread::sleep(OBSERVED);
    let status = http::get(&system.socket, "/v1/status");
    system.stop()?;
    let status = status?;
    numbers.put("tick_ms_p50", status["tick_work_ms_p50"].as_f64());
    numbers.put("agent_cpu_cores", status["agent_cpu_cores"].as_f64());
    numbers.put(
        "agent_rss_mib",
        status["agent_rss_bytes"]
            .as_f64()
            .map(|rss| rss / 1_048_576.0),
    );
    numbers.put("workloads", status["workloads"].as_f64());
    Ok(())
}
