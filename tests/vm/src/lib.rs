//! What runs inside the test machines. `vm-init` is the first process, `vm-workload` makes load,
//! `vm-scenario` runs the agent against it and says what happened, `vm-peers` measures the agent
//! beside programs like it. Packages of their own, because of what they have in them: `vm-near-quota`,
//! with the agent's probes, bursts against quotas; `vm-act`, with the rules of other systems, compares
//! what the agent and they do about bursts and about memory that grows.

pub mod agent;
pub mod cgroup;
pub mod clock;
pub mod grow;
pub mod http;
pub mod load;
pub mod peers;
pub mod report;
pub mod scenario;
pub mod system;
pub mod tracer;
pub mod watch;
