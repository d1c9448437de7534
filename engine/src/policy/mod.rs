//! What people allow: bounds, margins and pace, per workload. Plain data; the edge parses it.

mod node;
mod preset;

use crate::units::{Bytes, Cores};

pub use node::NodePolicy;
pub use preset::Preset;

/// May the agent write limits at all?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Compute and show, never write. The default.
    #[default]
    Observe,
    /// Write the limits of opted-in workloads.
    Enforce,
}

/// What becomes of a limit that somebody else has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnForeignChange {
    /// It is written again after a while, and left to them if they insist. The default.
    #[default]
    Reapply,
    /// It is left to them at once.
    Yield,
}

/// The numbers that steer the laws for one workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Decide nothing: whatever is in force stays.
    pub hands_off: bool,
    /// A number for the workloads that people call alike: limits fall for a few of them first. `None` is
    /// like nobody.
    pub canary: Option<u32>,
    /// Quota is never set below this, not even on a node that is short of CPU: the guarantee.
    pub cpu_floor: Cores,
    /// Quota is never set above this; `None` means the node's allocatable CPU.
    pub cpu_ceiling: Option<Cores>,
    /// Room above the CPU target to begin with, as a fraction (0.15 is 15 %).
    pub cpu_margin: f64,
    /// The least that what happens may make of that room.
    pub cpu_margin_min: f64,
    /// The most that it may make of it.
    pub cpu_margin_max: f64,
    /// Share of throttled enforcement periods from which demand counts as cut off.
    pub cpu_throttle_tolerance: f64,
    /// What a second in which work waits for the quota costs, in seconds of the whole recent peak
    /// held ready for nothing. The lower, the tighter; infinite: every peak that is forecast is
    /// covered.
    pub cpu_stall_price: f64,
    /// The most burst credit, as a fraction of the quota; 0 is none.
    pub cpu_burst: f64,
    /// `cpu.weight`, and the share of a node that is short of CPU. `None` leaves the file alone
    /// and takes the weight that is in force for the share.
    pub cpu_weight: Option<u64>,
    /// `memory.high` is never set below this: the guarantee.
    pub memory_floor: Bytes,
    /// `memory.max` is never set above this; `None` means the node's allocatable memory.
    pub memory_ceiling: Option<Bytes>,
    /// Room of `memory.high` above the memory target to begin with, as a fraction.
    pub memory_margin: f64,
    /// The least that what happens may make of that room.
    pub memory_margin_min: f64,
    /// The most that it may make of it.
    pub memory_margin_max: f64,
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
    /// A new workload's limits are not lowered in its first seconds, nor those of one whose use
    /// was unknown for longer than `stale_s`.
    pub warmup_s: f64,
    /// Seconds without data after which what is known counts as stale.
    pub stale_s: f64,
    /// Share of the last tick's time stalled for memory above which memory is raised, not lowered.
    pub memory_stall_veto: f64,
    /// Memory floor after an OOM kill: the use at the kill times one plus this.
    pub oom_bump: f64,
    /// Seconds until half of that OOM floor's surplus has gone.
    pub oom_half_life_s: f64,
    /// What becomes of a limit that somebody else has changed. No law looks at it.
    pub on_foreign_change: OnForeignChange,
    /// Seconds that such a limit is left to them.
    pub hand_over_s: f64,
}

impl Default for Policy {
    /// The `standard` preset.
    fn default() -> Self {
        Preset::Standard.policy()
    }
}
