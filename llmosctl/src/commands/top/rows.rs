//! From workloads to the rows of the table.

use std::cmp::Reverse;
use std::collections::HashMap;

use llmos_proto::status::{Decision, Forecast, Usage, Workload};

use super::View;
use crate::cli::Sort;
use crate::table::{Align, Table};
use crate::time;
use crate::units::{ABSENT, bytes, cores, plain, rate, whole_bytes};

use Align::{Left, Right};

/// Names by the last part that differs are for `explain`; here the agent's short name is enough.
const COLUMNS: [(&str, Align); 13] = [
    ("WORKLOAD", Left),
    ("MANAGED", Left),
    ("CPU", Right),
    ("P95", Right),
    ("LIMIT", Right),
    ("TARGET", Right),
    ("MEMORY", Right),
    ("P95", Right),
    ("HIGH", Right),
    ("MAX", Right),
    ("NET IN", Right),
    ("NET OUT", Right),
    ("LAST CHANGE", Left),
];

/// The table of all workloads.
pub fn table(view: &View, sort: Sort) -> Table {
    let mut newest: HashMap<&str, &Decision> = HashMap::new();
    for change in &view.changes {
        // Newest first: the first of each workload is the one.
        newest.entry(&change.workload).or_insert(change);
    }
    let mut workloads: Vec<&Workload> = view.workloads.iter().collect();
    // Stable: equal ones stay in the order of their paths.
    workloads.sort_by_key(|w| Reverse(weight(&w.usage, sort)));
    let mut table = Table::new(&COLUMNS);
    for workload in workloads {
        let last = newest.get(workload.id.as_str()).copied();
        table.push(row(workload, last, view.status.now_unix_ms));
    }
    table
}

fn row(workload: &Workload, last: Option<&Decision>, now_ms: u64) -> Vec<String> {
    let name = if workload.name.is_empty() {
        &workload.cgroup
    } else {
        &workload.name
    };
    let (usage, limits) = (&workload.usage, &workload.limits);
    vec![
        plain(name),
        if workload.managed { "yes" } else { "no" }.to_owned(),
        cores(usage.cpu_cores),
        cores(nearest(&workload.cpu_forecast)),
        cores(limits.cpu_cores),
        cores(workload.targets.cpu_cores),
        whole_bytes(usage.memory_bytes),
        bytes(nearest(&workload.memory_forecast)),
        whole_bytes(limits.memory_high_bytes),
        whole_bytes(limits.memory_max_bytes),
        rate(usage.rx_bytes_per_s),
        rate(usage.tx_bytes_per_s),
        last.map_or_else(|| ABSENT.to_owned(), |change| describe(change, now_ms)),
    ]
}

fn describe(change: &Decision, now_ms: u64) -> String {
    let outcome = change.outcome.split(':').next().unwrap_or_default();
    format!(
        "{} {} {}, {}",
        plain(&change.action),
        plain(&change.knob),
        time::ago(change.at_unix_ms, now_ms),
        plain(outcome),
    )
}

/// The 95 % quantile of the nearest horizon.
fn nearest(forecast: &Option<Forecast>) -> Option<f64> {
    let horizons = forecast.as_ref()?.horizons.iter();
    horizons.min_by_key(|h| h.ticks).map(|h| h.q95)
}

/// Ticks of the nearest horizon that any workload has.
pub fn nearest_horizon(workloads: &[Workload]) -> Option<u32> {
    let forecasts = workloads
        .iter()
        .flat_map(|w| [&w.cpu_forecast, &w.memory_forecast]);
    let horizons = forecasts.flatten().flat_map(|f| &f.horizons);
    horizons.map(|h| h.ticks).min()
}

/// What a workload weighs in the order; unknown weighs less than nothing.
fn weight(usage: &Usage, sort: Sort) -> i64 {
    let value = match sort {
        Sort::Cpu => usage.cpu_cores.map(|c| c * 1e6),
        Sort::Memory => usage.memory_bytes.map(|b| b as f64),
        Sort::Network => match (usage.rx_bytes_per_s, usage.tx_bytes_per_s) {
            (None, None) => None,
            (rx, tx) => Some(rx.unwrap_or(0.0) + tx.unwrap_or(0.0)),
        },
    };
    value.map_or(-1, |v| v as i64)
}
