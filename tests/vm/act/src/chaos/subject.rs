//! The programs under test, as children of a lane.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use llmos_vm_tests::clock::wait_for;
use llmos_vm_tests::http;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::lane::Lane;

const ENDS: Duration = Duration::from_secs(30);

/// A process under test; it is killed when this is dropped.
pub struct Subject(Child);

impl Subject {
    /// Starts an agent and does not wait for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn agent(lane: &Lane, mode: &str) -> Result<Self> {
        let mut command = Command::new("llmos-agent");
        command.arg("--config").arg(lane.config());
        command.args(["--mode", mode]);
        command.arg("--socket").arg(&lane.socket);
        Self::start(command, lane)
    }

    /// Starts a watchdog.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn watchdog(lane: &Lane) -> Result<Self> {
        let mut command = Command::new("llmos-watchdog");
        command.args(["--poll-ms", "200"]);
        Self::start(command, lane)
    }

    fn start(mut command: Command, lane: &Lane) -> Result<Self> {
        let log = lane.log()?;
        let child = command
            .arg("--state-dir")
            .arg(&lane.state)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        let name = command.get_program().to_string_lossy();
        Ok(Self(child.with_context(|| format!("cannot start {name}"))?))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.0.id())?);
        kill(pid, signal).with_context(|| format!("{signal} to process {pid}"))
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// SIGKILL, and waits for its end.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        let mut status = None;
        wait_for(ENDS, || {
            status = self.ended();
            status.is_some()
        });
        status.with_context(|| format!("the agent did not end within {} s", ENDS.as_secs()))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It has ended in the normal case; both calls are then refused, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks the lane's agent.
pub fn ask(lane: &Lane, path: &str) -> Result<Value> {
    http::get(&lane.socket, path)
}

/// Cause of the agent's part `limits`; empty when it does not say.
pub fn limits(lane: &Lane) -> String {
    let status = ask(lane, "/v1/status").unwrap_or_default();
    let parts = status["components"].as_array();
    let part = parts.and_then(|parts| parts.iter().find(|part| part["name"] == "limits"));
    let cause = part.and_then(|part| part["cause"].as_str());
    cause.unwrap_or_default().to_owned()
}
