//! What each endpoint and each field of the status socket means: one table, held against the structs
//! by a test that looks at real JSON.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use super::API_VERSION;

/// One address of the status socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Path of the request.
    pub path: Cow<'static, str>,
    /// Object that the answer holds; empty where it is no JSON of this schema.
    pub object: Cow<'static, str>,
    /// What it tells.
    pub meaning: Cow<'static, str>,
}

/// One field of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Object that holds the field.
    pub object: Cow<'static, str>,
    /// Key in the JSON.
    pub name: Cow<'static, str>,
    /// Unit of the value; empty where it has none.
    pub unit: Cow<'static, str>,
    /// What it tells.
    pub meaning: Cow<'static, str>,
}

/// `GET /v1/schema`, and `GET /` without the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// All addresses.
    pub endpoints: Vec<Endpoint>,
    /// All fields of all objects, objects in one piece.
    pub fields: Vec<Field>,
}

impl Schema {
    /// Everything that this version serves.
    pub fn full() -> Self {
        Self {
            fields: FIELDS.to_vec(),
            ..Self::index()
        }
    }

    /// The addresses alone.
    pub fn index() -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            endpoints: ENDPOINTS.to_vec(),
            fields: Vec::new(),
        }
    }
}

const fn endpoint(path: &'static str, object: &'static str, meaning: &'static str) -> Endpoint {
    Endpoint {
        path: Cow::Borrowed(path),
        object: Cow::Borrowed(object),
        meaning: Cow::Borrowed(meaning),
    }
}

