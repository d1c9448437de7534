//! What runs inside the test machines. `vm-init` is the first process, `vm-workload` makes load,
//! `vm-scenario` runs the agent against it and says what happened, `vm-peers` measures the agent
//! beside programs like it. `vm-near-quota`, a package of its own because it has the agent's probes
//! in it, bursts against quotas.

pub mod agent;
pub mod cgroup;
pub mod clock;
pub mod http;
pub mod load;
pub mod peers;
pub mod report;
pub mod scenario;
pub mod watch;
