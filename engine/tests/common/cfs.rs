//! One workload under the kernel's CPU bandwidth control, a millisecond at a time: quota and period,
//! slices that CPUs draw, burst credit, throttling, and the event of a quota that runs low.

#![allow(dead_code, reason = "shared by several test crates")]

use llmos_engine::fast::NearQuota;
use llmos_engine::units::{CgroupId, Timestamp};

/// A step in nanoseconds.
pub const STEP: i64 = 1_000_000;
/// What a CPU draws at once, the kernel's default.
const SLICE: i64 = 5_000_000;
pub const PERIOD: i64 = 100_000_000;

/// A thread that wants to run.
#[derive(Debug, Clone, Copy, Default)]
struct Cpu {
    /// What is left of the slice that it drew; negative when more was used.
    local: i64,
    throttled: bool,
}

/// The cgroup. Amounts are nanoseconds of CPU time.
#[derive(Debug)]
pub struct Cfs {
    pub id: CgroupId,
    pub now: i64,
    pub quota: i64,
    pub burst: i64,
    /// Share of the quota that has to be gone for an event.
    tell_at: f64,
    pool: i64,
    ends: i64,
    cpus: Vec<Cpu>,
    throttled_now: bool,
    told: bool,
    looked: Option<(i64, i64)>,
    pub used: i64,
    pub periods: u64,
    pub throttled_periods: u64,
    pub throttled_ns: i64,
    /// The quota that was in force, times how long.
    pub held: i128,
}

impl Cfs {
    pub fn new(id: CgroupId, cpus: usize, quota: i64) -> Self {
        Self {
            id,
            now: 0,
            quota,
            burst: 0,
            tell_at: 0.5,
            pool: quota,
            ends: PERIOD,
            cpus: vec![Cpu::default(); cpus],
            throttled_now: false,
            told: false,
            looked: None,
            used: 0,
            periods: 0,
            throttled_periods: 0,
            throttled_ns: 0,
            held: 0,
        }
    }

    /// A write of `cpu.max`: the period's quota is there anew, and whoever waits may run.
    pub fn set_quota(&mut self, quota: i64) {
        self.quota = quota;
        self.refill();
    }

    /// Asks for the event at this share, again in this period too.
    pub fn tell(&mut self, at: f64) {
        self.tell_at = at;
        self.told = false;
    }

    /// One step in which the first `runnable` CPUs want `wanted` nanoseconds each; what they got
    /// together, and the event if there is one.
    pub fn step(&mut self, runnable: usize, wanted: i64) -> (i64, Option<NearQuota>) {
        self.held += i128::from(self.quota) * i128::from(STEP);
        let mut got = 0;
        for cpu in self.cpus.iter_mut().take(runnable) {
            if cpu.throttled {
                self.throttled_ns += STEP;
                continue;
            }
            got += wanted;
            cpu.local -= wanted;
            if cpu.local > 0 {
                continue;
            }
            let draw = (SLICE - cpu.local).min(self.pool.max(0));
            self.pool -= draw;
            cpu.local += draw;
            if cpu.local <= 0 {
                cpu.throttled = true;
                self.throttled_now = true;
            }
        }
        self.used += got;
        self.now += STEP;
        let event = self.look();
        if self.now >= self.ends {
            self.periods += 1;
            self.throttled_periods += u64::from(self.throttled_now);
            self.throttled_now = false;
            self.told = false;
            self.looked = None;
            self.ends += PERIOD;
            self.refill();
        }
        (got, event)
    }

    fn refill(&mut self) {
        self.pool = (self.pool + self.quota).min(self.quota + self.burst);
        for cpu in &mut self.cpus {
            if cpu.throttled {
                let draw = (1 - cpu.local).min(self.pool.max(0));
                self.pool -= draw;
                cpu.local += draw;
                cpu.throttled = cpu.local <= 0;
            }
        }
    }

    fn look(&mut self) -> Option<NearQuota> {
        let left = self.pool;
        let before = self.looked.filter(|(then, _)| *then != left);
        if before.is_some() || self.looked.is_none() {
            self.looked = Some((left, self.now));
        }
        if self.told || left as f64 > self.quota as f64 * (1.0 - self.tell_at) {
            return None;
        }
        self.told = true;
        let at = |ns: i64| Timestamp(ns as u64);
        Some(NearQuota {
            id: self.id,
            at: at(self.now),
            quota_ns: self.quota as u64,
            left_ns: left.max(0) as u64,
            ends: Some(at(self.ends)),
            before: before
                .filter(|(then, _)| *then > left)
                .map(|(then, when)| (then as u64, at(when))),
        })
    }
}
