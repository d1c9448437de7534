//! The policy numbers: their keys, their bounds, and how a rule overrides them.

use llmos_engine::forecast::QUANTILES;
use llmos_engine::policy::{OnForeignChange, Policy, Preset};
use llmos_engine::units::{Bytes, Cores};
use serde::Deserialize;

use crate::error::ConfigError;
use crate::origin::Origins;
use crate::size::Size;

/// Policy numbers as written; what is absent keeps its value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawPolicy {
    preset: Option<String>,
    hands_off: Option<bool>,
    cpu_floor_cores: Option<f64>,
    cpu_ceiling_cores: Option<f64>,
    cpu_margin: Option<f64>,
    cpu_margin_min: Option<f64>,
    cpu_margin_max: Option<f64>,
    cpu_throttle_tolerance: Option<f64>,
    cpu_stall_price: Option<f64>,
    cpu_burst: Option<f64>,
    cpu_weight: Option<u64>,
    memory_floor: Option<Size>,
    memory_ceiling: Option<Size>,
    memory_margin: Option<f64>,
    memory_margin_min: Option<f64>,
    memory_margin_max: Option<f64>,
    memory_max_margin: Option<f64>,
    quantile: Option<f64>,
    cooldown_s: Option<f64>,
    hysteresis: Option<f64>,
    max_step_down: Option<f64>,
    warmup_s: Option<f64>,
    stale_s: Option<f64>,
    memory_stall_veto: Option<f64>,
    oom_bump: Option<f64>,
    oom_half_life_s: Option<f64>,
    on_foreign_change: Option<String>,
    hand_over_s: Option<f64>,
}

