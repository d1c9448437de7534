//! `GET /api/v1/fleet`: all nodes, totals, counts by health.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use llmos_proto::status::API_VERSION;
use serde::Serialize;

use crate::fleet::{Health, Node, Now};
use crate::shared::Shared;

#[derive(Serialize)]
pub(super) struct FleetBody {
    api_version: &'static str,
    coordinator_version: &'static str,
    now_unix_ms: u64,
    /// Where agents report to.
    grpc_address: String,
    counts: Counts,
    totals: Totals,
    workloads_refused: u64,
    nodes: Vec<NodeRow>,
}

#[derive(Serialize, Default)]
struct Counts {
    live: usize,
    stale: usize,
    lost: usize,
}

/// Sums over live nodes. Use is null when no node knows its own; a node that does not know its use
/// adds its capacity to neither side, so that the two can be compared.
#[derive(Serialize, Default)]
struct Totals {
    cpu_cores: f64,
    memory_bytes: u64,
    cpu_used_cores: Option<f64>,
    cpu_used_of_cores: f64,
    memory_used_bytes: Option<u64>,
    memory_used_of_bytes: u64,
    workloads: usize,
    managed: usize,
}

/// One node, as in the list and at the head of its own page.
#[derive(Serialize)]
pub(super) struct NodeRow {
    id: String,
    name: String,
    health: &'static str,
    silent_ms: u64,
    last_seen_unix_ms: u64,
    at_unix_ms: u64,
    /// Coordinator's clock minus node's clock when the last report came; its way is in it.
    clock_skew_ms: i64,
    sequence: u64,
    reports: u64,
    boot_id: String,
    agent_version: String,
    kernel: String,
    mode: String,
    tick_ms: u32,
    cpu_cores: f64,
    memory_bytes: u64,
    cpu_used_cores: Option<f64>,
    memory_used_bytes: Option<u64>,
    agent_cpu_cores: f64,
    agent_rss_bytes: u64,
    reports_dropped: u64,
    workloads: usize,
    managed: usize,
    workloads_left_out: usize,
    components: Vec<ComponentBody>,
}

#[derive(Serialize)]
struct ComponentBody {
    name: String,
    state: String,
    cause: String,
}

impl NodeRow {
    pub(super) fn new(id: &str, node: &Node, now: Now) -> Self {
        let info = node.info();
        let seen = node.last_seen().unix_ms;
        let present = node
            .workloads()
            .filter(|(_, workload)| node.is_present(workload));
        let (mut workloads, mut managed) = (0, 0);
        for (_, workload) in present {
            workloads += 1;
            managed += usize::from(workload.latest().managed);
        }
        let components = node.components().iter().map(|one| ComponentBody {
            name: one.name.clone(),
            state: one.state.clone(),
            cause: one.cause.clone(),
        });
        Self {
            id: id.to_owned(),
            name: info.name.clone(),
            health: node.health(now).as_str(),
            silent_ms: node.silent_ms(now),
            last_seen_unix_ms: seen,
            at_unix_ms: node.at_unix_ms(),
            clock_skew_ms: i64::try_from(i128::from(seen) - i128::from(node.at_unix_ms()))
                .unwrap_or(i64::MAX),
            sequence: node.sequence(),
            reports: node.reports(),
            boot_id: info.boot_id.clone(),
            agent_version: info.agent_version.clone(),
            kernel: info.kernel.clone(),
            mode: info.mode.clone(),
            tick_ms: info.tick_ms,
            cpu_cores: info.cpu_cores,
            memory_bytes: info.memory_bytes,
            cpu_used_cores: info.cpu_used_cores,
            memory_used_bytes: info.memory_used_bytes,
            agent_cpu_cores: info.agent_cpu_cores,
            agent_rss_bytes: info.agent_rss_bytes,
            reports_dropped: info.reports_dropped,
            workloads,
            managed,
            workloads_left_out: node.workloads_left_out(),
            components: components.collect(),
        }
    }
}

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Json<FleetBody> {
    let now = shared.now();
    let fleet = shared.fleet();
    let (mut counts, mut totals) = (Counts::default(), Totals::default());
    let mut nodes = Vec::new();
    for (id, node) in fleet.nodes() {
        let row = NodeRow::new(id, node, now);
        match node.health(now) {
            Health::Live => {
                counts.live += 1;
                totals.add(&row);
            }
            Health::Stale => counts.stale += 1,
            Health::Lost => counts.lost += 1,
        }
        nodes.push(row);
    }
    Json(FleetBody {
        api_version: API_VERSION,
        coordinator_version: env!("CARGO_PKG_VERSION"),
        now_unix_ms: now.unix_ms,
        grpc_address: shared.grpc_address.to_string(),
        counts,
        totals,
        workloads_refused: fleet.workloads_refused(),
        nodes,
    })
}

impl Totals {
    fn add(&mut self, row: &NodeRow) {
        self.cpu_cores += row.cpu_cores;
        self.memory_bytes = self.memory_bytes.saturating_add(row.memory_bytes);
        if let Some(used) = row.cpu_used_cores {
            *self.cpu_used_cores.get_or_insert(0.0) += used;
            self.cpu_used_of_cores += row.cpu_cores;
        }
        if let Some(used) = row.memory_used_bytes {
            let sum = self.memory_used_bytes.get_or_insert(0);
            *sum = sum.saturating_add(used);
            self.memory_used_of_bytes = self.memory_used_of_bytes.saturating_add(row.memory_bytes);
        }
        self.workloads += row.workloads;
        self.managed += row.managed;
    }
}
