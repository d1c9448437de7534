//! The policy numbers: their keys, their bounds, and how a rule overrides them.

use llmos_engine::forecast::QUANTILES;
use llmos_engine::policy::Policy;
use llmos_engine::units::{Bytes, Cores};
use serde::Deserialize;

use super::error::ConfigError;
use super::origin::Origins;
use super::size::Size;

/// Policy numbers as written; what is absent keeps its value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawPolicy {
    cpu_floor_cores: Option<f64>,
    cpu_ceiling_cores: Option<f64>,
    cpu_margin: Option<f64>,
    memory_floor: Option<Size>,
    memory_ceiling: Option<Size>,
    memory_margin: Option<f64>,
    memory_max_margin: Option<f64>,
    quantile: Option<f64>,
    cooldown_s: Option<f64>,
    hysteresis: Option<f64>,
    max_step_down: Option<f64>,
    warmup_s: Option<f64>,
    memory_stall_veto: Option<f64>,
    oom_bump: Option<f64>,
    oom_half_life_s: Option<f64>,
}

impl RawPolicy {
    /// `base` with these numbers in place of its own, checked.
    pub(super) fn over(
        &self,
        base: &Policy,
        place: &str,
        origins: &Origins,
    ) -> Result<Policy, ConfigError> {
        let policy = Policy {
            cpu_floor: self.cpu_floor_cores.map_or(base.cpu_floor, Cores),
            cpu_ceiling: self.cpu_ceiling_cores.map(Cores).or(base.cpu_ceiling),
            cpu_margin: self.cpu_margin.unwrap_or(base.cpu_margin),
            memory_floor: self
                .memory_floor
                .map_or(base.memory_floor, |size| Bytes(size.0)),
            memory_ceiling: self
                .memory_ceiling
                .map(|size| Bytes(size.0))
                .or(base.memory_ceiling),
            memory_margin: self.memory_margin.unwrap_or(base.memory_margin),
            memory_max_margin: self.memory_max_margin.unwrap_or(base.memory_max_margin),
            quantile: self.quantile.unwrap_or(base.quantile),
            cooldown_s: self.cooldown_s.unwrap_or(base.cooldown_s),
            hysteresis: self.hysteresis.unwrap_or(base.hysteresis),
            max_step_down: self.max_step_down.unwrap_or(base.max_step_down),
            warmup_s: self.warmup_s.unwrap_or(base.warmup_s),
            memory_stall_veto: self.memory_stall_veto.unwrap_or(base.memory_stall_veto),
            oom_bump: self.oom_bump.unwrap_or(base.oom_bump),
            oom_half_life_s: self.oom_half_life_s.unwrap_or(base.oom_half_life_s),
        };
        Check { place, origins }.policy(&policy)?;
        Ok(policy)
    }
}

/// The policy's numbers under their keys, as a config file would hold them.
pub(super) fn printed(policy: &Policy) -> Vec<(&'static str, Option<String>)> {
    let number = |value: f64| Some(value.to_string());
    let size = |bytes: Bytes| Size(bytes.0).to_string();
    vec![
        ("cpu_floor_cores", number(policy.cpu_floor.0)),
        (
            "cpu_ceiling_cores",
            policy.cpu_ceiling.map(|cores| cores.0.to_string()),
        ),
        ("cpu_margin", number(policy.cpu_margin)),
        ("memory_floor", Some(size(policy.memory_floor))),
        ("memory_ceiling", policy.memory_ceiling.map(size)),
        ("memory_margin", number(policy.memory_margin)),
        ("memory_max_margin", number(policy.memory_max_margin)),
        ("quantile", number(policy.quantile)),
        ("cooldown_s", number(policy.cooldown_s)),
        ("hysteresis", number(policy.hysteresis)),
        ("max_step_down", number(policy.max_step_down)),
        ("warmup_s", number(policy.warmup_s)),
        ("memory_stall_veto", number(policy.memory_stall_veto)),
        ("oom_bump", number(policy.oom_bump)),
        ("oom_half_life_s", number(policy.oom_half_life_s)),
    ]
}

struct Check<'a> {
    place: &'a str,
    origins: &'a Origins,
}

impl Check<'_> {
    fn policy(&self, policy: &Policy) -> Result<(), ConfigError> {
        const YEAR_S: f64 = 365.0 * 86_400.0;
        self.between("cpu_floor_cores", policy.cpu_floor.0, 0.01, 4096.0)?;
        if let Some(Cores(ceiling)) = policy.cpu_ceiling {
            self.between("cpu_ceiling_cores", ceiling, 0.01, 4096.0)?;
            let floor = policy.cpu_floor.0;
            if ceiling < floor {
                let expected = format!("at least cpu_floor_cores, which is {floor}");
                return Err(self.wrong("cpu_ceiling_cores", ceiling, expected));
            }
        }
        if policy.memory_floor < Bytes::from_mib(1) {
            let floor = Size(policy.memory_floor.0);
            return Err(self.wrong("memory_floor", floor, "at least 1MiB".to_owned()));
        }
        if let Some(ceiling) = policy.memory_ceiling
            && ceiling < policy.memory_floor
        {
            let floor = Size(policy.memory_floor.0);
            let expected = format!("at least memory_floor, which is {floor}");
            return Err(self.wrong("memory_ceiling", Size(ceiling.0), expected));
        }
        for (key, value) in [
            ("cpu_margin", policy.cpu_margin),
            ("memory_margin", policy.memory_margin),
            ("memory_max_margin", policy.memory_max_margin),
            ("oom_bump", policy.oom_bump),
        ] {
            self.between(key, value, 0.0, 10.0)?;
        }
        if !QUANTILES
            .iter()
            .any(|known| (known - policy.quantile).abs() < 1e-9)
        {
            let known = QUANTILES.map(|known| known.to_string()).join(", ");
            return Err(self.wrong("quantile", policy.quantile, format!("one of {known}")));
        }
        self.between("hysteresis", policy.hysteresis, 0.0, 1.0)?;
        self.between("max_step_down", policy.max_step_down, 0.01, 1.0)?;
        self.between("memory_stall_veto", policy.memory_stall_veto, 0.0, 1.0)?;
        self.between("cooldown_s", policy.cooldown_s, 0.0, YEAR_S)?;
        self.between("warmup_s", policy.warmup_s, 0.0, YEAR_S)?;
        self.between("oom_half_life_s", policy.oom_half_life_s, 1.0, YEAR_S)
    }

    fn between(&self, key: &str, value: f64, low: f64, high: f64) -> Result<(), ConfigError> {
        if (low..=high).contains(&value) {
            return Ok(());
        }
        Err(self.wrong(key, value, format!("{low} to {high}")))
    }

    fn wrong(&self, key: &str, value: impl ToString, expected: String) -> ConfigError {
        let key = format!("{}.{key}", self.place);
        let origin = self.origins.of(&key).clone();
        ConfigError::Invalid {
            key,
            value: value.to_string(),
            origin,
            expected,
        }
    }
}
