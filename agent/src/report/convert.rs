//! From what the status shows to what the coordinator gets. Absent stays absent.

use llmos_proto::fleet;
use llmos_proto::status::{self, Health};

/// What a report tells of the node beside its status.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeFacts {
    /// `/etc/machine-id` where there is one: stable over restarts.
    pub machine_id: String,
    /// `/proc/sys/kernel/random/boot_id`: another one after each boot.
    pub boot_id: String,
    /// CPU use of the whole node in cores.
    pub cpu_used_cores: Option<f64>,
    /// Memory in use on the whole node in bytes.
    pub memory_used_bytes: Option<u64>,
}

/// The report of one tick. `changes` is what [`crate::board::Board::publish`] gave back: holds are
/// not sent. The number of the report is set when it is queued.
pub fn node_report<'a>(
    facts: &NodeFacts,
    status: &status::Status,
    workloads: &status::Workloads,
    changes: impl IntoIterator<Item = &'a status::Decision>,
) -> fleet::NodeReport {
    fleet::NodeReport {
        sequence: 0,
        node: Some(node(facts, status)),
        at_unix_ms: workloads.at_unix_ms,
        workloads: workloads.workloads.iter().map(workload).collect(),
        decisions: changes.into_iter().map(decision).collect(),
        components: status.components.iter().map(component).collect(),
    }
}

fn node(facts: &NodeFacts, status: &status::Status) -> fleet::Node {
    fleet::Node {
        name: status.node.clone(),
        machine_id: facts.machine_id.clone(),
        boot_id: facts.boot_id.clone(),
        agent_version: status.agent_version.clone(),
        kernel: status.kernel.clone(),
        mode: status.mode.clone(),
        cpu_cores: status.node_cpu_cores,
        memory_bytes: status.node_memory_bytes,
        tick_ms: u32::try_from(status.tick_ms).unwrap_or(u32::MAX),
        agent_cpu_cores: status.agent_cpu_cores.unwrap_or_default(),
        agent_rss_bytes: status.agent_rss_bytes.unwrap_or_default(),
        reports_dropped: 0,
        cpu_used_cores: facts.cpu_used_cores,
        memory_used_bytes: facts.memory_used_bytes,
    }
}

fn workload(workload: &status::Workload) -> fleet::WorkloadSample {
    let (usage, limits, targets) = (&workload.usage, &workload.limits, &workload.targets);
    fleet::WorkloadSample {
        cgroup_id: id(&workload.id),
        cgroup: workload.cgroup.clone(),
        name: workload.name.clone(),
        managed: workload.managed,
        cpu_cores: usage.cpu_cores,
        memory_bytes: usage.memory_bytes,
        working_set_bytes: usage.working_set_bytes,
        rx_bytes_per_s: usage.rx_bytes_per_s,
        tx_bytes_per_s: usage.tx_bytes_per_s,
        throttled_share: usage.throttled_share,
        memory_stall_share: usage.memory_stall_share,
        oom_kills: usage.oom_kills,
        cpu_limit_cores: limits.cpu_cores,
        memory_high_bytes: limits.memory_high_bytes,
        memory_max_bytes: limits.memory_max_bytes,
        cpu_target_cores: targets.cpu_cores,
        memory_high_target_bytes: targets.memory_high_bytes,
        memory_max_target_bytes: targets.memory_max_bytes,
        cpu_forecast: workload.cpu_forecast.as_ref().map(forecast),
        memory_forecast: workload.memory_forecast.as_ref().map(forecast),
        network_forecast: workload.network_forecast.as_ref().map(forecast),
    }
}

fn forecast(forecast: &status::Forecast) -> fleet::Forecast {
    fleet::Forecast {
        source: forecast.source.clone(),
        horizons: forecast
            .horizons
            .iter()
            .map(|h| fleet::HorizonForecast {
                ticks: h.ticks,
                q50: h.q50,
                q90: h.q90,
                q95: h.q95,
                q99: h.q99,
            })
            .collect(),
    }
}

fn decision(decision: &status::Decision) -> fleet::Decision {
    fleet::Decision {
        cgroup_id: id(&decision.workload),
        cgroup: decision.cgroup.clone(),
        at_unix_ms: decision.at_unix_ms,
        knob: decision.knob.clone(),
        action: decision.action.clone(),
        from: decision.from,
        to: decision.to,
        reasons: decision.reasons.clone(),
        outcome: decision.outcome.clone(),
    }
}

fn component(component: &status::Component) -> fleet::Component {
    let state = match component.state {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Unsupported => "unsupported",
        Health::Off => "off",
    };
    fleet::Component {
        name: component.name.clone(),
        state: state.to_owned(),
        cause: component.cause.clone(),
    }
}

/// The status carries ids as text; one that is no number has no cgroup.
fn id(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
