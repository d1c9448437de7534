//! The ways in which originals come back after an agent has died.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use llmos_vm_tests::clock::wait_for;

use super::lane::Lane;
use super::subject::{Subject, ask};

/// A lease is 5 s; with thousands of groups all takes long in an emulated machine.
const BACK: Duration = Duration::from_secs(120);
const ANSWERS: Duration = Duration::from_secs(120);

/// Who puts originals back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A person, with `llmosctl restore`.
    Command,
    /// The agent, when it is started again.
    Restart,
    /// The watchdog, when the lease has run out.
    Watchdog,
}

impl Way {
    /// They take turns.
    pub fn of(turn: u32) -> Self {
        match turn % 3 {
            0 => Self::Command,
            1 => Self::Restart,
            _ => Self::Watchdog,
        }
    }

    /// Name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Restart => "restart",
            Self::Watchdog => "watchdog",
        }
    }

    /// The watchdog, which has to be there before.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn ready(self, lane: &Lane) -> Result<Option<Subject>> {
        (self == Self::Watchdog)
            .then(|| Subject::watchdog(lane))
            .transpose()
    }

    /// Lets originals come back, and gives what was said; whether they are back is for others to see.
    ///
    /// # Errors
    /// When a program cannot be started.
    pub fn back(self, lane: &Lane) -> Result<String> {
        match self {
            Self::Command => command(lane),
            Self::Restart => {
                let mut agent = Subject::agent(lane, "observe")?;
                // It puts originals back before it answers.
                let mut ended = None;
                let answered = wait_for(ANSWERS, || {
                    ended = agent.ended();
                    ended.is_some() || ask(lane, "/v1/status").is_ok()
                });
                Ok(match (ended, answered) {
                    (Some(status), _) => format!("the agent ended at its start with {status}"),
                    (None, None) => "the agent did not answer".to_owned(),
                    (None, Some(_)) => String::new(),
                })
            }
            Self::Watchdog => {
                wait_for(BACK, || lane.differing().is_empty());
                Ok(String::new())
            }
        }
    }
}

/// `llmosctl restore`, and what it said.
pub fn command(lane: &Lane) -> Result<String> {
    let out = Command::new("llmosctl")
        .args(["restore", "--state-dir"])
        .arg(&lane.state)
        .stdin(Stdio::null())
        .output()
        .context("cannot start llmosctl")?;
    let text = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    Ok(match out.status.success() {
        true => text.into_owned(),
        false => format!("{}: {text}", out.status),
    })
}
