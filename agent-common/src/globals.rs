//! Names of the constants that the agent sets in the kernel side before it loads it.
//!
//! rustc emits no CO-RE relocations, so each offset comes from the running kernel's BTF.

/// `task_struct.cgroups`, in bytes.
pub const TASK_CGROUPS: &str = "TASK_CGROUPS";
/// `css_set.dfl_cgrp`, in bytes.
pub const CSS_SET_DFL_CGRP: &str = "CSS_SET_DFL_CGRP";
/// `cgroup.kn`, in bytes.
pub const CGROUP_KN: &str = "CGROUP_KN";
/// `kernfs_node.id`, in bytes.
pub const KERNFS_NODE_ID: &str = "KERNFS_NODE_ID";
/// `task_struct.tgid`, in bytes.
pub const TASK_TGID: &str = "TASK_TGID";
/// 1 when debug logs of the kernel side are wanted.
pub const LOG_ENABLED: &str = "LOG_ENABLED";
