//! Sets of numbers by what a workload is. Each is a whole policy; every number can be set anew.

use super::{OnForeignChange, Policy};
use crate::units::{Bytes, Cores};

/// What a workload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    /// People wait for its answers: weight and burst first, a generous quota, slow to take back.
    Latency,
    /// Neither of the two.
    #[default]
    Standard,
    /// Nobody waits: a tight quota, what is left of the CPU, quick to take back.
    Batch,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 3] = [Self::Latency, Self::Standard, Self::Batch];

    /// Name as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Standard => "standard",
            Self::Batch => "batch",
        }
    }

    /// The preset of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Its numbers.
    #[must_use]
    pub fn policy(self) -> Policy {
        let standard = Policy {
            hands_off: false,
            canary: None,
            cpu_floor: Cores(0.05),
            cpu_ceiling: None,
            cpu_margin: 0.1,
            cpu_margin_min: 0.1,
            cpu_margin_max: 0.6,
            cpu_throttle_tolerance: 0.03,
            cpu_stall_price: 10.0,
            cpu_burst: 0.5,
            cpu_weight: None,
            memory_floor: Bytes::from_mib(16),
            memory_ceiling: None,
            memory_margin: 0.09,
            memory_margin_min: 0.02,
            memory_margin_max: 0.5,
            memory_max_margin: 0.05,
            quantile: 0.95,
            cooldown_s: 5.0,
            hysteresis: 0.05,
            max_step_down: 0.5,
            warmup_s: 15.0,
            stale_s: 10.0,
            memory_stall_veto: 0.05,
            oom_bump: 0.2,
            oom_half_life_s: 4.0 * 3600.0,
            on_foreign_change: OnForeignChange::Reapply,
            hand_over_s: 3600.0,
        };
        match self {
            Self::Standard => standard,
            Self::Latency => Policy {
                cpu_floor: Cores(0.1),
                cpu_margin: 0.3,
                cpu_margin_min: 0.3,
                cpu_margin_max: 1.5,
                cpu_throttle_tolerance: 0.0,
                cpu_stall_price: f64::INFINITY,
                cpu_burst: 1.0,
                cpu_weight: Some(400),
                memory_margin: 0.15,
                memory_margin_min: 0.15,
                memory_margin_max: 0.8,
                quantile: 0.99,
                cooldown_s: 60.0,
                max_step_down: 0.1,
                warmup_s: 60.0,
                memory_stall_veto: 0.01,
                oom_bump: 0.3,
                ..standard
            },
            Self::Batch => Policy {
                cpu_margin: 0.08,
                cpu_margin_min: 0.0,
                cpu_margin_max: 0.3,
                cpu_throttle_tolerance: 0.1,
                cpu_stall_price: 1.0,
                cpu_burst: 0.0,
                cpu_weight: Some(25),
                memory_margin: 0.06,
                memory_margin_min: 0.02,
                memory_margin_max: 0.4,
                memory_max_margin: 0.1,
                quantile: 0.9,
                cooldown_s: 3.0,
                max_step_down: 0.9,
                memory_stall_veto: 0.1,
                ..standard
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_presets() {
        for preset in Preset::ALL {
            assert_eq!(Preset::of(preset.name()), Some(preset));
        }
        assert_eq!(Preset::of("Latency"), None);
    }

    #[test]
    fn presets_stand_in_order_from_generous_to_tight() {
        let [latency, standard, batch] = Preset::ALL.map(Preset::policy);
        for (more, less) in [(&latency, &standard), (&standard, &batch)] {
            assert!(more.cpu_margin > less.cpu_margin);
            assert!(more.cpu_burst > less.cpu_burst);
            assert!(more.cpu_throttle_tolerance < less.cpu_throttle_tolerance);
            assert!(more.cpu_stall_price > less.cpu_stall_price);
            assert!(more.memory_margin > less.memory_margin);
            assert!(more.quantile > less.quantile);
            assert!(more.cooldown_s > less.cooldown_s);
            assert!(more.max_step_down < less.max_step_down);
        }
        assert!(latency.cpu_weight > Some(100) && batch.cpu_weight < Some(100));
    }

    #[test]
    fn each_margin_begins_inside_its_bounds() {
        for policy in Preset::ALL.map(Preset::policy) {
            let cpu = policy.cpu_margin_min..=policy.cpu_margin_max;
            assert!(cpu.contains(&policy.cpu_margin));
            let memory = policy.memory_margin_min..=policy.memory_margin_max;
            assert!(memory.contains(&policy.memory_margin));
        }
    }
}
