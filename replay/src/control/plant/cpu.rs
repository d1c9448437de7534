//! CPU under `cpu.max`: work that does not fit waits and is caught up with later.
//!
//! Within a tick demand is a steady flow. Where it exceeds the quota, the burst credit is used up
//! first; then work piles up. It runs at the full quota until nothing waits any more, but never on more
//! CPUs than the workload has threads for. A period in which something waits for the quota is a
//! throttled one. What is counted is what `cpu.stat` and
//! `cpu.pressure` would show:
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu>,
//! <https://docs.kernel.org/scheduler/sched-bwc.html>.

use llmos_engine::sample::RawSample;

use crate::control::Bounds;

/// Length of an enforcement period in seconds, as the kernel has it by default.
pub const PERIOD_S: f64 = 0.1;
/// Less waiting work than this, in CPU seconds, is rounding.
const NOTHING: f64 = 1e-9;

/// CPU of one workload.
#[derive(Debug, Clone, Copy)]
pub struct CpuPlant {
    /// The most that it can run at once, in cores.
    threads: f64,
    /// Work that waits, in CPU seconds.
    backlog: f64,
    /// Burst credit, in CPU seconds.
    credit: f64,
    used_s: f64,
    periods: f64,
    throttled_periods: f64,
    throttled_s: f64,
    waited_s: f64,
    burst_s: f64,
}

/// What came of one tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuTick {
    /// What ran, in cores.
    pub served: f64,
    /// Time in which work waited for the quota or for the node, in seconds.
    pub stalled_s: f64,
    /// Work of this tick that did not run in it, in CPU seconds.
    pub delayed: f64,
    /// Share of the periods that were throttled, 0 to 1.
    pub throttled_share: f64,
}

impl Default for CpuPlant {
    /// A workload with as many threads as it likes.
    fn default() -> Self {
        Self::new(f64::INFINITY)
    }
}

impl CpuPlant {
    /// A workload that can run on so many CPUs at once.
    #[must_use]
    pub const fn new(threads: f64) -> Self {
        Self {
            threads,
            backlog: 0.0,
            credit: 0.0,
            used_s: 0.0,
            periods: 0.0,
            throttled_periods: 0.0,
            throttled_s: 0.0,
            waited_s: 0.0,
            burst_s: 0.0,
        }
    }

    /// What this workload would run in a tick of `step_s` seconds if the node were its own, in CPU
    /// seconds. `demand` is in cores.
    #[must_use]
    pub fn asks(&self, demand: f64, bounds: &Bounds, step_s: f64) -> f64 {
        let credit = self.credit.min(bounds.burst_s);
        let most = (bounds.max * step_s + credit).min(self.threads * step_s);
        (self.backlog + demand * step_s).min(most)
    }

    /// One tick. `share` is the most that the node lets it run, in CPU seconds; infinite where
    /// nobody else is there.
    pub fn tick(&mut self, demand: f64, bounds: &Bounds, step_s: f64, share: f64) -> CpuTick {
        let (quota, limited) = (bounds.max, bounds.max.is_finite());
        self.credit = self.credit.min(bounds.burst_s);
        let wanted = self.backlog + demand * step_s;
        let asked = self.asks(demand, bounds, step_s);
        let served = asked.min(share);
        let waited_s = self.waits(demand, quota.min(self.threads), step_s);
        let throttled_s = if quota < self.threads { waited_s } else { 0.0 };
        let left = wanted - served;
        let crowded = asked - served > NOTHING;
        let stalled_s = if crowded { step_s } else { waited_s };

        if limited {
            let unused = self.credit + quota * step_s - served;
            self.credit = unused.clamp(0.0, bounds.burst_s);
            self.burst_s += (served - quota * step_s).max(0.0);
            if wanted > NOTHING {
                self.periods += step_s / PERIOD_S;
                self.throttled_periods += throttled_s / PERIOD_S;
            }
        }
        // So many tasks want to run at once; each period all of them run until the quota is gone,
        // and wait for the rest of it.
        let tasks = (wanted / step_s).min(self.threads).max(quota.min(f64::MAX));
        if limited && tasks > 0.0 {
            self.throttled_s += throttled_s * (tasks - quota);
            self.waited_s += throttled_s * (1.0 - quota / tasks);
        }
        if crowded {
            self.waited_s += step_s * (1.0 - served / asked);
        }
        self.used_s += served;
        self.backlog = if left > NOTHING { left } else { 0.0 };
        CpuTick {
            served: served / step_s,
            stalled_s,
            delayed: self.backlog.min(demand * step_s),
            throttled_share: throttled_s / step_s,
        }
    }

    /// Seconds of the tick in which work waits where `quota` cores run.
    fn waits(&self, demand: f64, quota: f64, step_s: f64) -> f64 {
        if quota.is_infinite() {
            return 0.0;
        }
        let at_once = self.backlog.min(self.credit);
        let (backlog, credit) = (self.backlog - at_once, self.credit - at_once);
        let room = quota - demand;
        let waits = if backlog > NOTHING {
            if room > 0.0 { backlog / room } else { step_s }
        } else if room < 0.0 {
            step_s - credit / -room
        } else {
            0.0
        };
        waits.clamp(0.0, step_s)
    }

    /// Gives up the work that waits: requests that nobody waits for any longer.
    pub fn shed(&mut self) {
        self.backlog = 0.0;
    }

