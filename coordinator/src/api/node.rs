//! `GET /api/v1/nodes/{id}` and its decisions. Rows have the shape that the agent's own status
//! socket gives them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use llmos_proto::status::{self, API_VERSION};
use serde::{Deserialize, Serialize};

use super::error::{ApiError, whole_number};
use super::fleet::NodeRow;
use crate::fleet::{Column, Decision, Forecast, Limits, Node, Usage, Workload};
use crate::shared::Shared;

/// Points of a sparkline at most.
const MAX_SPARK: u64 = 120;
const DEFAULT_DECISIONS: u64 = 200;

#[derive(Serialize)]
pub(super) struct NodeBody {
    api_version: &'static str,
    now_unix_ms: u64,
    node: NodeRow,
    workloads: Vec<WorkloadRow>,
}

#[derive(Serialize)]
pub(super) struct WorkloadRow {
    id: String,
    cgroup: String,
    name: String,
    managed: bool,
    /// Still reported; false for one that went a short time ago.
    present: bool,
    at_unix_ms: u64,
    seen_s: f64,
    usage: status::Usage,
    limits: status::Limits,
    targets: status::Limits,
    cpu_forecast: Option<status::Forecast>,
    memory_forecast: Option<status::Forecast>,
    network_forecast: Option<status::Forecast>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spark: Option<Spark>,
}

/// The last points, oldest first, NaN (null in JSON) where absent.
#[derive(Serialize)]
struct Spark {
    cpu_cores: Vec<f32>,
    memory_bytes: Vec<f32>,
}

impl WorkloadRow {
    pub(super) fn new(id: u64, workload: &Workload, node: &Node, spark: Option<u64>) -> Self {
        let latest = workload.latest();
        let seen_ms = workload
            .at_unix_ms()
            .saturating_sub(workload.first_unix_ms());
        Self {
            id: id.to_string(),
            cgroup: latest.cgroup.clone(),
            name: latest.name.clone(),
            managed: latest.managed,
            present: node.is_present(workload),
            at_unix_ms: workload.at_unix_ms(),
            seen_s: seen_ms as f64 / 1_000.0,
            usage: usage(&latest.usage),
            limits: limits(&latest.limits),
            targets: limits(&latest.targets),
            cpu_forecast: latest.cpu_forecast.as_ref().map(forecast),
            memory_forecast: latest.memory_forecast.as_ref().map(forecast),
            network_forecast: latest.network_forecast.as_ref().map(forecast),
            spark: spark.map(|points| Spark::new(workload, node, points)),
        }
    }
}

impl Spark {
    fn new(workload: &Workload, node: &Node, points: u64) -> Self {
        let tick_ms = u64::from(node.info().tick_ms).max(1_000);
        let since = node
            .at_unix_ms()
            .saturating_sub(points.saturating_sub(1) * tick_ms);
        let column = |column| workload.series().column(column, since).unwrap_or_default();
        Self {
            cpu_cores: column(Column::Cpu),
            memory_bytes: column(Column::Memory),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct NodeQuery {
    spark: Option<String>,
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<NodeQuery>, QueryRejection>,
) -> Result<Json<NodeBody>, ApiError> {
    let (Path(id), Query(query)) = (path?, query?);
    let spark = query
        .spark
        .map(|value| whole_number("spark", &value))
        .transpose()?;
    let spark = spark.map(|points| points.min(MAX_SPARK));
    let now = shared.now();
    let fleet = shared.fleet();
    let node = fleet
        .node(&id)
        .ok_or_else(|| ApiError::NoNode(id.clone()))?;
    let rows = node
        .workloads()
        .map(|(key, workload)| WorkloadRow::new(key, workload, node, spark));
    Ok(Json(NodeBody {
        api_version: API_VERSION,
        now_unix_ms: now.unix_ms,
        node: NodeRow::new(&id, node, now),
        workloads: rows.collect(),
    }))
}

#[derive(Deserialize)]
pub(super) struct DecisionsQuery {
    cgroup_id: Option<String>,
    since: Option<String>,
    limit: Option<String>,
}

/// Newest first; `?cgroup_id=`, `?since=MS` (at or after) and `?limit=` narrow it.
pub(super) async fn decisions(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<DecisionsQuery>, QueryRejection>,
) -> Result<Json<status::Decisions>, ApiError> {
    let (Path(id), Query(query)) = (path?, query?);
    let number = |name, value: Option<String>| value.map(|v| whole_number(name, &v)).transpose();
    let cgroup_id = number("cgroup_id", query.cgroup_id)?;
    let since = number("since", query.since)?.unwrap_or(0);
    let limit = number("limit", query.limit)?.unwrap_or(DEFAULT_DECISIONS);
    let fleet = shared.fleet();
    let node = fleet.node(&id).ok_or(ApiError::NoNode(id))?;
    let chosen = node
        .decisions()
        .filter(|one| cgroup_id.is_none_or(|id| one.cgroup_id == id) && one.at_unix_ms >= since)
        .take(usize::try_from(limit).unwrap_or(usize::MAX));
    let decisions = chosen.map(decision).collect();
    Ok(Json(status::Decisions {
        api_version: API_VERSION.to_owned(),
        decisions,
    }))
}

fn decision(one: &Decision) -> status::Decision {
    status::Decision {
        at_unix_ms: one.at_unix_ms,
        workload: one.cgroup_id.to_string(),
        cgroup: one.cgroup.clone(),
        knob: one.knob.clone(),
        action: one.action.clone(),
        from: one.from,
        to: one.to,
        reasons: one.reasons.clone(),
        outcome: one.outcome.clone(),
    }
}

fn usage(one: &Usage) -> status::Usage {
    status::Usage {
        cpu_cores: one.cpu_cores,
        throttled_share: one.throttled_share,
        memory_bytes: one.memory_bytes,
        working_set_bytes: one.working_set_bytes,
        memory_stall_share: one.memory_stall_share,
        rx_bytes_per_s: one.rx_bytes_per_s,
        tx_bytes_per_s: one.tx_bytes_per_s,
        oom_kills: one.oom_kills,
        // Agents show the rest on their own socket only.
        ..status::Usage::default()
    }
}

fn limits(one: &Limits) -> status::Limits {
    status::Limits {
        cpu_cores: one.cpu_cores,
        memory_high_bytes: one.memory_high_bytes,
        memory_max_bytes: one.memory_max_bytes,
        ..status::Limits::default()
    }
}

fn forecast(one: &Forecast) -> status::Forecast {
    let horizons = one.horizons.iter().map(|horizon| status::HorizonForecast {
        ticks: horizon.ticks,
        q50: horizon.q50,
        q90: horizon.q90,
        q95: horizon.q95,
        q99: horizon.q99,
    });
    status::Forecast {
        source: one.source.clone(),
        horizons: horizons.collect(),
        ..status::Forecast::default()
    }
}
