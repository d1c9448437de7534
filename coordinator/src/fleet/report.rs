//! A validated report: what `ingest` makes of the wire format. Every number is finite and not
//! negative, every text and list is bounded.

/// One report of one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Number of the report in this agent process.
    pub sequence: u64,
    /// Who reports.
    pub node: NodeInfo,
    /// Wall clock of the node, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// All workloads of the node at this tick.
    pub workloads: Vec<WorkloadSample>,
    /// Decisions since the last report.
    pub decisions: Vec<Decision>,
    /// Parts of the agent and how they are.
    pub components: Vec<Component>,
}

/// A node and its agent.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeInfo {
    /// Name for people.
    pub name: String,
    /// Key of the node: letters, digits, `.`, `_`, `-`.
    pub machine_id: String,
    /// Changes with each boot.
    pub boot_id: String,
    /// Version of the agent.
    pub agent_version: String,
    /// Kernel release.
    pub kernel: String,
    /// `observe` or `enforce`.
    pub mode: String,
    /// CPUs.
    pub cpu_cores: f64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Length of a tick in milliseconds, at least 1.
    pub tick_ms: u32,
    /// The agent's own CPU use in cores.
    pub agent_cpu_cores: f64,
    /// The agent's own resident memory in bytes.
    pub agent_rss_bytes: u64,
    /// Reports that the agent dropped because its queue was full.
    pub reports_dropped: u64,
    /// CPU use of the whole node in cores.
    pub cpu_used_cores: Option<f64>,
    /// Memory use of the whole node in bytes.
    pub memory_used_bytes: Option<u64>,
}

/// Use of one workload over one tick; absent is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// CPU in cores.
    pub cpu_cores: Option<f64>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Working set in bytes.
    pub working_set_bytes: Option<u64>,
    /// Received bytes per second.
    pub rx_bytes_per_s: Option<f64>,
    /// Sent bytes per second.
    pub tx_bytes_per_s: Option<f64>,
    /// Share of enforcement periods throttled, 0 to 1.
    pub throttled_share: Option<f64>,
    /// Share of time stalled for memory, 0 to 1.
    pub memory_stall_share: Option<f64>,
    /// OOM kills since the cgroup was made.
    pub oom_kills: Option<u64>,
}

/// Limits in force, or targets for them; absent is no limit or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// `cpu.max` in cores.
    pub cpu_cores: Option<f64>,
    /// `memory.high` in bytes.
    pub memory_high_bytes: Option<u64>,
    /// `memory.max` in bytes.
    pub memory_max_bytes: Option<u64>,
}

/// One workload at one tick.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadSample {
    /// Inode of the cgroup's directory.
    pub cgroup_id: u64,
    /// Path below the cgroup root.
    pub cgroup: String,
    /// Name for people.
    pub name: String,
    /// Opted in to enforcement.
    pub managed: bool,
    /// Use.
    pub usage: Usage,
    /// Limits in force.
    pub limits: Limits,
    /// What LLMOS would set or has set.
    pub targets: Limits,
    /// CPU forecast in cores.
    pub cpu_forecast: Option<Forecast>,
    /// Memory forecast in bytes.
    pub memory_forecast: Option<Forecast>,
    /// Network forecast in bytes per second.
    pub network_forecast: Option<Forecast>,
}

/// Quantiles of the peak over the next ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// `model` or `baseline`.
    pub source: String,
    /// By length, shortest first.
    pub horizons: Vec<Horizon>,
}

/// One horizon of a forecast, in the unit of its resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Horizon {
    /// Length in ticks, at least 1.
    pub ticks: u32,
    /// Median.
    pub q50: f64,
    /// 90 % quantile.
    pub q90: f64,
    /// 95 % quantile.
    pub q95: f64,
    /// 99 % quantile.
    pub q99: f64,
}

/// A decision with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Inode of the cgroup's directory.
    pub cgroup_id: u64,
    /// Path below the cgroup root.
    pub cgroup: String,
    /// Wall clock of the node, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// `cpu.max`, `memory.high`, `memory.max`.
    pub knob: String,
    /// `raise`, `lower`, `hold`.
    pub action: String,
    /// In cores or bytes; absent for `max` or unknown.
    pub from: Option<f64>,
    /// In cores or bytes.
    pub to: f64,
    /// In order, each one sentence.
    pub reasons: Vec<String>,
    /// `observed`, `applied`, `held`, `failed: ...`.
    pub outcome: String,
}

/// A part of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// E.g. `probe.cpu`.
    pub name: String,
    /// `healthy`, `degraded`, `unsupported`, `off`.
    pub state: String,
    /// Why.
    pub cause: String,
}
