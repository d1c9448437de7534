//! Every capacity of the fleet state, once.

/// Bounds of the state in memory. With the defaults the worst case is about 3.7 GB: 8,192
/// workloads, each with every column for a full hour (see the test `an_hour_of_one_workload`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Nodes remembered, silent ones included.
    pub max_nodes: usize,
    /// Workloads remembered per node.
    pub max_workloads_per_node: usize,
    /// Workloads remembered over all nodes.
    pub max_workloads: usize,
    /// Points per workload.
    pub max_points: usize,
    /// Age of the oldest point, in milliseconds of the node's clock.
    pub window_ms: u64,
    /// Shortest distance of two points in milliseconds; faster ticks share one point.
    pub point_ms: u64,
    /// Decisions remembered per node.
    pub max_decisions: usize,
    /// A workload that was not reported for so long leaves, in milliseconds.
    pub workload_gone_ms: u64,
    /// A node that was silent for so long leaves, in milliseconds.
    pub node_gone_ms: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_nodes: 256,
            max_workloads_per_node: 512,
            max_workloads: 8_192,
            max_points: 3_600,
            window_ms: 3_600_000,
            point_ms: 1_000,
            max_decisions: 1_024,
            workload_gone_ms: 900_000,
            node_gone_ms: 3_600_000,
        }
    }
}
