//! Who looks after the quota.

use anyhow::{Context, Result, ensure};
use llmos_vm_tests::agent::Agent;
use llmos_vm_tests::cgroup::Group;
use serde_json::{Value, json};

use super::rules::Loop;
use crate::enforcing;

/// A controller under comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// No quota at all: what bursts take on this machine at least.
    Unlimited,
    /// Nobody: the quota stays.
    None,
    /// Autothrottle's Captain.
    Captain,
    /// The CPU burst of Koordinator's node agent.
    Koordlet,
    /// The agent, acting at ticks only.
    TickOnly,
    /// The agent.
    Llmos,
}

/// All of them, in the order in which they run.
pub const CONTROLLERS: [Controller; 6] = [
    Controller::Unlimited,
    Controller::None,
    Controller::Captain,
    Controller::Koordlet,
    Controller::TickOnly,
    Controller::Llmos,
];

/// One at work.
pub enum Running {
    /// Nobody.
    None,
    /// A rule in this program.
    Rule(Loop),
    /// The agent's process.
    Agent(Agent),
}

impl Controller {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unlimited => "unlimited",
            Self::None => "none",
            Self::Captain => "captain",
            Self::Koordlet => "koordlet",
            Self::TickOnly => "llmos_tick_only",
            Self::Llmos => "llmos",
        }
    }

    /// Sets it to work on a group that has a quota of so many cores.
    pub fn start(self, group: &Group, cores: f64) -> Result<Running> {
        Ok(match self {
            Self::Unlimited => {
                group.write("cpu.max", "max")?;
                Running::None
            }
            Self::None => Running::None,
            Self::Captain => Running::Rule(Loop::captain(group.clone(), cores)?),
            Self::Koordlet => Running::Rule(Loop::koordlet(group.clone(), cores)?),
            Self::TickOnly => Running::Agent(enforcing::start(false)?),
            Self::Llmos => Running::Agent(enforcing::start(true)?),
        })
    }
}

impl Running {
    /// Ends it; what it says of its own work.
    pub fn stop(self) -> Result<Value> {
        match self {
            Self::None => Ok(Value::Null),
            Self::Rule(rule) => rule.stop(),
            Self::Agent(agent) => {
                let status = agent.get("/v1/status").context("the agent's status")?;
                let ended = agent.terminate()?;
                ensure!(ended.success(), "the agent ended with {ended}");
                // The three of the fast path are absent in an agent without one.
                Ok(json!({
                    "fast_writes": status["fast_writes"],
                    "fast_event_to_write_ms_p50": status["fast_event_to_write_ms_p50"],
                    "fast_event_to_write_ms_p99": status["fast_event_to_write_ms_p99"],
                    "events": status["events"],
                    "agent_cpu_cores": status["agent_cpu_cores"],
                    "tick_work_ms_p50": status["tick_work_ms_p50"],
                    "missed_ticks": status["missed_ticks"],
                }))
            }
        }
    }
}
