//! Facts of the machine that the agent runs on.

pub mod allocator;
pub mod btf;
pub mod clock;
pub mod facts;
pub mod priority;
pub mod resident;
pub mod self_cost;
pub mod systemd;
pub mod trim;
