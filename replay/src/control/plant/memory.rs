//! Memory under `memory.high` and `memory.max`.
//!
//! A small part of the use is cold and can be dropped; above a limit that goes first, and reading it
//! again costs time. What is then still above `memory.high` is slowed down the more, the further it
//! is above, but goes on; what reaches `memory.max` is killed and begins anew with little:
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html#memory>. How large these effects are differs
//! from workload to workload; the constants below are round numbers for a program without swap.

use llmos_engine::sample::RawSample;
use llmos_engine::units::Bytes;

use crate::control::Bounds;

/// Share of the use that is cold.
const COLD: f64 = 0.05;
/// Share of the time that it costs to do without all of the cold part.
const RECLAIM_STALL: f64 = 0.1;
/// Further share of the time for each fraction of `memory.high` that use is above it: ten percent
/// above, and hardly anything moves.
const OVER_STALL: f64 = 10.0;
/// The kernel always lets something through.
const MOST_STALL: f64 = 0.95;
/// What a restarted workload uses at once, of what it wants, and when it is back in full.
const RESTART_SHARE: f64 = 0.2;
const RESTART_RAMP_S: f64 = 60.0;
/// Time that a restart costs.
const RESTART_S: f64 = 10.0;
/// Stall time behind one `high` event.
const EVENT_S: f64 = 0.1;

/// Memory of one workload.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryPlant {
    used: f64,
    /// Seconds since the last kill.
    since_kill: Option<f64>,
    stalled_s: f64,
    kills: u64,
    high_events: u64,
    max_events: u64,
}

/// What came of one tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryTick {
    /// Use at its end, in bytes.
    pub used: f64,
    /// Time that tasks stalled or were away, in seconds.
    pub stalled_s: f64,
    /// OOM kills; one a tick at most.
    pub kills: u64,
}

impl MemoryPlant {
    /// One tick of `step_s` seconds; `demand` is in bytes.
    pub fn tick(&mut self, demand: f64, bounds: &Bounds, step_s: f64) -> MemoryTick {
        let wanted = demand * self.ramp(step_s);
        let bare = wanted * (1.0 - COLD);
        let limit = bounds.high.min(bounds.max);
        let mut killed = false;
        let mut stall = 0.0;
        if wanted <= limit {
            self.used = wanted;
        } else if bare <= limit {
            self.used = limit;
            stall = RECLAIM_STALL * (wanted - limit) / (wanted - bare);
        } else if bounds.high < bounds.max {
            stall = over(bare, bounds.high);
            let from = self.used.max(bounds.high).min(bare);
            // In each second only so much of the way is made.
            self.used = bare - (bare - from) * stall.powf(step_s);
            killed = self.used > bounds.max;
        } else {
            killed = true;
        }
        if wanted > bounds.high {
            self.high_events += (stall * step_s / EVENT_S).ceil().max(1.0) as u64;
        }
        if wanted > bounds.max && (killed || limit >= bounds.max) {
            self.max_events += 1;
        }
        let mut stalled_s = stall * step_s;
        self.stalled_s += stalled_s;
        if killed {
            self.kills += 1;
            self.since_kill = Some(0.0);
            self.used = (demand * RESTART_SHARE).min(bounds.max);
            stalled_s = (stalled_s + RESTART_S).min(step_s);
        }
        MemoryTick {
            used: self.used,
            stalled_s,
            kills: u64::from(killed),
        }
    }

    /// Is a demand above `memory.high`, so that the kernel says so before the use is there?
    #[must_use]
    pub fn trips(&self, demand: f64, bounds: &Bounds) -> bool {
        let grown = self.since_kill.map_or(1.0, grown);
        demand * grown > bounds.high
    }

    /// Use at the end of the last tick, in bytes.
    #[must_use]
    pub const fn used(&self) -> f64 {
        self.used
    }

    /// The node has no memory left, and the kernel chose this one.
    pub fn kill(&mut self) {
        self.kills += 1;
        self.since_kill = Some(0.0);
        self.used *= RESTART_SHARE;
    }

    /// The share of its demand that a workload wants by the end of the tick.
    fn ramp(&mut self, step_s: f64) -> f64 {
        let Some(age) = &mut self.since_kill else {
            return 1.0;
        };
        *age += step_s;
        let grown = grown(*age);
        if grown >= 1.0 {
            self.since_kill = None;
        }
        grown
    }

