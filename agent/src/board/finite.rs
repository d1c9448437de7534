//! Keeps NaN and infinity off the board: JSON has no word for them, and a reader would fail.

use llmos_proto::status::{Coverage, Forecast, Limits, Status, Usage, Workload};

/// Makes every unknown number of the status absent.
pub fn status(status: &mut Status) {
    keep_finite(&mut status.tick_work_ms_p50);
    keep_finite(&mut status.agent_cpu_cores);
    keep_finite(&mut status.node_cpu_used_cores);
    keep_finite(&mut status.kernel_side_cpu_cores);
    keep_finite(&mut status.tick_read_ms_p50);
    keep_finite(&mut status.fast_event_to_write_ms_p50);
    keep_finite(&mut status.fast_event_to_write_ms_p99);
    status
        .programs
        .retain(|p| p.runs_per_s.is_finite() && p.ns_per_run.is_finite());
    if !status.node_cpu_cores.is_finite() {
        status.node_cpu_cores = 0.0;
    }
}

/// Makes every unknown number of the workload absent; a forecast with one is no forecast.
pub fn workload(workload: &mut Workload) {
    usage(&mut workload.usage);
    limits(&mut workload.limits);
    limits(&mut workload.targets);
    if !workload.seen_s.is_finite() {
        workload.seen_s = 0.0;
    }
    for forecast in [
        &mut workload.cpu_forecast,
        &mut workload.memory_forecast,
        &mut workload.network_forecast,
    ] {
        if forecast.as_ref().is_some_and(|f| !is_finite(f)) {
            *forecast = None;
        }
        if let Some(forecast) = forecast {
            standing(forecast);
        }
    }
}

fn usage(usage: &mut Usage) {
    for value in [
        &mut usage.cpu_cores,
        &mut usage.throttled_share,
        &mut usage.memory_stall_share,
        &mut usage.rx_bytes_per_s,
        &mut usage.tx_bytes_per_s,
        &mut usage.rx_packets_per_s,
        &mut usage.tx_packets_per_s,
        &mut usage.context_switches_per_s,
        &mut usage.run_queue_wait,
        &mut usage.run_queue_wait_us_p50,
        &mut usage.run_queue_wait_us_p99,
        &mut usage.cpu_stall_share,
        &mut usage.throttled,
        &mut usage.burst_share,
        &mut usage.burst,
        &mut usage.memory_slope_bytes_per_s,
        &mut usage.minor_faults_per_s,
        &mut usage.major_faults_per_s,
        &mut usage.refaults_per_s,
        &mut usage.reclaim_stall,
        &mut usage.memory_full_stall_share,
        &mut usage.tcp_opened_per_s,
        &mut usage.tcp_accepted_per_s,
        &mut usage.tcp_retransmits_per_s,
        &mut usage.tcp_rtt_us,
        &mut usage.accept_queue_share,
    ] {
        keep_finite(value);
    }
}

fn standing(forecast: &mut Forecast) {
    for value in [
        &mut forecast.model_share,
        &mut forecast.skill,
        &mut forecast.model_skill,
    ] {
        *value = value.filter(|v| v.is_finite());
    }
    let sound = |c: &Coverage| {
        [c.q50, c.q90, c.q95, c.q99]
            .iter()
            .all(|share| share.is_finite())
    };
    forecast.coverage = forecast.coverage.filter(sound);
}

fn limits(limits: &mut Limits) {
    keep_finite(&mut limits.cpu_cores);
}

fn keep_finite(value: &mut Option<f64>) {
    *value = value.filter(|v| v.is_finite());
}

fn is_finite(forecast: &Forecast) -> bool {
    forecast
        .horizons
        .iter()
        .flat_map(|h| [h.q50, h.q90, h.q95, h.q99])
        .all(f64::is_finite)
}
