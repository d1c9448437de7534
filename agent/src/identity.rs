//! Which machine, boot and cgroup the agent runs on.

use llmos_engine::NodeFacts;

use crate::host::{clock, facts};

/// Facts that do not change while the agent runs.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Size of the machine.
    pub size: NodeFacts,
    /// Stable id of the machine.
    pub machine_id: String,
    /// Id of this boot.
    pub boot_id: String,
    /// Kernel release.
    pub kernel: String,
    /// The agent's own cgroup, which it never manages: a limit on itself could stop it from
    /// lifting the limits of others.
    pub own_cgroup: Option<String>,
    /// Wall clock at start, milliseconds since 1970.
    pub started_unix_ms: u64,
}

impl Identity {
    /// Of the machine that this runs on.
    ///
    /// # Errors
    /// When the machine does not say how much memory it has.
    pub fn of_this_machine() -> std::io::Result<Self> {
        Ok(Self {
            size: facts::node()?,
            machine_id: facts::machine_id(),
            boot_id: facts::boot_id(),
            kernel: facts::kernel_release(),
            own_cgroup: facts::cgroup_of("self"),
            started_unix_ms: clock::wall_ms(),
        })
    }
}
