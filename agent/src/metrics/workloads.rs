//! Metrics of the workloads: use, limits, targets and forecasts.

use std::fmt;

use llmos_proto::status::{Forecast, Limits, Workload};
use prometheus_client::encoding::DescriptorEncoder;

use super::agent::float;
use super::labels::Labels;
use super::names::{self, Metric, Source};

/// Writes all series that have a workload.
pub fn encode(to: &mut DescriptorEncoder, all: &[Workload], tick_ms: u64) -> fmt::Result {
    let usage: [Source<Workload>; 12] = [
        (names::CPU, |w| w.usage.cpu_cores),
        (names::THROTTLED, |w| w.usage.throttled_share),
        (names::CPU_LIMIT, |w| w.limits.cpu_cores),
        (names::CPU_TARGET, |w| w.targets.cpu_cores),
        (names::MEMORY, |w| w.usage.memory_bytes.map(float)),
        (names::WORKING_SET, |w| w.usage.working_set_bytes.map(float)),
        (names::MEMORY_STALL, |w| w.usage.memory_stall_share),
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