    /// Puts the counters into a reading.
    pub fn read(&self, sample: &mut RawSample) {
        let ns = |seconds: f64| Some((seconds * 1e9) as u64);
        sample.cpu_ns = ns(self.used_s);
        sample.periods = Some(self.periods as u64);
        sample.throttled_periods = Some(self.throttled_periods as u64);
        sample.throttled_ns = ns(self.throttled_s);
        sample.cpu_stall_ns = ns(self.waited_s);
        sample.burst_ns = ns(self.burst_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    fn tick(plant: &mut CpuPlant, demand: f64, quota: f64) -> CpuTick {
        plant.tick(demand, &Bounds::hard(quota), 10.0, f64::INFINITY)
    }

    #[test]
    fn what_does_not_fit_runs_later_and_nothing_is_lost() {
        let mut plant = CpuPlant::default();
        // 30 CPU seconds wanted, 20 given: 10 wait, all the tick long.
        let short = tick(&mut plant, 3.0, 2.0);
        assert!(near(short.served, 2.0) && near(short.stalled_s, 10.0));
        assert!(near(short.delayed, 10.0) && near(short.throttled_share, 1.0));
        // 1 core is wanted and 2 are given: the 10 seconds of work are gone after 10 s.
        let later = tick(&mut plant, 1.0, 2.0);
        assert!(near(later.served, 2.0) && near(later.stalled_s, 10.0));
        assert!(near(later.delayed, 0.0), "what waits at the end is none");
        let after = tick(&mut plant, 1.0, 2.0);
        assert!(near(after.served, 1.0) && near(after.stalled_s, 0.0));
        let mut sample = RawSample::default();
        plant.read(&mut sample);
        assert_eq!(sample.cpu_ns, Some(50_000_000_000));
        assert_eq!(
            (sample.periods, sample.throttled_periods),
            (Some(300), Some(200))
        );
        // 3 tasks, of which a quota of 2 cores stops each for a third of 10 s.
        assert_eq!(sample.cpu_stall_ns, Some(3_333_333_333));
        assert_eq!(sample.throttled_ns, Some(10_000_000_000));
    }

    #[test]
    fn a_part_of_a_tick_is_enough_to_catch_up() {
        let mut plant = CpuPlant::default();
        tick(&mut plant, 3.0, 2.0);
        // 10 seconds of work with 4 cores to spare: 2.5 s.
        let later = tick(&mut plant, 1.0, 5.0);
        assert!(near(later.stalled_s, 2.5) && near(later.served, 2.0));
    }

    #[test]
    fn credit_is_saved_up_to_the_burst_and_spent_first() {
        let mut plant = CpuPlant::default();
        let bounds = Bounds {
            burst_s: 5.0,
            ..Bounds::hard(2.0)
        };
        plant.tick(0.5, &bounds, 10.0, f64::INFINITY);
        // One core too much uses up 5 s of credit in 5 s; the other 5 s wait.
        let short = plant.tick(3.0, &bounds, 10.0, f64::INFINITY);
        assert!(near(short.served, 2.5) && near(short.stalled_s, 5.0));
        assert!(near(short.delayed, 5.0));
        let empty = plant.tick(3.0, &bounds, 10.0, f64::INFINITY);
        assert!(near(empty.served, 2.0), "no credit is left");
    }

    #[test]
    fn nobody_catches_up_on_more_cpus_than_it_has_threads() {
        let mut plant = CpuPlant::new(4.0);
        tick(&mut plant, 3.0, 1.0);
        // 20 CPU seconds wait, 10 more come, and at most 40 run: 20 / (4 - 1) seconds.
        let later = tick(&mut plant, 1.0, 100.0);
        assert!(near(later.served, 3.0) && near(later.throttled_share, 0.0));
        assert!(near(later.stalled_s, 20.0 / 3.0), "{later:?}");
        // The same is throttled where the quota is what holds it up.
        tick(&mut plant, 3.0, 1.0);
        let held = tick(&mut plant, 1.0, 3.5);
        assert!(
            near(held.throttled_share, 0.8) && near(held.stalled_s, 8.0),
            "{held:?}"
        );
    }

    #[test]
    fn a_crowded_node_makes_it_wait_without_throttling() {
        let mut plant = CpuPlant::default();
        let found = plant.tick(3.0, &Bounds::hard(4.0), 10.0, 20.0);
        assert!(near(found.served, 2.0) && near(found.throttled_share, 0.0));
        assert!(near(found.stalled_s, 10.0) && near(found.delayed, 10.0));
        plant.shed();
        assert!(near(tick(&mut plant, 1.0, 4.0).served, 1.0));
    }

    #[test]
    fn without_a_limit_nothing_is_enforced() {
        let mut plant = CpuPlant::default();
        let found = plant.tick(300.0, &Bounds::NONE, 10.0, f64::INFINITY);
        assert!(near(found.served, 300.0) && near(found.stalled_s, 0.0));
        let mut sample = RawSample::default();
        plant.read(&mut sample);
        assert_eq!((sample.periods, sample.throttled_ns), (Some(0), Some(0)));
    }

    #[test]
    fn ten_short_ticks_serve_what_a_long_one_does() {
        let (mut long, mut short) = (CpuPlant::default(), CpuPlant::default());
        for (demand, quota) in [(3.0, 2.0), (1.0, 2.5), (0.2, 1.0)] {
            let bounds = Bounds::hard(quota);
            let whole = long.tick(demand, &bounds, 10.0, f64::INFINITY);
            let parts: Vec<_> = (0..10)
                .map(|_| short.tick(demand, &bounds, 1.0, f64::INFINITY))
                .collect();
            let sum = |of: fn(&CpuTick) -> f64| parts.iter().map(of).sum::<f64>();
            assert!((whole.served - sum(|t| t.served) / 10.0).abs() < 1e-9);
            assert!((whole.stalled_s - sum(|t| t.stalled_s)).abs() < 1e-9);
        }
    }
}
