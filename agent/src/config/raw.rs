//! The settings as they are written down: every key optional, nothing checked but the type.

use std::path::PathBuf;

use serde::Deserialize;

use super::policy::RawPolicy;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) mode: Option<String>,
    pub(super) tick_ms: Option<u64>,
    pub(super) node_name: Option<String>,
    pub(super) cgroup_root: Option<PathBuf>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) socket: Option<PathBuf>,
    pub(super) log: Option<String>,
    pub(super) bpf_log: Option<bool>,
    pub(super) coordinator: RawCoordinator,
    pub(super) metrics: RawMetrics,
    pub(super) model: RawModel,
    pub(super) forecast: RawForecast,
    pub(super) probes: RawProbes,
    pub(super) budget: RawBudget,
    pub(super) policy: RawPolicy,
    pub(super) workload: Vec<RawWorkload>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawCoordinator {
    pub(super) address: Option<String>,
    pub(super) queue_reports: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawMetrics {
    pub(super) listen: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawModel {
    pub(super) dir: Option<PathBuf>,
    pub(super) enabled: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawForecast {
    pub(super) save_every_s: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawProbes {
    pub(super) cpu: Option<bool>,
    pub(super) network: Option<bool>,
    pub(super) tcp: Option<bool>,
    pub(super) reclaim: Option<bool>,
    pub(super) events: Option<bool>,
    pub(super) facts: Option<bool>,
    pub(super) near_quota_share: Option<f64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawBudget {
    pub(super) cpu_cores: Option<f64>,
}

/// A rule. serde cannot refuse unknown keys beside a flattened struct; `file` has done it before.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawWorkload {
    #[serde(rename = "match")]
    pub(super) pattern: String,
    pub(super) enforce: Option<bool>,
    #[serde(flatten)]
    pub(super) policy: RawPolicy,
}
