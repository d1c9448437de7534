//! `cargo xtask bench loop`: accuracy and cost of the agent on this machine.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::{history, http};
use serde_json::Value;

use super::Numbers;
use crate::run::System;
use crate::step::{self, Steps};
use crate::{build, paths};

/// Long enough for a difference of one part in a thousand to show.
const SECONDS: &str = "10";
/// About ten seconds of loopback traffic would be tens of gigabytes; this much is enough.
const TRANSFER: u64 = 2_000_000_000;
/// The agent has to see an empty group first, and a whole tick after the load.
const SETTLE: Duration = Duration::from_secs(3);
const PORT: &str = "17781";

/// Measures and returns the numbers.
pub fn run(release: bool) -> Result<Numbers> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "kernel programs need root; run this as root"
    );
    let mut steps = Steps::new();
    build::run(release, &mut steps)?;
    let mut numbers = Numbers::default();
    let mut system = System::start(None, release)?;
    let measured = measure(&system, release, &mut steps, &mut numbers);
    let stopped = system.stop();
    measured.and(stopped)?;
    let times = step::read_times();
    for name in ["setup_s", "test_s"] {
        numbers.put(name, times.get(name).and_then(Value::as_f64));
    }
    Ok(numbers)
}

fn measure(system: &System, release: bool, steps: &mut Steps, numbers: &mut Numbers) -> Result<()> {
    let root = unified_root()?;
    let program = paths::binary("vm-workload", release);
    let names = ["busy", "sleeper", "sender", "receiver"];
    let groups = names.map(|name| Group::create(&root, name));
    let [busy, sleeper, sender, receiver] = groups;
    let (busy, sleeper, sender, receiver) = (busy?, sleeper?, sender?, receiver?);
    std::thread::sleep(SETTLE);
    steps.run("CPU of a busy loop and of a task that sleeps often", || {
        finish(busy.start(&program, &["spin", SECONDS])?)?;
        finish(sleeper.start(&program, &["doze", SECONDS])?)
    })?;
    steps.run("a transfer over the loopback device", || {
        let listener = receiver.start(&program, &["receive", PORT])?;
        finish(sender.start(&program, &["send", PORT, &TRANSFER.to_string()])?)?;
        finish(listener)
    })?;
    std::thread::sleep(SETTLE);

    let mut cpu: f64 = 0.0;
    for group in [&busy, &sleeper] {
        let error = error_pct(group.total(system, "cpu_cores")?, group.kernel_cpu_s()?);
        numbers.put(&format!("cpu_err_{}_pct", group.name), Some(error));
        cpu = cpu.max(error);
    }
    let sent = error_pct(sender.total(system, "tx_bytes_per_s")?, TRANSFER as f64);
    let received = error_pct(receiver.total(system, "rx_bytes_per_s")?, TRANSFER as f64);
    numbers.put("cpu_err_pct", Some(cpu));
    numbers.put("net_err_pct", Some(sent.max(received)));

    let status = http::get(&system.socket, "/v1/status")?;
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

fn error_pct(seen: f64, truth: f64) -> f64 {
    (seen - truth).abs() / truth * 100.0
}

/// A group of the unified hierarchy without any controller; the kernel counts its CPU all the
/// same. Removed when the measurement ends.
struct Group {
    name: &'static str,
    path: PathBuf,
}

impl Group {
    fn create(root: &Path, name: &'static str) -> Result<Self> {
        let path = root.join(format!("llmos-bench-{name}"));
        if path.is_dir() {
            // One of an interrupted run would bring its own CPU time along.
            std::fs::remove_dir(&path).with_context(|| format!("rmdir {}", path.display()))?;
        }
        std::fs::create_dir(&path).with_context(|| format!("mkdir {}", path.display()))?;
        Ok(Self { name, path })
    }

    fn start(&self, program: &Path, args: &[&str]) -> Result<Child> {
        let mut command = Command::new(program);
        command.arg(&self.path).args(args).stdout(Stdio::null());
        command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))
    }

    /// The agent's word, added up over its history.
    fn total(&self, system: &System, rate: &str) -> Result<f64> {
        let id = std::fs::metadata(&self.path)?.ino();
        let detail = http::get(&system.socket, &format!("/v1/workloads/{id}"))?;
        history::total(&detail, rate)
            .with_context(|| format!("the agent has no {rate} of {}", self.name))
    }

    /// The kernel's word.
    fn kernel_cpu_s(&self) -> Result<f64> {
        let text = std::fs::read_to_string(self.path.join("cpu.stat"))?;
        let usec = text
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        Ok(usec.context("cpu.stat has no usage_usec")?.parse::<f64>()? / 1e6)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It stays when a process is still in it; the next run says so.
        let _ = std::fs::remove_dir(&self.path);
    }
}

fn finish(mut child: Child) -> Result<()> {
    let status = child.wait()?;
    ensure!(status.success(), "a workload ended with {status}");
    Ok(())
}

/// Where the unified hierarchy is mounted.
fn unified_root() -> Result<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    mounts
        .lines()
        .find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let at = words.next()?;
            (words.next()? == "cgroup2").then(|| PathBuf::from(at))
        })
        .context("no cgroup v2 hierarchy is mounted")
}
