//! Known loads in their own cgroups on this machine, and what the kernel side counts of them.
//!
//! Needs root and a kernel with BTF, and a cgroup v2 tree, with or without controllers: `cpu.stat`
//! is in every cgroup.

pub mod cgroup;
pub mod load;
pub mod measure;
