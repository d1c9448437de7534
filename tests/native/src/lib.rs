//! Known loads in their own cgroups on this machine, what the kernel side counts of them, and what
//! counting costs.
//!
//! Needs root and a kernel with BTF, and a cgroup v2 tree, with or without controllers: `cpu.stat`
//! is in every cgroup.

pub mod bpf;
pub mod cgroup;
pub mod churn;
pub mod crowd;
pub mod guard;
pub mod load;
pub mod maps;
pub mod measure;
pub mod net;
pub mod switch;
pub mod tasks;
pub mod work;
