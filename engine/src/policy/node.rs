//! What people allow for the node as a whole.

/// The numbers that steer the sharing of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodePolicy {
    /// Share of the node's CPU that is granted to nobody but lent out for bursts, 0 to 1.
    pub cpu_reserve: f64,
    /// Share of the node's memory that is kept so.
    pub memory_reserve: f64,
    /// Seconds after which a lease from the reserve ends.
    pub lease_s: f64,
}

impl Default for NodePolicy {
    fn default() -> Self {
        Self {
            cpu_reserve: 0.1,
            memory_reserve: 0.1,
            lease_s: 10.0,
        }
    }
}
