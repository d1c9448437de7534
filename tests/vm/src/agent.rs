//! The agent under test: started, asked, stopped, ended in three ways; and its watchdog.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::{clock, http};

/// The status socket.
pub const SOCKET: &str = "/run/llmos/agent.sock";
/// Its log, for people who look at a failed run.
pub const LOG: &str = "/tmp/agent.log";
/// Where the journal of originals lies.
pub const STATE: &str = "/run/llmos-state";
const CONFIG: &str = "/etc/agent.toml";

/// Asks the status socket of the agent that runs.
///
/// # Errors
/// When it does not answer with JSON.
pub fn get(path: &str) -> Result<Value> {
    http::get(Path::new(SOCKET), path)
}

/// The row of a workload by its cgroup path; nothing while the agent does not know it.
#[must_use]
pub fn workload(cgroup: &str) -> Option<Value> {
    let all = get("/v1/workloads").ok()?;
    let rows = all["workloads"].as_array()?;
    rows.iter().find(|row| is(row, cgroup)).cloned()
}

/// Limits that differ from their originals, as the agent counts them.
#[must_use]
pub fn limits_held() -> u64 {
    let status = get("/v1/status").ok();
    let held = status.and_then(|status| status["limits_held"].as_u64());
    held.unwrap_or(0)
}

/// State and cause of one part; empty while it does not say.
#[must_use]
pub fn part(name: &str) -> (String, String) {
    let status = get("/v1/status").unwrap_or_default();
    let parts = status["components"].as_array();
    let part = parts.and_then(|parts| parts.iter().find(|part| part["name"] == name));
    let word = |key: &str| {
        let word = part.and_then(|part| part[key].as_str());
        word.unwrap_or_default().to_owned()
    };
    (word("state"), word("cause"))
}

/// A running agent.
pub struct Agent {
    child: Child,
}

impl Agent {
    /// Writes the configuration that all agents of the scenario use.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn configure(text: &str) -> Result<()> {
        std::fs::write(CONFIG, text).with_context(|| format!("write {CONFIG}"))
    }

    /// Starts an agent and waits until its socket answers.
    ///
    /// # Errors
    /// When it ends or does not answer within 30 seconds.
    pub fn start(mode: &str) -> Result<Self> {
        let log = File::options().create(true).append(true).open(LOG)?;
        std::fs::create_dir_all(
            Path::new(SOCKET)
                .parent()
                .context("a socket lies in a folder")?,
        )?;
        let child = Command::new("llmos-agent")
            .args([
                "--config",
                CONFIG,
                "--mode",
                mode,
                "--socket",
                SOCKET,
                "--state-dir",
                STATE,
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start llmos-agent")?;
        let mut agent = Self { child };
        let mut ended = None;
        let answered = clock::wait_for(Duration::from_secs(30), || {
            ended = agent.child.try_wait().ok().flatten();
            ended.is_some() || http::get(Path::new(SOCKET), "/v1/status").is_ok()
        });
        match (ended, answered) {
            (Some(status), _) => bail!("the agent ended at its start with {status}"),
            (None, None) => bail!("the agent did not answer within 30 s"),
            (None, Some(_)) => Ok(agent),
        }
    }

    /// Asks the status socket.
    ///
    /// # Errors
    /// When it does not answer with JSON.
    pub fn get(&self, path: &str) -> Result<Value> {
        get(path)
    }

    /// As [`workload`].
    #[must_use]
    pub fn workload(&self, cgroup: &str) -> Option<Value> {
        workload(cgroup)
    }

    /// As [`limits_held`].
    #[must_use]
    pub fn limits_held(&self) -> u64 {
        limits_held()
    }

    /// SIGTERM, and the exit status.
    ///
    /// # Errors
    /// When it does not end within 15 seconds.
    pub fn terminate(self) -> Result<ExitStatus> {
        self.end(Signal::SIGTERM)
    }

    /// SIGKILL: no chance to tidy up.
    ///
    /// # Errors
    /// When it does not end within 15 seconds.
    pub fn kill(self) -> Result<ExitStatus> {
        self.end(Signal::SIGKILL)
    }

    /// A signal that does not end it.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?;
        Ok(())
    }

    /// As [`part`].
    #[must_use]
    pub fn part(&self, name: &str) -> (String, String) {
        part(name)
    }

    fn end(mut self, signal: Signal) -> Result<ExitStatus> {
        self.signal(signal)?;
        let mut status = None;
        clock::wait_for(Duration::from_secs(15), || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        });
        status.with_context(|| format!("the agent did not end within 15 s of {signal}"))
    }
}

/// A running watchdog; it is ended when this is dropped.
pub struct Watchdog(Child);

impl Watchdog {
    /// Starts it on the agents' state directory.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start() -> Result<Self> {
        let log = File::options().create(true).append(true).open(LOG)?;
        let child = Command::new("llmos-watchdog")
            .args(["--state-dir", STATE])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start llmos-watchdog")?;
        Ok(Self(child))
    }

    /// Its memory in MiB; nothing when it ended by itself.
    #[must_use]
    pub fn rss_mib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1024.0)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `llmosctl`; its exit status and what it printed.
///
/// # Errors
/// When it cannot be started.
pub fn ctl(args: &[&str]) -> Result<(bool, String)> {
    let out = Command::new("llmosctl")
        .args(["--socket", SOCKET])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .context("cannot start llmosctl")?;
    let text = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    Ok((out.status.success(), text.into_owned()))
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended in the normal case; both calls are then refused, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is(row: &Value, cgroup: &str) -> bool {
    row["cgroup"]
        .as_str()
        .is_some_and(|path| path.trim_matches('/') == cgroup)
}
