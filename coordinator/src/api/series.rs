//! `GET /api/v1/nodes/{id}/workloads/{cgroup_id}?since=MS`: the last hour in column form.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use llmos_proto::status::API_VERSION;
use serde::{Deserialize, Serialize};

use super::error::{ApiError, whole_number};
use super::node::WorkloadRow;
use crate::fleet::{Column, Quantile, Resource, SLOTS, Workload};
use crate::shared::Shared;

/// All columns have the length of `at_unix_ms`; a value is null where it is absent (a row of nulls
/// only is a gap in the reports), and a column without any value is left out.
#[derive(Serialize)]
pub(super) struct SeriesBody {
    api_version: &'static str,
    now_unix_ms: u64,
    tick_ms: u32,
    workload: WorkloadRow,
    at_unix_ms: Vec<u64>,
    columns: Columns,
    forecasts: Vec<ForecastBody>,
}

macro_rules! columns {
    ($($name:ident $column:ident),* $(,)?) => {
        #[derive(Serialize)]
        struct Columns {
            $(#[serde(skip_serializing_if = "Option::is_none")] $name: Option<Vec<f32>>,)*
        }

        impl Columns {
            fn new(workload: &Workload, since: u64) -> Self {
                Self { $($name: workload.series().column(Column::$column, since),)* }
            }
        }
    };
}

columns! {
    cpu_cores Cpu,
    memory_bytes Memory,
    working_set_bytes WorkingSet,
    rx_bytes_per_s Rx,
    tx_bytes_per_s Tx,
    throttled_share Throttled,
    memory_stall_share MemoryStall,
    cpu_limit_cores CpuLimit,
    memory_high_bytes MemoryHigh,
    memory_max_bytes MemoryMax,
    cpu_target_cores CpuTarget,
    memory_high_target_bytes MemoryHighTarget,
    memory_max_target_bytes MemoryMaxTarget,
}

/// Quantiles of the peak over the `ticks` after each time, as they were forecast at that time.
#[derive(Serialize)]
struct ForecastBody {
    resource: &'static str,
    ticks: u32,
    q50: Vec<f32>,
    q95: Vec<f32>,
    q99: Vec<f32>,
}

fn forecasts(workload: &Workload, since: u64) -> Vec<ForecastBody> {
    let resources = [
        ("cpu", Resource::Cpu),
        ("memory", Resource::Memory),
        ("network", Resource::Network),
    ];
    let mut all = Vec::new();
    for (name, resource) in resources {
        for slot in 0..SLOTS {
            let column = |quantile| {
                workload
                    .series()
                    .column(Column::Forecast(resource, slot, quantile), since)
            };
            let quantiles = (
                column(Quantile::Q50),
                column(Quantile::Q95),
                column(Quantile::Q99),
            );
            let ticks = workload.horizon_ticks(resource, slot);
            if let (Some(ticks), (Some(q50), Some(q95), Some(q99))) = (ticks, quantiles) {
                all.push(ForecastBody {
                    resource: name,
                    ticks,
                    q50,
                    q95,
                    q99,
                });
            }
        }
    }
    all
}

#[derive(Deserialize)]
pub(super) struct SeriesQuery {
    since: Option<String>,
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<SeriesQuery>, QueryRejection>,
) -> Result<Json<SeriesBody>, ApiError> {
    let (Path((id, cgroup_id)), Query(query)) = (path?, query?);
    let since = query
        .since
        .map(|value| whole_number("since", &value))
        .transpose()?
        .unwrap_or(0);
    let key = whole_number("cgroup_id", &cgroup_id)?;
    let now = shared.now();
    let fleet = shared.fleet();
    let node = fleet
        .node(&id)
        .ok_or_else(|| ApiError::NoNode(id.clone()))?;
    let workload = node.workload(key).ok_or(ApiError::NoWorkload {
        node: id,
        workload: cgroup_id,
    })?;
    Ok(Json(SeriesBody {
        api_version: API_VERSION,
        now_unix_ms: now.unix_ms,
        tick_ms: node.info().tick_ms,
        workload: WorkloadRow::new(key, workload, node, None),
        at_unix_ms: workload.series().times(since),
        columns: Columns::new(workload, since),
        forecasts: forecasts(workload, since),
    }))
}
