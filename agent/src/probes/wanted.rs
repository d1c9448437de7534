//! Which probes the configuration asks for.

use super::catalog::Probe;

/// Which probes to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// CPU time, context switches and run-queue wait per cgroup.
    pub cpu: bool,
    /// Traffic per cgroup.
    pub network: bool,
    /// TCP connections, retransmits and accept queues per cgroup.
    pub tcp: bool,
    /// Time that tasks spend freeing memory.
    pub reclaim: bool,
    /// cgroup, OOM and near-quota events.
    pub events: bool,
    /// The walk over all cgroups.
    pub facts: bool,
    /// Debug logs of the kernel side.
    pub bpf_log: bool,
}

impl Wanted {
    /// Every probe, without debug logs.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            cpu: true,
            network: true,
            tcp: true,
            reclaim: true,
            events: true,
            facts: true,
            bpf_log: false,
        }
    }

    /// No probe.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            cpu: false,
            network: false,
            tcp: false,
            reclaim: false,
            events: false,
            facts: false,
            bpf_log: false,
        }
    }

    pub(super) const fn has(self, probe: Probe) -> bool {
        match probe {
            Probe::Cpu | Probe::Scheduling => self.cpu,
            Probe::NearQuota | Probe::CgroupEvents | Probe::OomEvents => self.events,
            Probe::Network => self.network,
            Probe::Tcp | Probe::AcceptQueue => self.tcp,
            Probe::Reclaim => self.reclaim,
            Probe::Facts => self.facts,
        }
    }
}