const fn field(
    object: &'static str,
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Field {
    Field {
        object: Cow::Borrowed(object),
        name: Cow::Borrowed(name),
        unit: Cow::Borrowed(unit),
        meaning: Cow::Borrowed(meaning),
    }
}

/// Addresses of the status socket.
#[rustfmt::skip]
pub const ENDPOINTS: &[Endpoint] = &[
    endpoint("/", "Schema", "these addresses"),
    endpoint("/v1/schema", "Schema", "addresses and the meaning and unit of each field"),
    endpoint("/v1/status", "Status", "the node, the agent, its parts and its own cost"),
    endpoint("/v1/health", "HealthReport", "the parts of the agent and how they are"),
    endpoint("/v1/workloads", "Workloads", "all workloads: use, limits, targets, forecasts"),
    endpoint("/v1/workloads/{id}", "WorkloadDetail", "one workload by cgroup id or by its path below the cgroup root, with its last ticks, decisions and changes"),
    endpoint("/v1/decisions", "Decisions", "the last changes of all workloads, newest first"),
    endpoint("/v1/freeze", "FreezeReport", "the switch that freezes all limits: GET reads it, POST freezes, with an optional JSON body {\"cause\": text}, DELETE unfreezes"),
    endpoint("/metrics", "", "all numbers in the OpenMetrics text format"),
];

/// All fields of all objects. An entry without unit is text, a flag, a list or another object.
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    field("Status", "api_version", "", "version of this interface"),
    field("Status", "node", "", "name of the node"),
    field("Status", "agent_version", "", "version of the agent"),
    field("Status", "kernel", "", "release of the kernel"),
    field("Status", "mode", "", "observe: compute and show; enforce: also write limits of workloads that opted in"),
    field("Status", "now_unix_ms", "ms", "wall clock now, since 1970"),
    field("Status", "started_unix_ms", "ms", "wall clock when the agent started, since 1970"),
    field("Status", "tick_ms", "ms", "length of a tick"),
    field("Status", "ticks", "ticks", "ticks run since the start"),
    field("Status", "missed_ticks", "ticks", "ticks that began more than one tick late"),
    field("Status", "tick_work_ms_p50", "ms", "median work time of the last 128 ticks"),
    field("Status", "node_cpu_cores", "cores", "CPUs of the node"),
    field("Status", "node_memory_bytes", "bytes", "memory of the node"),
    field("Status", "agent_rss_bytes", "bytes", "resident memory of the agent"),
    field("Status", "agent_cpu_cores", "cores", "CPU use of the agent over the last ten ticks"),
    field("Status", "kernel_side_cpu_cores", "cores", "CPU use of the kernel side when it was measured last"),
    field("Status", "map_memory_bytes", "bytes", "memory of the kernel side's maps"),
    field("Status", "tick_read_ms_p50", "ms", "median CPU time of reading all workloads over the last 128 ticks"),
    field("Status", "programs", "", "programs of the kernel side and what each costs"),
    field("Status", "shed", "", "probes switched off because the agent was over its budget, in that order"),
    field("Status", "budget_cpu_cores", "cores", "CPU that the agent and its kernel side may use"),
    field("Status", "workloads", "workloads", "workloads seen now"),
    field("Status", "managed", "workloads", "workloads that opted in"),
    field("Status", "fast_writes", "limits", "limits raised at once on an event, between two ticks, since the start"),
    field("Status", "fast_event_to_write_ms_p50", "ms", "median time from an event to the written limit, over the last 1,024"),
    field("Status", "fast_event_to_write_ms_p99", "ms", "99 % quantile of that time"),
    field("Status", "lost", "", "data that the kernel side or the agent lost, by place"),
    field("Status", "limit_changes_by_others", "", "changes of limits of ours by somebody else since the start, by who it seems to have been"),
    field("Status", "handed_over", "", "limits that are left to somebody else who changes them"),
    field("Status", "limits_held", "limits", "limits that differ from their originals now"),
    field("Status", "node_cpu_used_cores", "cores", "CPU in use on the whole node"),
    field("Status", "node_memory_used_bytes", "bytes", "memory in use on the whole node: total less available"),
    field("Status", "oom_kills_seen", "kills", "processes that the kernel killed for want of memory since the agent started"),
    field("Status", "events", "", "events that came since the agent started, by kind"),
    field("Status", "freeze", "", "what keeps limits from being written, by cause"),
    field("Status", "links", "", "network links of the node"),
    field("Status", "components", "", "parts of the agent and how they are"),
    field("FreezeCause", "name", "", "switch, sched-ext, memory-pressure, io-pressure, state-full, clock or lost"),
    field("FreezeCause", "active", "", "true while it holds"),
    field("FreezeCause", "stops", "", "what is not written while it holds: all, lowering or cpu"),
    field("FreezeCause", "state", "", "healthy, unsupported on this machine, or off by configuration"),
    field("FreezeCause", "cause", "", "why it holds, what was last seen, or why it cannot be looked at"),
    field("FreezeReport", "api_version", "", "version of this interface"),
    field("FreezeReport", "frozen", "", "true while no limit is written"),
    field("FreezeReport", "cause", "", "why, in the words of who froze; null when not frozen"),
    field("FreezeReport", "file", "", "file that freezes while it is there"),
    field("FreezeReport", "not_kept", "", "why it does not survive a restart of the agent; null when it does"),
    field("FreezeRequest", "cause", "", "why, one line; may be absent"),
    field("Link", "name", "", "name of the link, e.g. eth0"),
    field("Link", "up", "", "true when it is switched on and has a carrier"),
    field("Link", "speed_mbit_per_s", "Mbit/s", "speed; null where the driver knows none"),
    field("Link", "rx_bytes", "bytes", "received since the link was made"),
    field("Link", "tx_bytes", "bytes", "sent since the link was made"),
    field("Link", "rx_dropped", "packets", "dropped on receive"),
    field("Link", "tx_dropped", "packets", "dropped on send"),
    field("Program", "name", "", "name of the program"),
    field("Program", "runs_per_s", "runs/s", "how often it ran when it was measured last"),
    field("Program", "ns_per_run", "ns", "mean time of a run, that of taking it included"),
    field("EventCount", "kind", "", "kind of event, e.g. oom-kill, near-quota; or who changed limits"),
    field("EventCount", "count", "events", "how many came since the agent started"),
    field("HandedOver", "cgroup", "", "path of the cgroup below the cgroup root"),
    field("HandedOver", "knob", "", "which limit, e.g. cpu.max"),
    field("HandedOver", "class", "", "who changed it last, as in limit_changes_by_others"),
    field("HandedOver", "by_policy", "", "true when the policy says to yield; false when they insisted"),
    field("HandedOver", "for_s", "s", "time since it was left to them"),
    field("HandedOver", "left_s", "s", "time until it may be set again; null: not before the agent starts again"),
    field("Lost", "place", "", "where data was lost"),
    field("Lost", "count", "events", "how many were lost since the start"),
    field("Component", "name", "", "part of the agent, e.g. probe.cpu"),
    field("Component", "state", "", "healthy, degraded, unsupported or off"),
    field("Component", "cause", "", "why it is in this state"),
    field("HealthReport", "api_version", "", "version of this interface"),
    field("HealthReport", "components", "", "parts of the agent and how they are"),
    field("Workloads", "api_version", "", "version of this interface"),
    field("Workloads", "at_unix_ms", "ms", "wall clock of the tick, since 1970"),
    field("Workloads", "workloads", "", "all workloads, ordered by cgroup path"),
    field("Workload", "id", "", "cgroup id as text, for JSON numbers lose 64-bit ids"),
    field("Workload", "cgroup", "", "path below the cgroup root"),
    field("Workload", "name", "", "short name for people"),
    field("Workload", "container", "", "the container and the pod that it is, as its path tells it; null where it is none"),
    field("Workload", "managed", "", "true when it opted in to enforcement"),
    field(
        "Workload",
        "actuator",
        "",
        "systemd: its limits are told to systemd too, so that they last; cgroupfs: files only",
    ),
    field("Workload", "seen_s", "s", "time since the agent first saw it"),
    field("Workload", "usage", "", "use over the last tick"),
    field("Workload", "limits", "", "limits in force"),
    field("Workload", "targets", "", "limits that LLMOS would set (observe) or has set (enforce)"),
    field("Workload", "cpu_forecast", "", "forecast of CPU use in cores"),
    field("Workload", "memory_forecast", "", "forecast of memory use in bytes"),
    field("Workload", "network_forecast", "", "forecast of traffic, in plus out, in bytes per second"),
    field("Container", "container_id", "", "id of the container, 64 hexadecimal digits; null for a pod's own cgroup"),
    field("Container", "runtime", "", "containerd, cri-o, docker or podman; null where the path does not tell"),
    field("Container", "pod_uid", "", "uid of the Kubernetes pod; of a static pod the hash of its configuration"),
    field("Container", "qos_class", "", "service class of the pod: guaranteed, burstable or besteffort"),
    field("Container", "driver", "", "what makes its cgroup: systemd or cgroupfs"),
    field("Usage", "cpu_cores", "cores", "CPU use"),
    field("Usage", "throttled_share", "share", "enforcement periods in which it was throttled, 0 to 1"),
    field("Usage", "memory_bytes", "bytes", "memory charged to it"),
    field("Usage", "working_set_bytes", "bytes", "memory without file pages that were not used lately"),
    field("Usage", "memory_stall_share", "share", "time in which tasks waited for memory, 0 to 1"),
    field("Usage", "rx_bytes_per_s", "bytes/s", "traffic received"),
    field("Usage", "tx_bytes_per_s", "bytes/s", "traffic sent"),
    field("Usage", "rx_packets_per_s", "packets/s", "packets received"),
    field("Usage", "tx_packets_per_s", "packets/s", "packets sent"),
    field("Usage", "oom_kills", "kills", "OOM kills since the cgroup was made"),
    field("Usage", "context_switches_per_s", "switches/s", "times that a task left the CPU"),
    field("Usage", "run_queue_wait", "s/s", "time that tasks were ready and waited for a CPU, summed over tasks"),
    field("Usage", "run_queue_wait_us_p50", "us", "median wait for a CPU"),
    field("Usage", "run_queue_wait_us_p99", "us", "99 % quantile of the wait for a CPU"),
    field("Usage", "cpu_stall_share", "share", "time in which some task waited for a CPU, 0 to 1"),
    field("Usage", "throttled", "s/s", "time throttled by cpu.max, summed over CPUs"),
    field("Usage", "burst_share", "share", "enforcement periods that used burst credit, 0 to 1"),
    field("Usage", "burst", "s/s", "CPU time out of the burst credit"),
    field("Usage", "near_quota_events", "events", "times in the last tick that the quota was nearly used up"),
    field("Usage", "anon_bytes", "bytes", "memory of processes without a file behind it"),
    field("Usage", "file_bytes", "bytes", "memory of cached files"),
    field("Usage", "kernel_bytes", "bytes", "memory of the kernel on its behalf"),
    field("Usage", "swap_bytes", "bytes", "swap in use"),
    field("Usage", "memory_headroom_bytes", "bytes", "memory.max less memory in use; null without a limit"),
    field("Usage", "memory_slope_bytes_per_s", "bytes/s", "change of memory in use; negative when it shrinks"),
    field("Usage", "minor_faults_per_s", "faults/s", "page faults without a read, between the last two readings of memory.stat"),
    field("Usage", "major_faults_per_s", "faults/s", "page faults with a read, between the last two readings of memory.stat"),
    field("Usage", "refaults_per_s", "pages/s", "pages dropped and soon needed again, between the last two readings of memory.stat"),
    field("Usage", "reclaim_stall", "s/s", "time that tasks spent freeing memory, summed over tasks"),
    field("Usage", "memory_full_stall_share", "share", "time in which all tasks waited for memory, 0 to 1"),
    field("Usage", "memory_high_events", "events", "times in the last tick that memory.high was exceeded"),
    field("Usage", "memory_max_events", "events", "times in the last tick that use was about to go over memory.max"),
    field("Usage", "oom_events", "events", "times in the last tick that no memory could be found under the limit"),
    field("Usage", "tcp_opened_per_s", "connections/s", "TCP connections opened"),
    field("Usage", "tcp_accepted_per_s", "connections/s", "TCP connections accepted"),
    field("Usage", "tcp_retransmits_per_s", "segments/s", "TCP segments sent again"),
    field("Usage", "tcp_rtt_us", "us", "mean of sampled TCP round-trip times"),
    field("Usage", "accept_queue_share", "share", "mean fill of the accept queue when a connection came in, 0 to 1"),
    field("Limits", "cpu_cores", "cores", "cpu.max as a rate; null for no limit or unknown"),
    field("Limits", "cpu_period_us", "us", "length of an enforcement period; null without the controller"),
    field("Limits", "cpu_burst_us", "us", "cpu.max.burst in CPU time; null without the controller"),
    field("Limits", "cpu_weight", "weight", "cpu.weight; null without the controller"),
    field("Limits", "memory_high_bytes", "bytes", "memory.high; null for no limit or unknown"),
    field("Limits", "memory_max_bytes", "bytes", "memory.max; null for no limit or unknown"),
    field("Forecast", "source", "", "model or baseline"),
    field("Forecast", "horizons", "", "one entry for each horizon"),
    field("Forecast", "driver", "", "expert with the largest share in it: model, decayed-peaks, long-peaks, last, recent-max, ewma, season or ar12"),
    field("Forecast", "model_share", "share", "share of it that comes from the model, 0 to 1"),
    field("Forecast", "skill", "ratio", "1 less its recent pinball loss over that of the best simple rule: 0.1 is a tenth better; null while too little is known"),
    field("Forecast", "model_skill", "ratio", "the same of the model alone; null also where it said nothing"),
    field("Forecast", "copier", "", "true when the model only repeats its input here, and so is not listened to"),
    field("Forecast", "coverage", "", "what came of the last forecasts of the shorter horizon; null before the first outcome"),
    field("Coverage", "q50", "share", "last peaks at or below the median, 0.5 when it is right"),
    field("Coverage", "q90", "share", "last peaks at or below the 90 % quantile"),
    field("Coverage", "q95", "share", "last peaks at or below the 95 % quantile"),
    field("Coverage", "q99", "share", "last peaks at or below the 99 % quantile"),
    field("HorizonForecast", "ticks", "ticks", "length of the horizon"),
    field("HorizonForecast", "q50", "cores, bytes or bytes/s", "median of the peak within the horizon"),
    field("HorizonForecast", "q90", "cores, bytes or bytes/s", "90 % quantile of the peak within the horizon"),
    field("HorizonForecast", "q95", "cores, bytes or bytes/s", "95 % quantile of the peak within the horizon"),
    field("HorizonForecast", "q99", "cores, bytes or bytes/s", "99 % quantile of the peak within the horizon"),
    field("WorkloadDetail", "api_version", "", "version of this interface"),
    field("WorkloadDetail", "workload", "", "the workload as in the list"),
    field("WorkloadDetail", "history", "", "the last ticks, oldest first"),
    field("WorkloadDetail", "current", "", "the newest decision for each limit, also where it was to hold"),
    field("WorkloadDetail", "changes", "", "the last changes, newest first"),
    field("Point", "at_unix_ms", "ms", "wall clock of the tick, since 1970"),
    field("Point", "usage", "", "use over that tick"),
    field("Point", "limits", "", "limits in force at that tick"),
    field("Decisions", "api_version", "", "version of this interface"),
    field("Decisions", "decisions", "", "the last changes, newest first"),
    field("Decision", "at_unix_ms", "ms", "wall clock of the decision, since 1970"),
    field("Decision", "workload", "", "cgroup id as text"),
    field("Decision", "cgroup", "", "path below the cgroup root"),
    field("Decision", "knob", "", "cpu.max, cpu.max.burst, cpu.weight, memory.high or memory.max"),
    field("Decision", "action", "", "raise, lower or hold"),
    field("Decision", "from", "cores, us, weight or bytes", "limit before; null for no limit or unknown"),
    field("Decision", "to", "cores, us, weight or bytes", "limit after"),
    field("Decision", "reasons", "", "why, in order, one sentence each with its numbers"),
    field("Decision", "outcome", "", "observed, applied, held, gone, or waiting, frozen or failed with the cause"),
    field("ErrorBody", "api_version", "", "version of this interface"),
    field("ErrorBody", "error", "", "one line: what was wrong, where, what was expected"),
    field("Schema", "api_version", "", "version of this interface"),
    field("Schema", "endpoints", "", "addresses of the status socket"),
    field("Schema", "fields", "", "fields of the answers; empty in the answer of /"),
    field("Endpoint", "path", "", "path of the request"),
    field("Endpoint", "object", "", "object in the answer; empty where it is not of this schema"),
    field("Endpoint", "meaning", "", "what it tells"),
    field("Field", "object", "", "object that holds the field"),
    field("Field", "name", "", "key in the JSON"),
    field("Field", "unit", "", "unit of the value; empty where it has none"),
    field("Field", "meaning", "", "what it tells"),
];