impl RawPolicy {
    /// The preset that is named; an unknown name is an error.
    pub(crate) fn preset(
        &self,
        place: &str,
        origins: &Origins,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Preset> {
        let name = self.preset.as_ref()?;
        let preset = Preset::of(name);
        if preset.is_none() {
            let known = Preset::ALL.map(|preset| format!("\"{}\"", preset.name()));
            let mut check = Check {
                place,
                origins,
                errors,
            };
            check.wrong(
                "preset",
                format!("{name:?}"),
                format!("one of {}", known.join(", ")),
            );
        }
        preset
    }

    /// `base` with these numbers in place of its own, checked; what is wrong goes to `errors`.
    pub(crate) fn over(
        &self,
        base: &Policy,
        place: &str,
        origins: &Origins,
        errors: &mut Vec<ConfigError>,
    ) -> Policy {
        let cpu = margins(
            [self.cpu_margin, self.cpu_margin_min, self.cpu_margin_max],
            [base.cpu_margin, base.cpu_margin_min, base.cpu_margin_max],
        );
        let memory = margins(
            [
                self.memory_margin,
                self.memory_margin_min,
                self.memory_margin_max,
            ],
            [
                base.memory_margin,
                base.memory_margin_min,
                base.memory_margin_max,
            ],
        );
        let bytes = |size: Option<Size>| size.map(|size| Bytes(size.0));
        let mut check = Check {
            place,
            origins,
            errors,
        };
        let policy = Policy {
            hands_off: self.hands_off.unwrap_or(base.hands_off),
            canary: base.canary,
            cpu_floor: self.cpu_floor_cores.map_or(base.cpu_floor, Cores),
            cpu_ceiling: self.cpu_ceiling_cores.map(Cores).or(base.cpu_ceiling),
            cpu_margin: cpu[0],
            cpu_margin_min: cpu[1],
            cpu_margin_max: cpu[2],
            cpu_throttle_tolerance: self
                .cpu_throttle_tolerance
                .unwrap_or(base.cpu_throttle_tolerance),
            cpu_stall_price: self.cpu_stall_price.unwrap_or(base.cpu_stall_price),
            cpu_burst: self.cpu_burst.unwrap_or(base.cpu_burst),
            cpu_weight: self.cpu_weight.or(base.cpu_weight),
            memory_floor: bytes(self.memory_floor).unwrap_or(base.memory_floor),
            memory_ceiling: bytes(self.memory_ceiling).or(base.memory_ceiling),
            memory_margin: memory[0],
            memory_margin_min: memory[1],
            memory_margin_max: memory[2],
            memory_max_margin: self.memory_max_margin.unwrap_or(base.memory_max_margin),
            quantile: self.quantile.unwrap_or(base.quantile),
            cooldown_s: self.cooldown_s.unwrap_or(base.cooldown_s),
            hysteresis: self.hysteresis.unwrap_or(base.hysteresis),
            max_step_down: self.max_step_down.unwrap_or(base.max_step_down),
            warmup_s: self.warmup_s.unwrap_or(base.warmup_s),
            stale_s: self.stale_s.unwrap_or(base.stale_s),
            memory_stall_veto: self.memory_stall_veto.unwrap_or(base.memory_stall_veto),
            oom_bump: self.oom_bump.unwrap_or(base.oom_bump),
            oom_half_life_s: self.oom_half_life_s.unwrap_or(base.oom_half_life_s),
            on_foreign_change: match self.on_foreign_change.as_deref() {
                Some(word) => check.on_foreign_change(word),
                None => base.on_foreign_change,
            },
            hand_over_s: self.hand_over_s.unwrap_or(base.hand_over_s),
        };
        check.policy(&policy);
        policy
    }
}

/// Margin, least and most. A margin that is set beyond bounds that are not takes them along.
fn margins(set: [Option<f64>; 3], base: [f64; 3]) -> [f64; 3] {
    let margin = set[0].unwrap_or(base[0]);
    [
        margin,
        set[1].unwrap_or(base[1].min(margin)),
        set[2].unwrap_or(base[2].max(margin)),
    ]
}

/// The policy's numbers under their keys, as a config file would hold them.
pub(crate) fn printed(policy: &Policy) -> Vec<(&'static str, Option<String>)> {
    let number = |value: f64| Some(value.to_string());
    let size = |bytes: Bytes| Size(bytes.0).to_string();
    vec![
        ("hands_off", Some(policy.hands_off.to_string())),
        ("cpu_floor_cores", number(policy.cpu_floor.0)),
        (
            "cpu_ceiling_cores",
            policy.cpu_ceiling.map(|cores| cores.0.to_string()),
        ),
        ("cpu_margin", number(policy.cpu_margin)),
        ("cpu_margin_min", number(policy.cpu_margin_min)),
        ("cpu_margin_max", number(policy.cpu_margin_max)),
        (
            "cpu_throttle_tolerance",
            number(policy.cpu_throttle_tolerance),
        ),
        ("cpu_stall_price", number(policy.cpu_stall_price)),
        ("cpu_burst", number(policy.cpu_burst)),
        (
            "cpu_weight",
            policy.cpu_weight.map(|weight| weight.to_string()),
        ),
        ("memory_floor", Some(size(policy.memory_floor))),
        ("memory_ceiling", policy.memory_ceiling.map(size)),
        ("memory_margin", number(policy.memory_margin)),
        ("memory_margin_min", number(policy.memory_margin_min)),
        ("memory_margin_max", number(policy.memory_margin_max)),
        ("memory_max_margin", number(policy.memory_max_margin)),
        ("quantile", number(policy.quantile)),
        ("cooldown_s", number(policy.cooldown_s)),
        ("hysteresis", number(policy.hysteresis)),
        ("max_step_down", number(policy.max_step_down)),
        ("warmup_s", number(policy.warmup_s)),
        ("stale_s", number(policy.stale_s)),
        ("memory_stall_veto", number(policy.memory_stall_veto)),
        ("oom_bump", number(policy.oom_bump)),
        ("oom_half_life_s", number(policy.oom_half_life_s)),
        (
            "on_foreign_change",
            Some(format!("\"{}\"", word(policy.on_foreign_change))),
        ),
        ("hand_over_s", number(policy.hand_over_s)),
    ]
}

fn word(answer: OnForeignChange) -> &'static str {
    match answer {
        OnForeignChange::Reapply => "reapply",
        OnForeignChange::Yield => "yield",
    }
}

struct Check<'a> {
    place: &'a str,
    origins: &'a Origins,
    errors: &'a mut Vec<ConfigError>,
}

