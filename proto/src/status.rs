//! JSON of the status socket, version 1. Units stand in the names; null is unknown, never zero.
//! [`Schema`] tells name, meaning and unit of each field, so that answers explain themselves.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

mod container;
mod schema;

pub use container::Container;
pub use schema::{ENDPOINTS, Endpoint, FIELDS, Field, Schema};

/// Version that every answer carries; a change that breaks readers gets a new one.
pub const API_VERSION: &str = "v1";

/// State of one part of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Works.
    Healthy,
    /// Works with less, or by other means; the cause says which.
    Degraded,
    /// Cannot work on this machine; the cause says why.
    Unsupported,
    /// Switched off by configuration.
    Off,
}

/// One part of the agent and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// E.g. `probe.cpu`, `cgroup.memory`, `model`, `coordinator`.
    pub name: String,
    /// How it is.
    pub state: Health,
    /// Why, when it is not healthy; else what it is in a few words.
    pub cause: String,
}

/// `GET /v1/health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// All parts.
    pub components: Vec<Component>,
}

/// `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// Node name.
    pub node: String,
    /// Version of the agent.
    pub agent_version: String,
    /// Kernel release.
    pub kernel: String,
    /// `observe` or `enforce`.
    pub mode: String,
    /// Wall clock now, milliseconds since 1970.
    pub now_unix_ms: u64,
    /// Wall clock at start, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Length of a tick in milliseconds.
    pub tick_ms: u64,
    /// Ticks run.
    pub ticks: u64,
    /// Ticks that began more than one tick late.
    pub missed_ticks: u64,
    /// Median work time of the last 128 ticks in milliseconds.
    pub tick_work_ms_p50: Option<f64>,
    /// CPUs of the node.
    pub node_cpu_cores: f64,
    /// Memory of the node in bytes.
    pub node_memory_bytes: u64,
    /// The agent's resident memory in bytes.
    pub agent_rss_bytes: Option<u64>,
    /// The agent's CPU use over the last ten ticks, in cores.
    pub agent_cpu_cores: Option<f64>,
    /// CPU use of the kernel side when it was measured last, in cores; absent before.
    pub kernel_side_cpu_cores: Option<f64>,
    /// Memory of the kernel side's maps in bytes.
    pub map_memory_bytes: Option<u64>,
    /// Median CPU time of reading all workloads over the last 128 ticks, in milliseconds.
    pub tick_read_ms_p50: Option<f64>,
    /// Each program of the kernel side and what it costs.
    pub programs: Vec<Program>,
    /// Probes that were switched off because the agent was over its budget, in that order.
    pub shed: Vec<String>,
    /// CPU that the agent and its kernel side may use, in cores.
    pub budget_cpu_cores: f64,
    /// Workloads seen now.
    pub workloads: u64,
    /// Of those, opted in.
    pub managed: u64,
    /// Limits raised at once on an event, between two ticks, since the start.
    pub fast_writes: u64,
    /// Median time from an event to the written limit over the last 1,024 of them, in milliseconds.
    pub fast_event_to_write_ms_p50: Option<f64>,
    /// Its 99 % quantile.
    pub fast_event_to_write_ms_p99: Option<f64>,
    /// Events that the kernel side or the agent lost, by place and reason.
    pub lost: Vec<Lost>,
    /// Limits that differ from their originals now.
    pub limits_held: u64,
    /// Changes of limits of ours by somebody else since the agent started, by who it seems to have
    /// been: `systemd_reload`, `runtime_update`, `another_writer`, `unknown`.
    #[serde(default)]
    pub limit_changes_by_others: Vec<EventCount>,
    /// Limits that are left to somebody else who changes them.
    #[serde(default)]
    pub handed_over: Vec<HandedOver>,
    /// CPU in use on the whole node, in cores.
    pub node_cpu_used_cores: Option<f64>,
    /// Memory in use on the whole node (total less available), in bytes.
    pub node_memory_used_bytes: Option<u64>,
    /// Processes that the kernel killed for want of memory since the agent started.
    pub oom_kills_seen: u64,
    /// Events that came since the agent started, by kind.
    pub events: Vec<EventCount>,
    /// What keeps limits from being written, by cause: what is looked at, and how it is.
    #[serde(default)]
    pub freeze: Vec<FreezeCause>,
    /// Network links of the node.
    pub links: Vec<Link>,
    /// All parts and how they are.
    pub components: Vec<Component>,
}

