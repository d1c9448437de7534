//! The settings as they are written down: every key optional, nothing checked but the type.

use std::path::PathBuf;

use serde::Deserialize;

use crate::freeze::RawFreeze;
use crate::node::RawNode;
use crate::policy::RawPolicy;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Raw {
    pub(crate) mode: Option<String>,
    pub(crate) tick_ms: Option<u64>,
    pub(crate) node_name: Option<String>,
    pub(crate) cgroup_root: Option<PathBuf>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) log: Option<String>,
    pub(crate) bpf_log: Option<bool>,
    pub(crate) coordinator: RawCoordinator,
    pub(crate) metrics: RawMetrics,
    pub(crate) model: RawModel,
    pub(crate) probes: RawProbes,
    pub(crate) budget: RawBudget,
    pub(crate) forecast: RawForecast,
    pub(crate) fast: RawFast,
    pub(crate) enforce: RawEnforce,
    pub(crate) freeze: RawFreeze,
    pub(crate) node: RawNode,
    pub(crate) policy: RawPolicy,
    pub(crate) workload: Vec<RawWorkload>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawCoordinator {
    pub(crate) address: Option<String>,
    pub(crate) queue_reports: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawMetrics {
    pub(crate) listen: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawModel {
    pub(crate) dir: Option<PathBuf>,
    pub(crate) enabled: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawProbes {
    pub(crate) cpu: Option<bool>,
    pub(crate) network: Option<bool>,
    pub(crate) tcp: Option<bool>,
    pub(crate) reclaim: Option<bool>,
    pub(crate) events: Option<bool>,
    pub(crate) facts: Option<bool>,
    pub(crate) near_quota_share: Option<f64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawBudget {
    pub(crate) cpu_cores: Option<f64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawForecast {
    pub(crate) save_every_s: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawFast {
    pub(crate) cpu: Option<bool>,
    pub(crate) memory: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawEnforce {
    pub(crate) lease_s: Option<f64>,
    pub(crate) systemd: Option<bool>,
}

/// A rule. serde cannot refuse unknown keys beside a flattened struct; `file` has done it before.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RawWorkload {
    #[serde(rename = "match")]
    pub(crate) pattern: String,
    pub(crate) enforce: Option<bool>,
    pub(crate) canary: Option<bool>,
    #[serde(flatten)]
    pub(crate) policy: RawPolicy,
}
