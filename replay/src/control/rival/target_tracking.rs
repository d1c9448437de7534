//! Target tracking as the Kubernetes horizontal autoscaler does it, on the limit of one workload: the
//! use of each interval over a target share, and the highest of these over a window.
//!
//! Source: the baselines `k8s-cpu` (15 s, 300 s) and `k8s-cpu-fast` (1 s, 20 s) of Autothrottle
//! (NSDI'24, microsoft/autothrottle, `worker-daemon.py`). The target share is tuned by each user
//! there; 0.6 lies in the middle of what is usual.

use std::collections::VecDeque;

use super::{Rival, Seen};
use crate::control::Bounds;

/// No limit is lower, in cores.
const LEAST_CORES: f64 = 0.01;
/// Share of the limit that should be in use.
const TARGET: f64 = 0.6;

/// See the module.
#[derive(Debug, Clone)]
pub struct TargetTracking {
    interval_s: f64,
    window_s: f64,
    /// Use since the last decision: amount times seconds, and seconds.
    sum: (f64, f64),
    wanted: VecDeque<f64>,
    last: Bounds,
}

impl TargetTracking {
    const fn new(interval_s: f64, window_s: f64) -> Self {
        Self {
            interval_s,
            window_s,
            sum: (0.0, 0.0),
            wanted: VecDeque::new(),
            last: Bounds::NONE,
        }
    }

    /// Each 15 s, over 300 s.
    pub const fn slow() -> Self {
        Self::new(15.0, 300.0)
    }

    /// Each second, over 20 s.
    pub const fn fast() -> Self {
        Self::new(1.0, 20.0)
    }
}

impl Rival for TargetTracking {
    fn decide(&mut self, seen: &Seen) -> Bounds {
        if let Some(used) = seen.used {
            self.sum.0 += used * seen.step_s;
            self.sum.1 += seen.step_s;
        }
        if self.sum.1 + 1e-6 < self.interval_s {
            return self.last;
        }
        let (amount, seconds) = std::mem::take(&mut self.sum);
        self.wanted.push_back(amount / seconds / TARGET);
        let keep = (self.window_s / seconds).max(1.0) as usize;
        while self.wanted.len() > keep {
            self.wanted.pop_front();
        }
        self.last = Bounds::hard(self.wanted.iter().copied().fold(LEAST_CORES, f64::max));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calm, near};
    use super::*;

    #[test]
    fn the_highest_of_the_window_over_the_target() {
        let mut slow = TargetTracking::slow();
        assert!(near(slow.decide(&calm(60.0, 3.0)).max, 5.0));
        for _ in 0..4 {
            assert!(near(slow.decide(&calm(60.0, 0.6)).max, 5.0));
        }
        assert!(
            near(slow.decide(&calm(60.0, 0.6)).max, 1.0),
            "300 s are over"
        );
    }

    #[test]
    fn an_idle_workload_keeps_a_hundredth_of_a_core() {
        let mut fast = TargetTracking::fast();
        assert!(near(fast.decide(&calm(60.0, 0.0)).max, 0.01));
    }

    #[test]
    fn ticks_shorter_than_the_interval_are_averaged() {
        let mut slow = TargetTracking::slow();
        for _ in 0..14 {
            assert!(slow.decide(&calm(1.0, 0.6)).max.is_infinite());
        }
        assert!(
            near(slow.decide(&calm(1.0, 9.6)).max, 2.0),
            "18 core seconds in 15 s"
        );
        let mut fast = TargetTracking::fast();
        assert!(near(fast.decide(&calm(60.0, 3.0)).max, 5.0));
        assert!(
            near(fast.decide(&calm(60.0, 0.6)).max, 1.0),
            "a tick is longer than 20 s"
        );
    }
}
