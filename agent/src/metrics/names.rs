//! Names, kinds, units and meanings of all metrics: one table. A counter's series end in `_total`,
//! an info's in `_info`; a metric with a unit ends in it. Each series is written through this table.

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;

/// In front of each name.
pub const PREFIX: &str = "llmos";

/// One metric.
pub struct Metric {
    /// Without prefix, unit and suffix.
    pub name: &'static str,
    /// Gauge, counter or info.
    pub kind: MetricType,
    /// Base unit.
    pub unit: Option<&'static str>,
    /// What it tells.
    pub help: &'static str,
}

const fn gauge(name: &'static str, unit: Option<&'static str>, help: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricType::Gauge,
        unit,
        help,
    }
}

const fn counter(name: &'static str, unit: Option<&'static str>, help: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricType::Counter,
        unit,
        help,
    }
}

const CORES: Option<&str> = Some("cores");
const BYTES: Option<&str> = Some("bytes");
const SECONDS: Option<&str> = Some("seconds");
const RATIO: Option<&str> = Some("ratio");
const BYTES_PER_SECOND: Option<&str> = Some("bytes_per_second");
const PER_SECOND: Option<&str> = Some("per_second");
const PACKETS: Option<&str> = Some("packets");
const PACKETS_PER_SECOND: Option<&str> = Some("packets_per_second");

/// A metric and how its value is found in a `T`; absent values give no series.
pub type Source<T> = (Metric, fn(&T) -> Option<f64>);

/// Declares the metrics and the list of all of them, so that the list is complete.
macro_rules! metrics {
    ($($id:ident = $metric:expr;)*) => {
        $(pub const $id: Metric = $metric;)*
        /// All metrics that the agent can give.
        #[cfg(test)]
        pub const ALL: &[Metric] = &[$($id),*];
    };
}

