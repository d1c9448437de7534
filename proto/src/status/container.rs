//! Who a workload is.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Which container and pod a workload is, as its cgroup path tells it; what the path does not tell is
/// absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Container {
    /// Its id, 64 hexadecimal digits; absent for a pod's own cgroup.
    pub container_id: Option<String>,
    /// `containerd`, `cri-o`, `docker` or `podman`.
    pub runtime: Option<Cow<'static, str>>,
    /// Uid of its Kubernetes pod; of a static pod the hash of its configuration.
    pub pod_uid: Option<String>,
    /// Service class of the pod: `guaranteed`, `burstable` or `besteffort`.
    pub qos_class: Option<Cow<'static, str>>,
    /// What makes its cgroup: `systemd` or `cgroupfs`.
    pub driver: Option<Cow<'static, str>>,
}
