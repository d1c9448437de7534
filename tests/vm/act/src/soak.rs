//! An agent for a long time under mixed load: bursts, waves of memory, datagrams, and control groups
//! that come and go. What it takes is looked at each half minute.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use llmos_vm_tests::cgroup::Group;
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::http;
use llmos_vm_tests::report::Report;
use llmos_vm_tests::scenario::Load;
use serde_json::{Value, json};

use crate::chaos::churn::{Churn, SLOTS};

const CONFIG: &str = include_str!("soak.toml");
const CONFIG_FILE: &str = "/etc/soak.toml";
const SOCKET: &str = "/run/soak.sock";
const STATE: &str = "/run/soak-state";
const LOG: &str = "/tmp/soak.log";
const SAMPLE: Duration = Duration::from_secs(30);
/// A group comes and another goes this often: 300 a minute.
const CHURN: Duration = Duration::from_millis(200);
const ANSWERS: Duration = Duration::from_secs(60);
/// Groups under names that begin so are opted in.
const IN: &str = "chaos/in-0-";

/// Runs it and reports a record each half minute.
///
/// # Errors
/// When the load cannot be made, or the agent does not run to the end.
pub fn run(report: &mut Report, minutes: u32) -> Result<()> {
    let loads: [(&str, &[&str]); 4] = [
        (
            "in-0-bursts",
            &["bursts", "1", "0.3", "100000000", "/dev/null"],
        ),
        ("in-0-wave", &["wave", "2", "6", "6", "6"]),
        ("in-0-network", &["murmur"]),
        ("out-0-other", &["trickle"]),
    ];
    let mut running = Vec::new();
    for (name, args) in loads {
        let group = Group::create(&format!("chaos/{name}"))?;
        running.push(Load::start(group.path(), args)?);
    }
    let mut churn = Churn::start(0)?;
    std::fs::write(CONFIG_FILE, CONFIG)?;
    let mut agent = Agent::start()?;
    let begun = Instant::now();
    let end = Duration::from_secs(60) * minutes;
    let (mut due, mut next) = (SAMPLE, CHURN);
    let mut slot = 0;
    while begun.elapsed() < end {
        churn.renew(slot)?;
        slot = (slot + 1) % SLOTS;
        if begun.elapsed() >= due {
            due += SAMPLE;
            take(&mut agent, begun.elapsed(), report)?;
        }
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
        next += CHURN;
    }
    take(&mut agent, begun.elapsed(), report)?;
    report.record("groups", json!({ "made": churn.made(), "prefix": IN }));
    agent.stop()
}

fn take(agent: &mut Agent, at: Duration, report: &mut Report) -> Result<()> {
    let sample = agent.sample(at)?;
    report.event(&told(&sample));
    report.record("sample", sample);
    Ok(())
}

fn told(sample: &Value) -> String {
    format!(
        "{:>5.1} min: {:.1} MiB resident, {} descriptors, journal {} B, {} workloads, {} limits \
         held, {} ticks",
        sample["minutes"].as_f64().unwrap_or(f64::NAN),
        sample["rss_kib"].as_f64().unwrap_or(f64::NAN) / 1024.0,
        sample["fds"],
        sample["journal_bytes"],
        sample["workloads"],
        sample["limits_held"],
        sample["ticks"]
    )
}

struct Agent(Child);

impl Agent {
    fn start() -> Result<Self> {
        let log = std::fs::File::create(LOG)?;
        let child = Command::new("llmos-agent")
            .args(["--config", CONFIG_FILE, "--mode", "enforce"])
            .args(["--socket", SOCKET, "--state-dir", STATE])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        let agent = Self(child.context("cannot start llmos-agent")?);
        let answered = wait_for(ANSWERS, || status().is_ok());
        answered.context("the agent does not answer")?;
        Ok(agent)
    }

    fn sample(&mut self, at: Duration) -> Result<Value> {
        if let Some(ended) = self.0.try_wait()? {
            let log = std::fs::read_to_string(LOG).unwrap_or_default();
            bail!(
                "the agent ended with {ended}: {}",
                log.lines().last().unwrap_or_default()
            );
        }
        let pid = self.0.id();
        let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rss = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss = rss.and_then(|rest| rest.split_whitespace().next());
        let rss: u64 = rss.context("VmRSS")?.parse()?;
        let fds = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        let size = |file: &str| {
            let path = std::path::Path::new(STATE).join(file);
            path.metadata().map_or(0, |found| found.len())
        };
        let said = status()?;
        Ok(json!({
            "minutes": at.as_secs_f64() / 60.0,
            "rss_kib": rss,
            "fds": fds,
            "journal_bytes": size("journal"),
            "forecasts_bytes": size("forecasts"),
            "workloads": said["workloads"],
            "limits_held": said["limits_held"],
            "map_memory_bytes": said["map_memory_bytes"],
            "ticks": said["ticks"],
            "missed_ticks": said["missed_ticks"],
            "shed": said["shed"],
            "lost": said["lost"],
        }))
    }

    fn stop(mut self) -> Result<()> {
        use nix::sys::signal::{Signal, kill};
        kill(
            nix::unistd::Pid::from_raw(i32::try_from(self.0.id())?),
            Signal::SIGTERM,
        )?;
        let status = self.0.wait()?;
        anyhow::ensure!(status.success(), "the agent ended with {status}");
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended in the normal case.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn status() -> Result<Value> {
    http::get(std::path::Path::new(SOCKET), "/v1/status")
}
