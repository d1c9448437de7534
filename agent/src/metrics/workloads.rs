//! Metrics of the workloads: use, limits, targets and forecasts.

use std::fmt;

use llmos_proto::status::{Forecast, Limits, Workload};
use prometheus_client::encoding::DescriptorEncoder;

use super::agent::float;
use super::labels::Labels;
use super::names::{self, Metric, Source};

/// Writes all series that have a workload.
pub fn encode(to: &mut DescriptorEncoder, all: &[Workload], tick_ms: u64) -> fmt::Result {
    let usage: [Source<Workload>; 27] = [
        (names::CPU, |w| w.usage.cpu_cores),
        (names::THROTTLED, |w| w.usage.throttled_share),
        (names::CPU_LIMIT, |w| w.limits.cpu_cores),
        (names::CPU_TARGET, |w| w.targets.cpu_cores),
        (names::MEMORY, |w| w.usage.memory_bytes.map(float)),
        (names::WORKING_SET, |w| w.usage.working_set_bytes.map(float)),
        (names::MEMORY_STALL, |w| w.usage.memory_stall_share),
        (names::SWITCHES, |w| w.usage.context_switches_per_s),
        (names::RUN_QUEUE_WAIT, |w| w.usage.run_queue_wait),
        (names::CPU_STALL, |w| w.usage.cpu_stall_share),
        (names::THROTTLED_TIME, |w| w.usage.throttled),
        (names::BURST, |w| w.usage.burst),
        (names::BURST_PERIODS, |w| w.usage.burst_share),
        (names::CPU_WEIGHT, |w| w.limits.cpu_weight.map(float)),
        (names::NEAR_QUOTA, |w| w.usage.near_quota_events.map(float)),
        (names::MEMORY_HEADROOM, |w| {
            w.usage.memory_headroom_bytes.map(float)
        }),
        (names::MEMORY_SLOPE, |w| w.usage.memory_slope_bytes_per_s),
        (names::RECLAIM, |w| w.usage.reclaim_stall),
        (names::MEMORY_FULL_STALL, |w| {
            w.usage.memory_full_stall_share
        }),
        (names::TCP_RETRANSMITS, |w| w.usage.tcp_retransmits_per_s),
        (names::TCP_RTT, |w| w.usage.tcp_rtt_us.map(|us| us / 1e6)),
        (names::ACCEPT_QUEUE, |w| w.usage.accept_queue_share),
        (names::OOM_KILLS, |w| w.usage.oom_kills.map(float)),
        (names::RX_BYTES, |w| w.usage.rx_bytes_per_s),
        (names::TX_BYTES, |w| w.usage.tx_bytes_per_s),
        (names::RX_PACKETS, |w| w.usage.rx_packets_per_s),
        (names::TX_PACKETS, |w| w.usage.tx_packets_per_s),
    ];
    for (metric, value) in usage {
        metric.write(
            to,
            all.iter()
                .filter_map(|w| Some((Labels::one("cgroup", path(w)), value(w)?))),
        )?;
    }
    kinds(to, all)?;
    memory_limits(to, &names::MEMORY_LIMIT, all, |w| &w.limits)?;
    memory_limits(to, &names::MEMORY_TARGET, all, |w| &w.targets)?;

    forecasts(
        to,
        &names::CPU_FORECAST,
        all,
        |w| w.cpu_forecast.as_ref(),
        tick_ms,
    )?;
    forecasts(
        to,
        &names::MEMORY_FORECAST,
        all,
        |w| w.memory_forecast.as_ref(),
        tick_ms,
    )?;
    forecasts(
        to,
        &names::NETWORK_FORECAST,
        all,
        |w| w.network_forecast.as_ref(),
        tick_ms,
    )
}

