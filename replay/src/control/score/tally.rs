//! What happened to one series under one controller, in its scored part.

use crate::control::plant::{CpuTick, MemoryTick};
use crate::control::{Bounds, Demand};

/// Sums over the scored ticks whose demand is known. Limits and use are in the unit of the series.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    cut: usize,
    step_s: f64,
    size: f64,
    /// Is this tick scored?
    scored: bool,
    ticks: u64,
    limits: f64,
    soft_limits: f64,
    used: f64,
    stalled_s: f64,
    wanted: f64,
    delayed: f64,
    kills: u64,
    changes: u64,
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(demand: &Demand) -> Self {
        Self {
            cut: demand.cut,
            step_s: demand.step_s,
            size: demand.size,
            scored: false,
            ticks: 0,
            limits: 0.0,
            soft_limits: 0.0,
            used: 0.0,
            stalled_s: 0.0,
            wanted: 0.0,
            delayed: 0.0,
            kills: 0,
            changes: 0,
        }
    }

    /// A tick of CPU under these limits.
    pub fn cpu(&mut self, tick: usize, bounds: &Bounds, wanted: f64, ran: &CpuTick) {
        if self.begin(tick, bounds, ran.served, ran.stalled_s) {
            self.wanted += wanted * self.step_s;
            self.delayed += ran.delayed;
        }
    }

    /// A tick of memory under these limits.
    pub fn memory(&mut self, tick: usize, bounds: &Bounds, ran: &MemoryTick) {
        if self.begin(tick, bounds, ran.used, ran.stalled_s) {
            self.kills += ran.kills;
        }
    }

    fn begin(&mut self, tick: usize, bounds: &Bounds, used: f64, stalled_s: f64) -> bool {
        self.scored = tick >= self.cut;
        if self.scored {
            self.ticks += 1;
            self.limits += bounds.reserved();
            self.soft_limits += bounds.high.min(bounds.max);
            self.used += used;
            self.stalled_s += stalled_s;
        }
        self.scored
    }

    /// After a tick: was a limit changed?
    pub fn changed(&mut self, yes: bool) {
        self.changes += u64::from(yes && self.scored);
    }

    fn span_s(&self) -> f64 {
        self.ticks as f64 * self.step_s
    }

    /// Sum of limit minus use over the sum of use. `None` if nothing was used.
    #[must_use]
    pub fn slack_ratio(&self) -> Option<f64> {
        (self.used > 0.0).then(|| (self.limits - self.used) / self.used)
    }

    /// The same against `memory.high` where there is one.
    #[must_use]
    pub fn soft_slack_ratio(&self) -> Option<f64> {
        (self.used > 0.0).then(|| (self.soft_limits - self.used) / self.used)
    }

    /// Mean of limit minus use, in sizes of the series.
    #[must_use]
    pub fn slack(&self) -> Option<f64> {
        (self.ticks > 0).then(|| (self.limits - self.used) / self.ticks as f64 / self.size)
    }

    /// Mean of use, in sizes of the series.
    #[must_use]
    pub fn used(&self) -> Option<f64> {
        (self.ticks > 0).then(|| self.used / self.ticks as f64 / self.size)
    }

    /// Share of the time with work that waits, or stalled for memory.
    #[must_use]
    pub fn stall_share(&self) -> Option<f64> {
        (self.ticks > 0).then(|| self.stalled_s / self.span_s())
    }

    /// Share of the work that did not run in the tick in which it came.
    #[must_use]
    pub fn delayed_share(&self) -> Option<f64> {
        (self.wanted > 0.0).then(|| self.delayed / self.wanted)
    }

    /// OOM kills.
    #[must_use]
    pub const fn kills(&self) -> u64 {
        self.kills
    }

    /// Ticks with a changed limit, an hour.
    #[must_use]
    pub fn changes_per_hour(&self) -> Option<f64> {
        (self.ticks > 0).then(|| self.changes as f64 * 3600.0 / self.span_s())
    }
}