    /// Puts the counters into a reading.
    pub fn read(&self, sample: &mut RawSample) {
        let stalled = Some((self.stalled_s * 1e9) as u64);
        let used = Some(Bytes(self.used as u64));
        sample.memory_current = used;
        sample.working_set = used;
        sample.memory_stall_ns = stalled;
        sample.memory_full_stall_ns = stalled;
        sample.reclaim_ns = stalled;
        sample.oom_kills = Some(self.kills);
        sample.oom_events = Some(self.kills);
        sample.memory_high_events = Some(self.high_events);
        sample.memory_max_events = Some(self.max_events);
    }
}

/// The share of its demand that a workload wants so many seconds after a restart.
fn grown(age: f64) -> f64 {
    (RESTART_SHARE + (1.0 - RESTART_SHARE) * age / RESTART_RAMP_S).min(1.0)
}

/// Share of the time that tasks are held up whose use goes to `bare` above `high`.
fn over(bare: f64, high: f64) -> f64 {
    let above = (bare - high) / high.max(1.0);
    (RECLAIM_STALL + OVER_STALL * above).min(MOST_STALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: f64 = 1_073_741_824.0;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6 * b.abs().max(1.0)
    }

    fn bounds(high: f64, max: f64) -> Bounds {
        Bounds {
            max: max * GIB,
            high: high * GIB,
            burst_s: 0.0,
        }
    }

    #[test]
    fn below_its_limits_a_workload_feels_nothing() {
        let mut plant = MemoryPlant::default();
        let found = plant.tick(GIB, &bounds(1.0, 1.1), 60.0);
        assert!(near(found.used, GIB) && near(found.stalled_s, 0.0) && found.kills == 0);
        let mut sample = RawSample::default();
        plant.read(&mut sample);
        assert_eq!(sample.memory_current, Some(Bytes(GIB as u64)));
        assert_eq!(sample.memory_high_events, Some(0));
    }

    #[test]
    fn the_cold_part_goes_first_and_costs_a_little() {
        let mut plant = MemoryPlant::default();
        // 2.5 % above: half of what is cold, so half of a tenth of the time.
        let found = plant.tick(GIB, &bounds(0.975, 2.0), 60.0);
        assert!(near(found.used, 0.975 * GIB), "{found:?}");
        assert!(near(found.stalled_s, 3.0), "{found:?}");
        let mut sample = RawSample::default();
        plant.read(&mut sample);
        assert_eq!(sample.memory_stall_ns, Some(3_000_000_000));
        assert_eq!(sample.memory_high_events, Some(30));
        assert_eq!(
            (sample.oom_kills, sample.memory_max_events),
            (Some(0), Some(0))
        );
    }

    #[test]
    fn above_high_it_creeps_on_and_at_max_it_is_killed() {
        let mut plant = MemoryPlant::default();
        plant.tick(0.5 * GIB, &bounds(0.5, 0.9), 1.0);
        let mut used = Vec::new();
        let killed = (0..60).find(|_| {
            let found = plant.tick(GIB, &bounds(0.5, 0.9), 1.0);
            used.push(found.used / GIB);
            found.kills > 0
        });
        // From 0.5 towards 0.95 by a twentieth of the way each second: 0.9 after 43 of them.
        assert_eq!(killed, Some(42), "{used:?}");
        assert!(
            used.windows(2)
                .take(42)
                .all(|pair| pair[1] > pair[0] || pair[1] < 0.21)
        );
        assert!(near(used[42], 0.2), "it begins anew");
        let mut sample = RawSample::default();
        plant.read(&mut sample);
        assert_eq!(
            (sample.oom_kills, sample.memory_max_events),
            (Some(1), Some(1))
        );
        // It comes back within a minute, if it may.
        let back: Vec<f64> = (0..60)
            .map(|_| plant.tick(GIB, &bounds(2.0, 2.0), 1.0).used / GIB)
            .collect();
        assert!(near(back[29], 0.6) && near(back[59], 1.0), "{back:?}");
    }

    #[test]
    fn a_maximum_below_what_is_needed_kills_at_each_tick() {
        let mut plant = MemoryPlant::default();
        let low = Bounds::hard(0.5 * GIB);
        let found: Vec<_> = (0..3).map(|_| plant.tick(GIB, &low, 60.0)).collect();
        assert!(
            found
                .iter()
                .all(|tick| tick.kills == 1 && near(tick.stalled_s, 10.0))
        );
        assert!(found.iter().all(|tick| tick.used <= low.max));
    }
}