/// Something that keeps limits from being written while it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeCause {
    /// E.g. `switch`, `memory-pressure`, `clock`.
    pub name: String,
    /// Does it hold now?
    pub active: bool,
    /// What is not written while it holds: `all`, `lowering` or `cpu`.
    pub stops: String,
    /// Can it be looked at: `healthy`, `unsupported` here, or `off` by configuration.
    pub state: Health,
    /// Why it holds, what was last seen, or why it cannot be looked at.
    pub cause: String,
}

/// `/v1/freeze`: the switch that people freeze all limits with. `GET` reads it, `POST` with a
/// [`FreezeRequest`] freezes, `DELETE` unfreezes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeReport {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// Is no limit written?
    pub frozen: bool,
    /// Why, in the words of who froze; absent when not frozen.
    pub cause: Option<String>,
    /// The file that freezes while it is there.
    pub file: String,
    /// Why it does not survive a restart of the agent; absent when it does, or when not frozen.
    pub not_kept: Option<String>,
}

/// Body of `POST /v1/freeze`; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FreezeRequest {
    /// Why, one line.
    pub cause: Option<String>,
}

/// A network link of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// E.g. `eth0`.
    pub name: String,
    /// Administratively up, with a carrier.
    pub up: bool,
    /// Megabits per second; absent where the driver knows none.
    pub speed_mbit_per_s: Option<u64>,
    /// Bytes received since the link was made.
    pub rx_bytes: Option<u64>,
    /// Bytes sent since the link was made.
    pub tx_bytes: Option<u64>,
    /// Packets dropped on receive.
    pub rx_dropped: Option<u64>,
    /// Packets dropped on send.
    pub tx_dropped: Option<u64>,
}

/// A program of the kernel side, as it was when it was measured last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Name, e.g. `cpu_switch`.
    pub name: String,
    /// Runs per second.
    pub runs_per_s: f64,
    /// Mean time of a run in nanoseconds, that of taking it included.
    pub ns_per_run: f64,
}

/// A limit that is left to somebody else who changes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandedOver {
    /// Path of the cgroup below the root.
    pub cgroup: String,
    /// Which limit, e.g. `cpu.max`.
    pub knob: String,
    /// Who changed it last, as in `limit_changes_by_others`.
    pub class: String,
    /// At the first change, because the policy says `yield`; else since they insisted.
    pub by_policy: bool,
    /// Seconds since it was left to them.
    pub for_s: f64,
    /// Seconds until it may be set again; absent: not before the agent starts again.
    pub left_s: Option<f64>,
}

/// A count of events of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCount {
    /// E.g. `oom-kill`, `near-quota`, `memory-high`.
    pub kind: String,
    /// How many came since the agent started.
    pub count: u64,
}

/// A count of lost data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Where, e.g. `ring buffer`, `cpu map`.
    pub place: String,
    /// How many.
    pub count: u64,
}

