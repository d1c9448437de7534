//! The moving window recommenders of Google's Autopilot.
//!
//! Source: Rzadca et al., "Autopilot: workload autoscaling at Google" (EuroSys'20), section 3.2: of
//! each 5 minutes a histogram of CPU samples and the peak of memory; weights halve in 12 h for CPU.
//! For CPU of serving jobs the 95th percentile of the load (each sample counts by its size, so that
//! 95 % of the work ran below it); for memory of jobs that tolerate few OOM kills the maximum over a
//! window, whose length is not published and is seven days here. Then a margin of 10 to 15 %, the
//! more the smaller the limit (15 % here), and the highest recommendation of the last hour.

use std::collections::VecDeque;

use super::{Rival, Seen};
use crate::control::Bounds;
use crate::reference::DecayedHistogram;
use crate::score::OPERATING;

const INTERVAL_S: f64 = 300.0;
const CPU_HALF_LIFE_S: f64 = 12.0 * 3600.0;
const MEMORY_WINDOW_S: f64 = 7.0 * 86_400.0;
const HOUR_S: f64 = 3600.0;
const MARGIN: f64 = 1.15;
/// Width of a histogram's first bucket in cores.
const FIRST_CORES: f64 = 0.01;

/// See the module.
#[derive(Debug, Clone)]
pub struct Autopilot {
    usage: Usage,
    waited_s: f64,
    recommended: Highest,
    last: Bounds,
}

#[derive(Debug, Clone)]
enum Usage {
    Cpu(Option<DecayedHistogram>),
    Memory { peaks: Highest, now: f64 },
}

/// The highest of the last values, in a queue that only holds what can still become it.
#[derive(Debug, Clone, Default)]
struct Highest {
    at: u64,
    falling: VecDeque<(u64, f64)>,
}

impl Highest {
    fn push(&mut self, value: f64, window: u64) -> f64 {
        self.at += 1;
        while self.falling.back().is_some_and(|(_, last)| *last <= value) {
            self.falling.pop_back();
        }
        self.falling.push_back((self.at, value));
        while self
            .falling
            .front()
            .is_some_and(|(at, _)| at + window <= self.at)
        {
            self.falling.pop_front();
        }
        self.falling.front().map_or(value, |(_, highest)| *highest)
    }
}

impl Autopilot {
    fn new(usage: Usage) -> Self {
        Self {
            usage,
            waited_s: 0.0,
            recommended: Highest::default(),
            last: Bounds::NONE,
        }
    }

    /// On CPU.
    pub fn cpu() -> Self {
        Self::new(Usage::Cpu(None))
    }

    /// On memory.
    pub fn memory() -> Self {
        Self::new(Usage::Memory {
            peaks: Highest::default(),
            now: 0.0,
        })
    }
}

impl Rival for Autopilot {
    fn decide(&mut self, seen: &Seen) -> Bounds {
        match &mut self.usage {
            Usage::Cpu(samples) => samples
                .get_or_insert_with(|| {
                    DecayedHistogram::new(FIRST_CORES, CPU_HALF_LIFE_S / seen.step_s)
                })
                .push_weighted(seen.used, seen.used.unwrap_or(0.0)),
            // What is killed has reached its limit.
            Usage::Memory { now, .. } if seen.kills > 0 => *now = now.max(seen.bounds.max),
            Usage::Memory { now, .. } => *now = now.max(seen.used.unwrap_or(0.0)),
        }
        self.waited_s += seen.step_s;
        let first = self.last.max.is_infinite();
        if self.waited_s + 1e-6 < INTERVAL_S && !first {
            return self.last;
        }
        let interval_s = self.waited_s.max(INTERVAL_S);
        self.waited_s = 0.0;
        let recommended = match &mut self.usage {
            Usage::Cpu(samples) => {
                let quantiles = samples.as_ref().and_then(DecayedHistogram::quantiles);
                quantiles.map_or(0.0, |q| q[OPERATING])
            }
            Usage::Memory { peaks, now } => {
                peaks.push(std::mem::take(now), (MEMORY_WINDOW_S / interval_s) as u64)
            }
        };
        let hour = (HOUR_S / interval_s).max(1.0) as u64;
        let highest = self.recommended.push(recommended * MARGIN, hour);
        if highest > 0.0 {
            self.last = Bounds::hard(highest);
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calm, near};
    use super::*;

    #[test]
    fn the_percentile_is_of_the_work_and_not_of_the_time() {
        let mut rule = Autopilot::cpu();
        // 90 % of the time one core, 10 % ten: more than half of the work runs at ten.
        let limits: Vec<f64> = (0..200)
            .map(|tick| {
                rule.decide(&calm(300.0, if tick % 10 == 9 { 10.0 } else { 1.0 }))
                    .max
            })
            .collect();
        assert!((1.15..1.15 * 1.06).contains(&limits[0]), "{}", limits[0]);
        assert!(
            (11.5..11.5 * 1.06).contains(&limits[199]),
            "{}",
            limits[199]
        );
        // Little work at six does not count: a tick in the weight of some 158 of them.
        let mut rule = Autopilot::cpu();
        let last = (0..299)
            .map(|_| rule.decide(&calm(300.0, 1.0)))
            .last()
            .unwrap();
        assert!(near(rule.decide(&calm(300.0, 6.0)).max, last.max));
    }

    #[test]
    fn of_memory_the_highest_of_a_week_and_a_margin() {
        let mut rule = Autopilot::memory();
        assert!(near(rule.decide(&calm(300.0, 2e9)).max, 2.3e9));
        let week = 7 * 288;
        let limits: Vec<f64> = (0..week + 20)
            .map(|_| rule.decide(&calm(300.0, 1e9)).max)
            .collect();
        assert!(near(limits[week - 2], 2.3e9));
        // It stays for an hour after the peak has left the window.
        assert!(near(limits[week - 2 + 11], 2.3e9) && near(limits[week - 1 + 12], 1.15e9));
        let killed = Seen {
            bounds: Bounds::hard(1.15e9),
            kills: 1,
            ..calm(300.0, 2e8)
        };
        assert!(near(rule.decide(&killed).max, 1.15 * 1.15e9));
    }

    #[test]
    fn it_recommends_each_five_minutes() {
        let mut rule = Autopilot::memory();
        rule.decide(&calm(60.0, 1e9));
        for _ in 0..4 {
            assert!(near(rule.decide(&calm(60.0, 2e9)).max, 1.15e9));
        }
        assert!(near(rule.decide(&calm(60.0, 1e9)).max, 2.3e9));
    }
}
