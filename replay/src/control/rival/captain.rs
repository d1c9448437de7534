//! Autothrottle's Captain.
//!
//! Source: Wang et al., "Autothrottle" (NSDI'24), and `worker-daemon.py` of microsoft/autothrottle.
//! Each 100 ms it samples use and throttled periods, each second it decides, with r the mean of
//! throttled periods a sample and r* its target:
//!
//! - the margin, 3 at first, becomes max(0, margin + r - r*);
//! - r > 3 r*: the limit grows by the factor 1 + r - 3 r*;
//! - else, if the highest use of the last 50 samples plus margin times their standard deviation is at
//!   most 0.9 of the limit, it becomes that, but at least half;
//! - r > 3 r* at any sample after a lowering: the lowering is taken back twice
//!   (2 times the limit before it, minus the limit), the margin grows by r - r*, r begins anew.
//!
//! A tick of a second or more is ten samples of the same use and throttling, and one decision. The
//! targets, 0 to 0.3, are chosen each minute by a second part (Tower) from the latency of the
//! application, which traces do not have: two fixed ones stand for them.

use std::collections::VecDeque;

use super::{Rival, Seen};
use crate::control::Bounds;

const SAMPLES: usize = 10;
const HISTORY: usize = 50;
const SAMPLE_S: f64 = 0.1;
const FIRST_MARGIN: f64 = 3.0;
const LEAST_CORES: f64 = 0.01;
/// The limit at the start is of the user's choice: so many times the first use.
const FIRST_FACTOR: f64 = 2.0;

/// See the module.
#[derive(Debug, Clone)]
pub struct Captain {
    target: f64,
    limit: Option<f64>,
    before: f64,
    margin: f64,
    lowered: bool,
    /// Throttled periods of the samples since the last decision; the rest of the ten are zero.
    throttled: VecDeque<f64>,
    used: VecDeque<f64>,
    /// Samples until the next decision.
    left: usize,
}

impl Captain {
    /// With this share of throttled periods as its target.
    #[must_use]
    pub fn new(target: f64) -> Self {
        Self {
            target,
            limit: None,
            before: 0.0,
            margin: FIRST_MARGIN,
            lowered: false,
            throttled: VecDeque::from([0.0; SAMPLES]),
            used: VecDeque::from([0.0; HISTORY]),
            left: SAMPLES,
        }
    }

    /// With this limit in force, in cores, instead of one that the first use gives.
    #[must_use]
    pub fn beginning_at(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self.before = limit;
        self
    }

    fn sample(&mut self, limit: f64, used: f64, throttled: f64) -> f64 {
        push(&mut self.throttled, throttled);
        push(&mut self.used, used);
        let mut limit = limit;
        let rate = mean(&self.throttled);
        if self.lowered && rate > 3.0 * self.target {
            limit = 2.0 * self.before - limit;
            self.margin += rate - self.target;
            self.lowered = false;
            self.throttled.iter_mut().for_each(|r| *r = 0.0);
        }
        self.left -= 1;
        if self.left == 0 {
            self.left = SAMPLES;
            limit = self.decision(limit);
        }
        limit
    }

    fn decision(&mut self, limit: f64) -> f64 {
        self.before = limit;
        self.lowered = false;
        let rate = mean(&self.throttled);
        self.margin = (self.margin + rate - self.target).max(0.0);
        let mut next = limit;
        if rate > 3.0 * self.target {
            next = limit * (1.0 + rate - 3.0 * self.target);
        } else {
            let highest = self.used.iter().copied().fold(0.0, f64::max);
            let wanted = highest + deviation(&self.used) * self.margin;
            if wanted <= 0.9 * limit {
                next = wanted.max(0.5 * limit);
                self.lowered = true;
            }
        }
        self.throttled.iter_mut().for_each(|r| *r = 0.0);
        next.max(LEAST_CORES)
    }
}

impl Rival for Captain {
    fn decide(&mut self, seen: &Seen) -> Bounds {
        let Some(used) = seen.used else {
            return self.limit.map_or(Bounds::NONE, Bounds::hard);
        };
        let mut limit = *self
            .limit
            .get_or_insert((FIRST_FACTOR * used).max(LEAST_CORES));
        let samples = (seen.step_s / SAMPLE_S).round().clamp(1.0, SAMPLES as f64) as usize;
        for _ in 0..samples {
            limit = self.sample(limit, used, seen.throttled_share);
        }
        self.limit = Some(limit);
        Bounds::hard(limit)
    }
}

fn push(ring: &mut VecDeque<f64>, value: f64) {
    ring.pop_front();
    ring.push_back(value);
}

fn mean(values: &VecDeque<f64>) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation of a sample (over n - 1).
fn deviation(values: &VecDeque<f64>) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calm, near};
    use super::*;

    /// One that has seen 5 s of a steady use.
    fn settled(limit: f64, used: f64) -> Captain {
        Captain {
            used: VecDeque::from([used; HISTORY]),
            ..Captain::new(0.1).beginning_at(limit)
        }
    }

    fn throttled(share: f64, used: f64) -> Seen {
        Seen {
            throttled_share: share,
            ..calm(1.0, used)
        }
    }

    #[test]
    fn throttling_beyond_three_times_the_target_raises_by_the_excess() {
        let mut captain = settled(2.0, 2.0);
        assert!(near(captain.decide(&throttled(0.8, 2.0)).max, 2.0 * 1.5));
        assert!(near(captain.margin, 3.0 + 0.8 - 0.1));
        // 0.3 is just the bound: neither up nor, with use at 0.67 of the limit plus a margin, down.
        let mut captain = settled(2.0, 1.9);
        assert!(near(captain.decide(&throttled(0.3, 1.9)).max, 2.0));
        assert!(near(captain.margin, 3.2));
    }

    #[test]
    fn without_throttling_it_falls_to_the_highest_use_and_a_margin_but_half_at_most() {
        let mut captain = settled(10.0, 1.0);
        assert!(near(captain.decide(&calm(1.0, 1.0)).max, 5.0));
        assert!(near(captain.decide(&calm(1.0, 1.0)).max, 2.5));
        assert!(near(captain.margin, 2.8));
        // Ten samples of 2 among fifty: standard deviation sqrt(10 * 0.8^2 + 40 * 0.2^2) / 7.
        let mut captain = settled(100.0, 1.0);
        captain.limit = Some(6.0);
        let deviation = ((10.0 * 0.64 + 40.0 * 0.04) / 49.0_f64).sqrt();
        let expected = 2.0 + 2.9 * deviation;
        assert!(
            near(captain.decide(&calm(1.0, 2.0)).max, expected),
            "{expected}"
        );
    }

    #[test]
    fn a_lowering_that_throttles_is_taken_back_twice() {
        let mut captain = settled(10.0, 1.0);
        captain.decide(&calm(1.0, 1.0));
        let margin = captain.margin;
        // At the fourth sample the mean is 0.4: the limit becomes 2 * 10 - 5. The six that are left
        // make 0.6, and that raises it by 0.3.
        let limit = captain.decide(&throttled(1.0, 5.0)).max;
        assert!(near(limit, 15.0 * 1.3), "{limit}");
        assert!(
            near(captain.margin, margin + 0.3 + 0.5),
            "{}",
            captain.margin
        );
    }

    #[test]
    fn short_ticks_are_single_samples() {
        let mut captain = settled(10.0, 1.0);
        for _ in 0..9 {
            assert!(near(captain.decide(&calm(0.1, 1.0)).max, 10.0));
        }
        assert!(near(captain.decide(&calm(0.1, 1.0)).max, 5.0));
    }
}