metrics! {
    BUILD = Metric { name: "build", kind: MetricType::Info, unit: None, help: "Version of the agent" };
    MODE = Metric { name: "mode", kind: MetricType::Info, unit: None, help: "Node, kernel and mode: observe or enforce" };
    START_TIME = gauge("start_time", SECONDS, "Wall clock at the agent's start, since 1970");
    TICK_PERIOD = gauge("tick_period", SECONDS, "Length of a tick");
    TICKS = counter("ticks", None, "Ticks run");
    MISSED_TICKS = counter("missed_ticks", None, "Ticks that began more than one tick late");
    TICK_WORK = gauge("tick_work", SECONDS, "Work time of a tick over the last 128 ticks, by quantile");
    NODE_CPU = gauge("node_cpu", CORES, "CPUs of the node");
    NODE_MEMORY = gauge("node_memory", BYTES, "Memory of the node");
    NODE_CPU_USED = gauge("node_cpu_used", CORES, "CPU in use on the whole node");
    NODE_MEMORY_USED = gauge("node_memory_used", BYTES, "Memory in use on the whole node: total less available");
    OOM_KILLS_SEEN = counter("oom_kills_seen", None, "Processes that the kernel killed for want of memory since the agent started");
    LINK_UP = gauge("node_network_up", None, "1 when the link is switched on and has a carrier");
    LINK_SPEED = gauge("node_network_speed", BYTES_PER_SECOND, "Speed of the link, where its driver knows it");
    LINK_RX = counter("node_network_receive", BYTES, "Received by the link since it was made");
    LINK_TX = counter("node_network_transmit", BYTES, "Sent by the link since it was made");
    LINK_RX_DROPPED = counter("node_network_receive_dropped", PACKETS, "Dropped by the link on receive");
    LINK_TX_DROPPED = counter("node_network_transmit_dropped", PACKETS, "Dropped by the link on send");
    AGENT_MEMORY = gauge("agent_resident_memory", BYTES, "Resident memory of the agent");
    AGENT_CPU = gauge("agent_cpu", CORES, "CPU use of the agent over the last ten ticks");
    WORKLOADS = gauge("workloads", None, "Workloads seen now");
    MANAGED = gauge("workloads_managed", None, "Workloads that opted in to enforcement");
    LIMITS_HELD = gauge("limits_held", None, "Limits that differ from their originals now");
    LIMIT_CHANGES = counter("limit_changes_by_others", None, "Changes of limits of ours by somebody else since the agent started, by who it seems to have been");
    HANDED_OVER = gauge("limits_handed_over", None, "Limits that are left to somebody else who changes them");
    KERNEL_SIDE_CPU = gauge("kernel_side_cpu", CORES, "CPU use of the kernel side when it was measured last");
    PROGRAM_RUNS = gauge("program_runs", PER_SECOND, "Runs per second of a program of the kernel side when it was measured last");
    PROGRAM_TIME = gauge("program_run", SECONDS, "Mean time of a run of a program of the kernel side, that of taking it included");
    MAP_MEMORY = gauge("map_memory", BYTES, "Memory of the kernel side's maps");
    TICK_READ = gauge("tick_read", SECONDS, "CPU time of reading all workloads over the last 128 ticks, by quantile");
    BUDGET = gauge("budget_cpu", CORES, "CPU that the agent and its kernel side may use");
    EVENTS = counter("events", None, "Events that came since the agent started, by kind");
    LOST = counter("lost_events", None, "Data that the kernel side or the agent lost, by place");
    COMPONENT = gauge("component_state", None, "1 for the state that a part of the agent is in, 0 for the others");
    FROZEN = gauge("frozen", None, "1 while this cause keeps limits from being written: all of them by switch, CPU limits by sched-ext, those that fall by the others");
    DECISIONS = counter("decisions", None, "Decisions since the start, holds too, by limit, action and outcome");
    FORECASTS = gauge("forecasts", None, "Forecasts, by resource and by the expert with the largest share in them");
    COPIERS = gauge("forecast_copiers", None, "Forecasts on which the model is not listened to because it only repeats its input, by resource");
    MODEL_SHARE = gauge("forecast_model_share", RATIO, "Mean share of forecasts that comes from the model, by resource");
    SKILL = gauge("forecast_skill", RATIO, "1 less the recent pinball loss of forecasts over that of the best simple rule, median of the workloads, by resource");
    MODEL_SKILL = gauge("forecast_model_skill", RATIO, "1 less the recent pinball loss of the model alone over that of the best simple rule, median of the workloads, by resource");
    COVERAGE = gauge("forecast_coverage", RATIO, "Share of the last peaks at or below a quantile, mean of the workloads, by resource and quantile");
    CPU = gauge("workload_cpu", CORES, "CPU use over the last tick");
    THROTTLED = gauge("workload_cpu_throttled", RATIO, "Enforcement periods of the last tick in which it was throttled");
    CPU_LIMIT = gauge("workload_cpu_limit", CORES, "cpu.max as a rate; absent without a limit");
    CPU_TARGET = gauge("workload_cpu_target", CORES, "cpu.max that LLMOS would set or has set");
    CPU_FORECAST = gauge("workload_cpu_forecast", CORES, "Peak of CPU use within the horizon, by quantile");
    MEMORY = gauge("workload_memory", BYTES, "Memory charged to it");
    WORKING_SET = gauge("workload_memory_working_set", BYTES, "Memory without file pages that were not used lately");
    MEMORY_STALL = gauge("workload_memory_stall", RATIO, "Time of the last tick in which tasks waited for memory");
    MEMORY_LIMIT = gauge("workload_memory_limit", BYTES, "memory.high and memory.max; absent without a limit");
    MEMORY_TARGET = gauge("workload_memory_target", BYTES, "memory.high and memory.max that LLMOS would set or has set");
    MEMORY_FORECAST = gauge("workload_memory_forecast", BYTES, "Peak of memory use within the horizon, by quantile");
    SWITCHES = gauge("workload_context_switches", PER_SECOND, "Times per second that a task left the CPU, over the last tick");
    RUN_QUEUE_WAIT = gauge("workload_run_queue_wait", RATIO, "Time that tasks were ready and waited for a CPU over the last tick, summed over tasks");
    RUN_QUEUE_WAIT_TIME = gauge("workload_run_queue_wait", SECONDS, "Wait for a CPU over the last tick, by quantile");
    CPU_STALL = gauge("workload_cpu_stall", RATIO, "Time of the last tick in which some task waited for a CPU");
    THROTTLED_TIME = gauge("workload_cpu_throttled_time", RATIO, "Time throttled over the last tick, summed over CPUs");
    BURST = gauge("workload_cpu_burst", CORES, "CPU time out of the burst credit over the last tick");
    BURST_PERIODS = gauge("workload_cpu_burst_periods", RATIO, "Enforcement periods of the last tick that used burst credit");
    CPU_WEIGHT = gauge("workload_cpu_weight", None, "cpu.weight");
    NEAR_QUOTA = gauge("workload_near_quota_events", None, "Times in the last tick that the quota was nearly used up");
    MEMORY_KIND = gauge("workload_memory_kind", BYTES, "Memory by kind: anon, file, kernel, swap");
    MEMORY_HEADROOM = gauge("workload_memory_headroom", BYTES, "memory.max less memory in use; absent without a limit");
    MEMORY_SLOPE = gauge("workload_memory_slope", BYTES_PER_SECOND, "Change of memory in use over the last tick");
    FAULTS = gauge("workload_page_faults", PER_SECOND, "Page faults per second between the last two readings of memory.stat, by kind: minor, major, refault");
    RECLAIM = gauge("workload_memory_reclaim", RATIO, "Time that tasks spent freeing memory over the last tick, summed over tasks");
    MEMORY_FULL_STALL = gauge("workload_memory_full_stall", RATIO, "Time of the last tick in which all tasks waited for memory");
    MEMORY_EVENTS = gauge("workload_memory_events", None, "Events of memory.events in the last tick, by kind: high, max, oom");
    TCP_CONNECTIONS = gauge("workload_tcp_connections", PER_SECOND, "TCP connections per second over the last tick, by kind: opened, accepted");
    TCP_RETRANSMITS = gauge("workload_tcp_retransmits", PER_SECOND, "TCP segments sent again per second over the last tick");
    TCP_RTT = gauge("workload_tcp_round_trip", SECONDS, "Mean of sampled TCP round-trip times of the last tick");
    ACCEPT_QUEUE = gauge("workload_accept_queue", RATIO, "Mean fill of the accept queue when a connection came in, over the last tick");
    OOM_KILLS = counter("workload_oom_kills", None, "OOM kills since the cgroup was made");
    RX_BYTES = gauge("workload_network_receive", BYTES_PER_SECOND, "Traffic received over the last tick");
    TX_BYTES = gauge("workload_network_transmit", BYTES_PER_SECOND, "Traffic sent over the last tick");
    RX_PACKETS = gauge("workload_network_receive", PACKETS_PER_SECOND, "Packets received over the last tick");
    TX_PACKETS = gauge("workload_network_transmit", PACKETS_PER_SECOND, "Packets sent over the last tick");
    NETWORK_FORECAST = gauge("workload_network_forecast", BYTES_PER_SECOND, "Peak of traffic in plus out within the horizon, by quantile");
}

impl Metric {
    /// Writes one series for each label set; the header only when there is one.
    pub fn write<L: EncodeLabelSet>(
        &self,
        encoder: &mut DescriptorEncoder,
        series: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let unit = self.unit.map(|unit| Unit::Other(unit.to_owned()));
        let mut metric =
            encoder.encode_descriptor(self.name, self.help, unit.as_ref(), self.kind)?;
        series.try_for_each(|(labels, value)| self.write_one(&mut metric, &labels, value))
    }

    fn write_one<L: EncodeLabelSet>(
        &self,
        metric: &mut MetricEncoder,
        labels: &L,
        value: f64,
    ) -> fmt::Result {
        match self.kind {
            MetricType::Info => metric.encode_info(labels),
            MetricType::Counter => metric
                .encode_family(labels)?
                .encode_counter::<[(&str, &str); 0], f64, f64>(&value, None),
            _ => metric.encode_family(labels)?.encode_gauge(&value),
        }
    }
}