/// Use of one workload over the last tick.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// CPU in cores.
    pub cpu_cores: Option<f64>,
    /// Share of enforcement periods throttled, 0 to 1.
    pub throttled_share: Option<f64>,
    /// `memory.current` in bytes.
    pub memory_bytes: Option<u64>,
    /// Working set in bytes.
    pub working_set_bytes: Option<u64>,
    /// Share of time stalled for memory, 0 to 1.
    pub memory_stall_share: Option<f64>,
    /// Received bytes per second.
    pub rx_bytes_per_s: Option<f64>,
    /// Sent bytes per second.
    pub tx_bytes_per_s: Option<f64>,
    /// Received packets per second.
    pub rx_packets_per_s: Option<f64>,
    /// Sent packets per second.
    pub tx_packets_per_s: Option<f64>,
    /// OOM kills since the cgroup was made.
    pub oom_kills: Option<u64>,
    /// Context switches per second.
    pub context_switches_per_s: Option<f64>,
    /// Seconds that tasks were ready and waited for a CPU per second, summed over tasks.
    pub run_queue_wait: Option<f64>,
    /// Median wait for a CPU in microseconds.
    pub run_queue_wait_us_p50: Option<f64>,
    /// 99 % quantile of the wait for a CPU in microseconds.
    pub run_queue_wait_us_p99: Option<f64>,
    /// Share of time in which some task waited for a CPU, 0 to 1.
    pub cpu_stall_share: Option<f64>,
    /// Seconds throttled per second, summed over CPUs.
    pub throttled: Option<f64>,
    /// Share of enforcement periods that used burst credit, 0 to 1.
    pub burst_share: Option<f64>,
    /// Seconds of CPU time out of the burst credit per second.
    pub burst: Option<f64>,
    /// Near-quota events in the last tick.
    pub near_quota_events: Option<u64>,
    /// Memory of processes without a file behind it, in bytes.
    pub anon_bytes: Option<u64>,
    /// Memory of cached files in bytes.
    pub file_bytes: Option<u64>,
    /// Memory of the kernel on its behalf in bytes.
    pub kernel_bytes: Option<u64>,
    /// Swap in use in bytes.
    pub swap_bytes: Option<u64>,
    /// `memory.max` less `memory.current` in bytes; absent without a limit.
    pub memory_headroom_bytes: Option<u64>,
    /// Change of `memory.current` in bytes per second; negative when it shrinks.
    pub memory_slope_bytes_per_s: Option<f64>,
    /// Page faults without a read per second.
    pub minor_faults_per_s: Option<f64>,
    /// Page faults with a read per second.
    pub major_faults_per_s: Option<f64>,
    /// Pages dropped and soon needed again, per second.
    pub refaults_per_s: Option<f64>,
    /// Seconds that tasks spent freeing memory per second, summed over tasks.
    pub reclaim_stall: Option<f64>,
    /// Share of time in which all tasks stalled for memory, 0 to 1.
    pub memory_full_stall_share: Option<f64>,
    /// Times that `memory.high` was exceeded in the last tick.
    pub memory_high_events: Option<u64>,
    /// Times that use was about to go over `memory.max` in the last tick.
    pub memory_max_events: Option<u64>,
    /// Times that no memory could be found under the limit in the last tick.
    pub oom_events: Option<u64>,
    /// TCP connections opened per second.
    pub tcp_opened_per_s: Option<f64>,
    /// TCP connections accepted per second.
    pub tcp_accepted_per_s: Option<f64>,
    /// TCP segments sent again per second.
    pub tcp_retransmits_per_s: Option<f64>,
    /// Mean of sampled TCP round-trip times in microseconds.
    pub tcp_rtt_us: Option<f64>,
    /// Mean fill of the accept queue when a connection came in, 0 to 1.
    pub accept_queue_share: Option<f64>,
}

/// Limits. Absent means no limit (`max`) or one that cannot be read; which of both it is stands in
/// the components `cgroup.cpu` and `cgroup.memory`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// `cpu.max` in cores; absent for `max` or when it cannot be read.
    pub cpu_cores: Option<f64>,
    /// Length of the enforcement period in microseconds.
    pub cpu_period_us: Option<u64>,
    /// `cpu.max.burst` in microseconds of CPU time.
    pub cpu_burst_us: Option<u64>,
    /// `cpu.weight`.
    pub cpu_weight: Option<u64>,
    /// `memory.high` in bytes; absent for `max` or when it cannot be read.
    pub memory_high_bytes: Option<u64>,
    /// `memory.max` in bytes; absent for `max` or when it cannot be read.
    pub memory_max_bytes: Option<u64>,
}

/// Quantiles of the peak over the next `ticks`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HorizonForecast {
    /// Length of the horizon in ticks.
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

