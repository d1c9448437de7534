//! What is known of the fleet: nodes, their workloads, the last hour of each. Pure: no clock, no
//! socket, no lock; every size has a bound in [`Bounds`].

mod bounds;
mod columns;
mod health;
mod node;
mod report;
mod series;
mod steps;
mod workload;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

pub use bounds::Bounds;
pub use columns::{Column, Quantile, Resource, Row, SLOTS};
pub use health::{Health, Now};
pub use node::Node;
pub use report::{
    Component, Decision, Forecast, Horizon, Limits, NodeInfo, Report, Usage, WorkloadSample,
};
pub use series::Series;
pub use workload::Workload;

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ingested {
    /// The node was not known before.
    pub new_node: bool,
    /// The report is not newer than the last one, so it was taken in before; nothing was stored.
    pub duplicate: bool,
    /// Workloads that were left out because a bound was reached.
    pub workloads_refused: usize,
}

/// A report that cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Every place for a node is taken by a node that is still remembered.
    #[error("the coordinator holds {0} nodes, its bound; a new node is taken in when one leaves")]
    TooManyNodes(usize),
}

/// A node whose health changed without a report, or that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `machine_id` of the node.
    pub node: String,
    /// Its new health; `None` when it was forgotten.
    pub health: Option<Health>,
}

/// All nodes, keyed by `machine_id`.
#[derive(Debug)]
pub struct Fleet {
    bounds: Bounds,
    nodes: BTreeMap<String, Node>,
    workloads: usize,
    workloads_refused: u64,
}

impl Fleet {
    /// An empty fleet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            nodes: BTreeMap::new(),
            workloads: 0,
            workloads_refused: 0,
        }
    }

    /// Takes in one validated report.
    ///
    /// # Errors
    /// [`Refused::TooManyNodes`] when the node is new and there is no room for it.
    pub fn ingest(&mut self, report: Report, now: Now) -> Result<Ingested, Refused> {
        let full = self.nodes.len() >= self.bounds.max_nodes;
        let (node, new_node) = match self.nodes.entry(report.node.machine_id.clone()) {
            Entry::Occupied(entry) => (entry.into_mut(), false),
            Entry::Vacant(_) if full => return Err(Refused::TooManyNodes(self.bounds.max_nodes)),
            Entry::Vacant(entry) => (entry.insert(Node::new(report.node.clone(), now)), true),
        };
        let before = node.workload_count();
        let room = self.bounds.max_workloads.saturating_sub(self.workloads);
        let mut done = node.ingest(report, now, &self.bounds, room);
        done.new_node = new_node;
        self.workloads = self.workloads - before + node.workload_count();
        self.workloads_refused += done.workloads_refused as u64;
        Ok(done)
    }

    /// Forgets what has been silent for too long, and tells whose health changed since the last
    /// sweep. Meant to be called about once a second.
    pub fn sweep(&mut self, now: Now) -> Vec<Change> {
        let mut changes = Vec::new();
        let gone_ms = self.bounds.node_gone_ms;
        self.nodes.retain(|id, node| {
            let keep = node.silent_ms(now) <= gone_ms;
            if !keep {
                changes.push(Change {
                    node: id.clone(),
                    health: None,
                });
            }
            keep
        });
        self.workloads = 0;
        for (id, node) in &mut self.nodes {
            node.drop_gone_workloads(self.bounds.workload_gone_ms);
            self.workloads += node.workload_count();
            if let Some(health) = node.health_change(now) {
                changes.push(Change {
                    node: id.clone(),
                    health: Some(health),
                });
            }
        }
        changes
    }

    /// All nodes by `machine_id`.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(id, node)| (id.as_str(), node))
    }

    /// One node.
    pub fn node(&self, machine_id: &str) -> Option<&Node> {
        self.nodes.get(machine_id)
    }

    /// Workloads remembered over all nodes.
    pub fn workload_count(&self) -> usize {
        self.workloads
    }

    /// Samples of workloads left out because a bound was reached, since start.
    pub fn workloads_refused(&self) -> u64 {
        self.workloads_refused
    }

    /// Bytes of heap that the series take, about.
    pub fn series_bytes(&self) -> usize {
        self.nodes.values().map(Node::series_bytes).sum()
    }
}

#[cfg(test)]
mod tests;
