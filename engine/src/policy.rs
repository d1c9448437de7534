//! What people allow: bounds, margins and pace, per workload. Plain data; the edge parses it.

use crate::units::{Bytes, Cores};

/// May the agent write limits at all?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Compute and show, never write. The default.
    #[default]
    Observe,
    /// Write the limits of opted-in workloads.
    Enforce,
}

/// The numbers that steer the laws for one workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Quota is never set below this.
    pub cpu_floor: Cores,
    /// Quota is never set above this; `None` means the node's allocatable CPU.
    pub cpu_ceiling: Option<Cores>,
    /// Room above the CPU target, as a fraction (0.15 is 15 %).
    pub cpu_margin: f64,
    /// `memory.high` is never set below this.
    pub memory_floor: Bytes,
    /// `memory.max` is never set above this; `None` means the node's allocatable memory.
    pub memory_ceiling: Option<Bytes>,
    /// Room of `memory.high` above the memory target, as a fraction.
    pub memory_margin: f64,
    /// Room of `memory.max` above `memory.high`, as a fraction.
    pub memory_max_margin: f64,
    /// Quantile of the forecast peak that drives the target; one of `forecast::QUANTILES`.
    pub quantile: f64,
    /// Seconds that a limit rests after a raise before it may fall.
    pub cooldown_s: f64,
    /// Changes smaller than this fraction of the limit in force are not made.
    pub hysteresis: f64,
    /// A lowering step removes at most this fraction of the limit in force.
    pub max_step_down: f64,
    /// A new workload's limits are not lowered in its first seconds.
    pub warmup_s: f64,
    /// Share of the last tick's time stalled for memory above which memory is raised, not lowered.
    pub memory_stall_veto: f64,
    /// Memory floor after an OOM kill: the use at the kill times one plus this.
    pub oom_bump: f64,
    /// Seconds until half of that OOM floor's surplus has gone.
    pub oom_half_life_s: f64,
}

impl Default for Policy {
    /// The `standard` preset.
    fn default() -> Self {
        Self {
            cpu_floor: Cores(0.05),
            cpu_ceiling: None,
            cpu_margin: 0.15,
            memory_floor: Bytes::from_mib(16),
            memory_ceiling: None,
            memory_margin: 0.15,
            memory_max_margin: 0.15,
            quantile: 0.95,
            cooldown_s: 5.0,
            hysteresis: 0.05,
            max_step_down: 0.3,
            warmup_s: 15.0,
            memory_stall_veto: 0.05,
            oom_bump: 0.2,
            oom_half_life_s: 4.0 * 3600.0,
        }
    }
}