/// A forecast in the unit of its resource: cores, bytes, bytes per second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Forecast {
    /// `model` or `baseline`.
    pub source: String,
    /// One entry per horizon.
    pub horizons: Vec<HorizonForecast>,
    /// Expert with the largest share in it, e.g. `model`, `recent-max`, `ar12`.
    pub driver: Option<Cow<'static, str>>,
    /// Share of it that comes from the model, 0 to 1.
    pub model_share: Option<f32>,
    /// 1 less the ratio of its recent pinball loss to that of the best simple rule; absent while
    /// too little is known.
    pub skill: Option<f32>,
    /// The same of the model alone; absent also where it said nothing.
    pub model_skill: Option<f32>,
    /// The model only repeats its input here, and is not listened to.
    pub copier: Option<bool>,
    /// What came of the last forecasts of the shorter horizon; absent before the first outcome.
    pub coverage: Option<Coverage>,
}

/// Share of the last peaks at or below each quantile, 0 to 1; the nominal one is in the name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Of the median.
    pub q50: f32,
    /// Of the 90 % quantile.
    pub q90: f32,
    /// Of the 95 % quantile.
    pub q95: f32,
    /// Of the 99 % quantile.
    pub q99: f32,
}

/// One row of `GET /v1/workloads`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// cgroup id (the inode of its directory), as a string: JSON numbers lose 64-bit ids.
    pub id: String,
    /// Path below the cgroup root.
    pub cgroup: String,
    /// Short name for people.
    pub name: String,
    /// The container and the pod that it is; absent where it is none.
    pub container: Option<Box<Container>>,
    /// Opted in to enforcement.
    pub managed: bool,
    /// What sets its limits: `systemd` where it is a unit, else `cgroupfs`.
    #[serde(default)]
    pub actuator: Cow<'static, str>,
    /// Seconds since the agent first saw it.
    pub seen_s: f64,
    /// Use over the last tick.
    pub usage: Usage,
    /// Limits in force.
    pub limits: Limits,
    /// What LLMOS would set or has set.
    pub targets: Limits,
    /// CPU forecast in cores.
    pub cpu_forecast: Option<Forecast>,
    /// Memory forecast in bytes.
    pub memory_forecast: Option<Forecast>,
    /// Network forecast (in plus out) in bytes per second.
    pub network_forecast: Option<Forecast>,
}

/// `GET /v1/workloads`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workloads {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// Wall clock of the tick, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Ordered by cgroup path.
    pub workloads: Vec<Workload>,
}

/// One past tick of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Wall clock, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Use.
    pub usage: Usage,
    /// Limits in force.
    pub limits: Limits,
}

/// A decision with its reasons in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Wall clock, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// cgroup id as a string.
    pub workload: String,
    /// Path below the cgroup root.
    pub cgroup: String,
    /// `cpu.max`, `cpu.max.burst`, `cpu.weight`, `memory.high` or `memory.max`.
    pub knob: String,
    /// `raise`, `lower` or `hold`.
    pub action: String,
    /// In cores, microseconds, weight or bytes; absent for `max` or unknown.
    pub from: Option<f64>,
    /// In cores, microseconds, weight or bytes.
    pub to: f64,
    /// Each one sentence with its numbers.
    pub reasons: Vec<String>,
    /// `observed`, `applied`, `held`, `waiting: ...`, `frozen: ...`, `gone` or `failed: ...`.
    pub outcome: String,
}

/// `GET /v1/workloads/{id}`; the id is a cgroup id or a path below the cgroup root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadDetail {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// As in the list.
    pub workload: Workload,
    /// The last ticks, oldest first.
    pub history: Vec<Point>,
    /// The newest decision of each limit, also where it was to hold.
    pub current: Vec<Decision>,
    /// The last changes, newest first.
    pub changes: Vec<Decision>,
}

/// `GET /v1/decisions`: the last changes of all workloads, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decisions {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// Newest first.
    pub decisions: Vec<Decision>,
}

/// Body of every answer that is not 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// One line: what, where, what was expected.
    pub error: String,
}