/// Values of one metric, each with its label.
type Kind = (&'static str, fn(&Workload) -> Option<f64>);

/// Metrics that differ in one label.
fn kinds(to: &mut DescriptorEncoder, all: &[Workload]) -> fmt::Result {
    let families: [(Metric, &str, &[Kind]); 5] = [
        (
            names::RUN_QUEUE_WAIT_TIME,
            "quantile",
            &[
                ("0.5", |w| w.usage.run_queue_wait_us_p50.map(|us| us / 1e6)),
                ("0.99", |w| w.usage.run_queue_wait_us_p99.map(|us| us / 1e6)),
            ],
        ),
        (
            names::MEMORY_KIND,
            "kind",
            &[
                ("anon", |w| w.usage.anon_bytes.map(float)),
                ("file", |w| w.usage.file_bytes.map(float)),
                ("kernel", |w| w.usage.kernel_bytes.map(float)),
                ("swap", |w| w.usage.swap_bytes.map(float)),
            ],
        ),
        (
            names::FAULTS,
            "kind",
            &[
                ("minor", |w| w.usage.minor_faults_per_s),
                ("major", |w| w.usage.major_faults_per_s),
                ("refault", |w| w.usage.refaults_per_s),
            ],
        ),
        (
            names::MEMORY_EVENTS,
            "kind",
            &[
                ("high", |w| w.usage.memory_high_events.map(float)),
                ("max", |w| w.usage.memory_max_events.map(float)),
                ("oom", |w| w.usage.oom_events.map(float)),
            ],
        ),
        (
            names::TCP_CONNECTIONS,
            "kind",
            &[
                ("opened", |w| w.usage.tcp_opened_per_s),
                ("accepted", |w| w.usage.tcp_accepted_per_s),
            ],
        ),
    ];
    for (metric, label, kinds) in families {
        let series = all.iter().flat_map(|w| {
            kinds.iter().filter_map(move |(kind, value)| {
                let labels = Labels::two(("cgroup", path(w)), (label, *kind));
                Some((labels, value(w)?))
            })
        });
        metric.write(to, series)?;
    }
    Ok(())
}

fn memory_limits(
    to: &mut DescriptorEncoder,
    metric: &Metric,
    all: &[Workload],
    limits: fn(&Workload) -> &Limits,
) -> fmt::Result {
    let series = all.iter().flat_map(|w| {
        let limits = limits(w);
        [
            ("memory.high", limits.memory_high_bytes),
            ("memory.max", limits.memory_max_bytes),
        ]
        .into_iter()
        .filter_map(|(knob, bytes)| {
            let labels = Labels::two(("cgroup", path(w)), ("resource", knob));
            Some((labels, float(bytes?)))
        })
    });
    metric.write(to, series)
}

/// Two quantiles of the four: each costs a series per workload, resource and horizon.
fn forecasts(
    to: &mut DescriptorEncoder,
    metric: &Metric,
    all: &[Workload],
    forecast: fn(&Workload) -> Option<&Forecast>,
    tick_ms: u64,
) -> fmt::Result {
    let rows = || {
        let forecasts = all.iter().filter_map(|w| Some((w, forecast(w)?)));
        forecasts.flat_map(|(w, f)| f.horizons.iter().map(move |h| (w, h)))
    };
    // The texts must outlive the labels that borrow them; horizons are few, so each text is one.
    let mut ticks: Vec<u32> = rows().map(|(_, h)| h.ticks).collect();
    ticks.sort_unstable();
    ticks.dedup();
    let texts: Vec<String> = ticks.iter().map(|t| seconds(*t, tick_ms)).collect();

    let series = rows().flat_map(|(w, h)| {
        let text = match ticks.binary_search(&h.ticks) {
            Ok(at) => texts[at].as_str(),
            Err(_) => "",
        };
        [("0.5", h.q50), ("0.95", h.q95)].map(|(quantile, value)| {
            let labels = Labels([
                ("cgroup", path(w)),
                ("horizon", text),
                ("quantile", quantile),
            ]);
            (labels, value)
        })
    });
    metric.write(to, series)
}

/// The root has an empty path, and an empty label is none to Prometheus.
fn path(workload: &Workload) -> &str {
    match workload.cgroup.as_str() {
        "" => "/",
        path => path,
    }
}

/// Length of a horizon, e.g. `60s`.
fn seconds(ticks: u32, tick_ms: u64) -> String {
    format!("{}s", float(u64::from(ticks) * tick_ms) / 1000.0)
}
