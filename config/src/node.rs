//! How the node is shared: `[node]`.

use llmos_engine::policy::NodePolicy;
use serde::Deserialize;

use crate::error::ConfigError;
use crate::origin::Origins;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawNode {
    cpu_reserve: Option<f64>,
    memory_reserve: Option<f64>,
    lease_s: Option<f64>,
}

/// The numbers with defaults, in their bounds.
pub(crate) fn checked(raw: &RawNode, origins: &Origins) -> Result<NodePolicy, ConfigError> {
    let default = NodePolicy::default();
    let between = |key: &str, value: f64, high: f64| {
        if (0.0..=high).contains(&value) {
            return Ok(value);
        }
        let key = format!("node.{key}");
        Err(ConfigError::Invalid {
            origin: origins.of(&key).clone(),
            key,
            value: value.to_string(),
            expected: format!("0 to {high}"),
        })
    };
    let reserve = |key, value: Option<f64>, default| between(key, value.unwrap_or(default), 0.9);
    Ok(NodePolicy {
        cpu_reserve: reserve("cpu_reserve", raw.cpu_reserve, default.cpu_reserve)?,
        memory_reserve: reserve("memory_reserve", raw.memory_reserve, default.memory_reserve)?,
        lease_s: between("lease_s", raw.lease_s.unwrap_or(default.lease_s), 3600.0)?,
    })
}
