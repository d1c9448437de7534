//! The bookkeeping of the fast path: what was raised between two ticks and how long it took.

use std::collections::VecDeque;

use llmos_engine::units::CgroupId;

use crate::board::Between;

/// Times from event to write that are kept.
const TIMES: usize = 1024;
/// So many of them make a quantile, and what a raise takes until there are.
const ENOUGH: usize = 20;
const USUAL_S: f64 = 0.01;
/// Bounds of what a raise is taken to need, in seconds.
const REACTION_S: (f64, f64) = (0.002, 0.02);
/// Of so many in a hundred is that.
const MOST: f64 = 0.95;

/// Decisions kept for the next tick to show; the limits are raised all the same.
const SHOWN: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub struct FastPath {
    writes: u64,
    times_ms: VecDeque<f64>,
    shown: Vec<Between>,
    /// Cgroups whose near-quota event comes at another share than the configured one.
    told_early: Vec<CgroupId>,
}

impl FastPath {
    /// A limit was written so many nanoseconds after the event.
    pub fn wrote(&mut self, after_ns: u64) {
        self.writes += 1;
        if self.times_ms.len() == TIMES {
            self.times_ms.pop_front();
        }
        self.times_ms.push_back(after_ns as f64 / 1e6);
    }

    /// The next tick is to show this.
    pub fn show(&mut self, made: Between) {
        if self.shown.len() < SHOWN {
            self.shown.push(made);
        }
    }

    /// What the tick is to show, oldest first.
    pub fn take_shown(&mut self) -> Vec<Between> {
        std::mem::take(&mut self.shown)
    }

    /// The threshold of this cgroup was moved.
    pub fn told_early(&mut self, id: CgroupId) {
        if !self.told_early.contains(&id) {
            self.told_early.push(id);
        }
    }

    /// The threshold of this cgroup is back.
    pub fn told_as_usual(&mut self, id: CgroupId) {
        self.told_early.retain(|told| *told != id);
    }

    /// Cgroups whose threshold has to go back, as `over` says that their raise is.
    pub fn take_over(&mut self, over: impl Fn(CgroupId) -> bool) -> Vec<CgroupId> {
        let (gone, stay) = self.told_early.iter().partition(|id| over(**id));
        self.told_early = stay;
        gone
    }

    /// Limits raised since the start.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Seconds within which nearly all events become writes.
    #[must_use]
    pub fn reaction_s(&self) -> f64 {
        let measured = (self.times_ms.len() >= ENOUGH).then(|| self.latency_ms(MOST));
        let seconds = measured.flatten().map_or(USUAL_S, |ms| ms / 1e3);
        seconds.clamp(REACTION_S.0, REACTION_S.1)
    }

    /// A quantile (0 to 1) of the last times from event to write, in milliseconds.
    #[must_use]
    pub fn latency_ms(&self, quantile: f64) -> Option<f64> {
        let mut sorted: Vec<f64> = self.times_ms.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = (last as f64 * quantile.clamp(0.0, 1.0)).round() as usize;
        sorted.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_quantiles_and_old_ones_leave() {
        let mut fast = FastPath::default();
        assert_eq!(fast.latency_ms(0.5), None);
        (1..=100).for_each(|ms| fast.wrote(ms * 1_000_000));
        assert_eq!(fast.latency_ms(0.0), Some(1.0));
        assert_eq!(fast.latency_ms(0.99), Some(99.0));
        (0..TIMES).for_each(|_| fast.wrote(7_000_000));
        assert_eq!(fast.latency_ms(0.0), Some(7.0));
        assert_eq!(fast.writes(), 100 + TIMES as u64);
    }

    #[test]
    fn the_reaction_is_what_was_measured_once_that_is_enough() {
        let mut fast = FastPath::default();
        fast.wrote(4_000_000);
        assert!((fast.reaction_s() - USUAL_S).abs() < 1e-9);
        (0..ENOUGH).for_each(|_| fast.wrote(4_000_000));
        assert!((fast.reaction_s() - 0.004).abs() < 1e-9);
        (0..TIMES).for_each(|_| fast.wrote(4_000));
        assert!((fast.reaction_s() - REACTION_S.0).abs() < 1e-9);
    }

    #[test]
    fn a_threshold_goes_back_once() {
        let mut fast = FastPath::default();
        for id in [1, 2, 1] {
            fast.told_early(CgroupId(id));
        }
        assert_eq!(fast.take_over(|id| id == CgroupId(1)), [CgroupId(1)]);
        assert_eq!(fast.take_over(|_| true), [CgroupId(2)]);
        assert_eq!(fast.take_over(|_| true), []);
    }
}
