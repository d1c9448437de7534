//! How the controllers of the hierarchy are.

use llmos_cgroupfs::{Layout, Root};

use crate::probes::ProbeHealth;

/// What the hierarchy lets the agent read and write.
pub(super) fn health(root: &Root) -> Vec<ProbeHealth> {
    let why = match root.layout() {
        Layout::Hybrid => "version 1 hierarchies hold the controllers of this machine",
        Layout::Unified | Layout::Given => "the root of the hierarchy does not offer it",
    };
    let cpu = if root.controllers().cpu {
        ProbeHealth::healthy("cgroup.cpu", "cpu.max and throttling")
    } else {
        ProbeHealth::unsupported("cgroup.cpu", format!("no cpu.max: {why}"))
    };
    let memory = if root.controllers().memory {
        ProbeHealth::healthy("cgroup.memory", "memory.current, memory.high, memory.max")
    } else {
        let instead = "resident memory of the processes summed instead, shared pages once for each";
        ProbeHealth::degraded(
            "cgroup.memory",
            format!("no memory files: {why}; {instead}"),
        )
    };
    vec![cpu, memory]
}
