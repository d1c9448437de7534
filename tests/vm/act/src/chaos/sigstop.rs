//! An agent that is stopped for longer than its lease, and goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::clock::wait_for;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::lane::Lane;
use super::subject::{Subject, limits};
use super::{Work, changed};

/// A lease of 5 s, and a slow machine.
const BACK: Duration = Duration::from_secs(40);
const AFTER: Duration = Duration::from_millis(700);

/// See the module.
pub struct Stopped;

impl Work for Stopped {
    fn one(&mut self, lane: &mut Lane, _at: u32) -> Result<Value> {
        lane.forget()?;
        let _watchdog = Subject::watchdog(lane)?;
        let mut agent = Subject::agent(lane, "enforce")?;
        changed(lane)?;
        std::thread::sleep(lane.within(AFTER));
        agent.signal(Signal::SIGSTOP)?;
        let changed = lane.changed();
        let back = wait_for(BACK, || lane.differing().is_empty());
        let while_stopped = lane.differing();
        std::thread::sleep(lane.within(AFTER));
        agent.signal(Signal::SIGCONT)?;
        let anew = wait_for(BACK, || limits(lane).contains("begun anew"));
        anew.with_context(|| format!("the agent does not go on: {}", limits(lane)))?;
        let again = wait_for(BACK, || lane.changed() > 0);
        let status = agent.terminate()?;
        ensure!(status.success(), "the agent ended with {status}");
        Ok(json!({
            "way": "watchdog",
            "changed": changed,
            "back_s": back,
            "wrong": while_stopped,
            "went_on": again.is_some(),
        }))
    }
}