impl Check<'_> {
    fn policy(&mut self, policy: &Policy) {
        const YEAR_S: f64 = 365.0 * 86_400.0;
        self.between("cpu_floor_cores", policy.cpu_floor.0, 0.01, 4096.0);
        if let Some(Cores(ceiling)) = policy.cpu_ceiling {
            let floor = policy.cpu_floor.0;
            if ceiling < floor {
                let expected = format!("at least cpu_floor_cores, which is {floor}");
                self.wrong("cpu_ceiling_cores", ceiling, expected);
            } else {
                self.between("cpu_ceiling_cores", ceiling, 0.01, 4096.0);
            }
        }
        if policy.memory_floor < Bytes::from_mib(1) {
            let floor = Size(policy.memory_floor.0);
            self.wrong("memory_floor", floor, "at least 1MiB".to_owned());
        }
        if let Some(ceiling) = policy.memory_ceiling
            && ceiling < policy.memory_floor
        {
            let floor = Size(policy.memory_floor.0);
            let expected = format!("at least memory_floor, which is {floor}");
            self.wrong("memory_ceiling", Size(ceiling.0), expected);
        }
        self.margin(
            ["cpu_margin", "cpu_margin_min", "cpu_margin_max"],
            [
                policy.cpu_margin,
                policy.cpu_margin_min,
                policy.cpu_margin_max,
            ],
        );
        self.margin(
            ["memory_margin", "memory_margin_min", "memory_margin_max"],
            [
                policy.memory_margin,
                policy.memory_margin_min,
                policy.memory_margin_max,
            ],
        );
        self.between("memory_max_margin", policy.memory_max_margin, 0.0, 10.0);
        self.between("oom_bump", policy.oom_bump, 0.0, 10.0);
        self.between(
            "cpu_throttle_tolerance",
            policy.cpu_throttle_tolerance,
            0.0,
            1.0,
        );
        let price = policy.cpu_stall_price;
        self.between("cpu_stall_price", price, 0.01, f64::INFINITY);
        self.between("cpu_burst", policy.cpu_burst, 0.0, 1.0);
        if let Some(weight) = policy.cpu_weight
            && !(1..=10_000).contains(&weight)
        {
            self.wrong("cpu_weight", weight, "1 to 10000".to_owned());
        }
        if !QUANTILES
            .iter()
            .any(|known| (known - policy.quantile).abs() < 1e-9)
        {
            let known = QUANTILES.map(|known| known.to_string()).join(", ");
            self.wrong("quantile", policy.quantile, format!("one of {known}"));
        }
        self.between("hysteresis", policy.hysteresis, 0.0, 1.0);
        self.between("max_step_down", policy.max_step_down, 0.01, 1.0);
        self.between("memory_stall_veto", policy.memory_stall_veto, 0.0, 1.0);
        self.between("cooldown_s", policy.cooldown_s, 0.0, YEAR_S);
        self.between("warmup_s", policy.warmup_s, 0.0, YEAR_S);
        self.between("stale_s", policy.stale_s, 1.0, YEAR_S);
        self.between("oom_half_life_s", policy.oom_half_life_s, 1.0, YEAR_S);
        self.between("hand_over_s", policy.hand_over_s, 60.0, f64::INFINITY);
    }

    fn on_foreign_change(&mut self, said: &str) -> OnForeignChange {
        let all = [OnForeignChange::Reapply, OnForeignChange::Yield];
        let known = all.into_iter().find(|known| word(*known) == said);
        if known.is_none() {
            let expected = all.map(|known| format!("\"{}\"", word(known))).join(" or ");
            self.wrong("on_foreign_change", format!("{said:?}"), expected);
        }
        known.unwrap_or_default()
    }

    /// A margin between its bounds, all of them sane.
    fn margin(&mut self, keys: [&str; 3], values: [f64; 3]) {
        let before = self.errors.len();
        for (key, value) in keys.into_iter().zip(values) {
            self.between(key, value, 0.0, 10.0);
        }
        if self.errors.len() > before {
            return;
        }
        let [margin, least, most] = values;
        if most < least {
            let expected = format!("at least {}, which is {least}", keys[1]);
            self.wrong(keys[2], most, expected);
        } else if !(least..=most).contains(&margin) {
            let expected = format!("between {} and {}, {least} to {most}", keys[1], keys[2]);
            self.wrong(keys[0], margin, expected);
        }
    }

    fn between(&mut self, key: &str, value: f64, low: f64, high: f64) {
        if !(low..=high).contains(&value) {
            self.wrong(key, value, format!("{low} to {high}"));
        }
    }

    fn wrong(&mut self, key: &str, value: impl ToString, expected: String) {
        let key = format!("{}.{key}", self.place);
        let origin = self.origins.of(&key).clone();
        self.errors.push(ConfigError::Invalid {
            key,
            value: value.to_string(),
            origin,
            expected,
        });
    }
}
