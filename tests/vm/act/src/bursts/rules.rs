//! Rules of other systems running live: each in a thread that reads `cpu.stat` and writes `cpu.max`.
//! The rules themselves are those that replays compare with.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use llmos_replay::control::Bounds;
use llmos_replay::control::rival::{Captain, Koordlet, Rival, Seen};
use llmos_vm_tests::cgroup::Group;
use llmos_vm_tests::clock;
use serde_json::{Value, json};

use super::{PERIOD, quota};

/// The target in the middle of those that Captain's second part chooses from.
const CAPTAIN_TARGET: f64 = 0.1;
/// Captain samples this often, at this moment of it, so as not to meet the ends of periods.
const SAMPLE_MS: f64 = 100.0;
const SAMPLE_AT_MS: f64 = 97.0;
/// koordlet's collector and its burst loop run once a second.
const KOORDLET_MS: f64 = 1_000.0;
/// As the agent asks for, so that all are woken alike on a busy machine.
const NICENESS: &str = "-10";

/// A rule at work.
pub struct Loop {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<u64>>,
}

impl Loop {
    /// Captain, with this quota in force.
    pub fn captain(group: Group, cores: f64) -> Result<Self> {
        let mut rule = Captain::new(CAPTAIN_TARGET).beginning_at(cores);
        Self::start(
            group,
            cores,
            (SAMPLE_MS, SAMPLE_AT_MS),
            move |group, seen| {
                let bounds = rule.decide(seen);
                write_quota(group, bounds.max, seen.bounds.max)?;
                Ok(bounds)
            },
        )
    }

    /// koordlet, with this limit set by people.
    pub fn koordlet(group: Group, cores: f64) -> Result<Self> {
        let mut rule = Koordlet::of(cores);
        let mut pool = Pool::read()?;
        Self::start(group, cores, (KOORDLET_MS, 0.0), move |group, seen| {
            let now = Pool::read()?;
            rule.pool_used(now.used_since(&pool));
            pool = now;
            let bounds = rule.decide(seen);
            // The kernel takes no burst above the quota in force. koordlet asks for ten times the
            // limit; it gets the most that there is. The lower of the two goes first.
            let most = (bounds.max * PERIOD.as_secs_f64()).min(bounds.burst_s);
            let burst = format!("{:.0}", most * 1e6);
            if bounds.max < seen.bounds.max {
                group.write("cpu.max.burst", &burst)?;
                write_quota(group, bounds.max, seen.bounds.max)?;
            } else {
                write_quota(group, bounds.max, seen.bounds.max)?;
                group.write("cpu.max.burst", &burst)?;
            }
            Ok(bounds)
        })
    }

    fn start(
        group: Group,
        cores: f64,
        (every_ms, at_ms): (f64, f64),
        mut decide: impl FnMut(&Group, &Seen) -> Result<Bounds> + Send + 'static,
    ) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut before = Counters::read(&group)?;
        let thread = std::thread::Builder::new().spawn(move || {
            raise()?;
            let mut bounds = Bounds::hard(cores);
            let mut decisions = 0;
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(until_next(clock::now_ms(), every_ms, at_ms));
                let now = Counters::read(&group)?;
                let seen = now.since(&before, bounds);
                before = now;
                bounds = decide(&group, &seen)?;
                decisions += 1;
            }
            Ok(decisions)
        })?;
        Ok(Self { stop, thread })
    }

    /// Ends it; an error when it had to give up before.
    pub fn stop(self) -> Result<Value> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        let decisions = ended.map_err(|_| anyhow!("the rule's thread panicked"))??;
        Ok(json!({ "decisions": decisions }))
    }
}

fn write_quota(group: &Group, cores: f64, in_force: f64) -> Result<()> {
    let text = quota(cores);
    if text != quota(in_force) {
        group.write("cpu.max", &text)?;
    }
    Ok(())
}

/// The wait until the clock is `at` into a span of `every` milliseconds.
fn until_next(now_ms: f64, every_ms: f64, at_ms: f64) -> Duration {
    let wait = (at_ms - now_ms).rem_euclid(every_ms);
    // Just woken a hair too early: the next one is meant.
    let wait = if wait < 1.0 { wait + every_ms } else { wait };
    Duration::from_secs_f64(wait / 1e3)
}

/// Raises the priority of the calling thread.
fn raise() -> Result<()> {
    let thread = nix::unistd::gettid().to_string();
    let status = Command::new("/bin/busybox")
        .args(["renice", "-n", NICENESS, "-p", &thread])
        .status()
        .context("cannot start busybox")?;
    ensure!(status.success(), "renice ended with {status}");
    Ok(())
}

/// What `cpu.stat` counts.
struct Counters {
    at: Instant,
    usage_us: u64,
    periods: u64,
    throttled: u64,
}

impl Counters {
    fn read(group: &Group) -> Result<Self> {
        let count = |key: &'static str| group.keyed("cpu.stat", key).context(key);
        Ok(Self {
            at: Instant::now(),
            usage_us: count("usage_usec ")?,
            periods: count("nr_periods ")?,
            throttled: count("nr_throttled ")?,
        })
    }

    fn since(&self, before: &Self, bounds: Bounds) -> Seen {
        let step_s = (self.at - before.at).as_secs_f64();
        // A look may fall between the ends of two periods, and then sees none or two.
        let periods = self.periods.saturating_sub(before.periods).max(1);
        let throttled = self.throttled.saturating_sub(before.throttled);
        Seen {
            step_s,
            used: Some(self.usage_us.saturating_sub(before.usage_us) as f64 / 1e6 / step_s),
            bounds,
            throttled_share: throttled as f64 / periods as f64,
            stalled_share: 0.0,
            kills: 0,
        }
    }
}

/// Time of all CPUs, by `/proc/stat`.
struct Pool {
    idle: u64,
    all: u64,
}

impl Pool {
    fn read() -> Result<Self> {
        Self::of(&std::fs::read_to_string("/proc/stat")?).context("/proc/stat")
    }

    fn of(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        // Guests' time, behind the eighth, is in user time already.
        let times = line
            .split_whitespace()
            .take(8)
            .map(|word| word.parse().ok());
        let times: Vec<u64> = times.collect::<Option<_>>()?;
        Some(Self {
            idle: times.get(3)? + times.get(4)?,
            all: times.iter().sum(),
        })
    }

    fn used_since(&self, before: &Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        let idle = self.idle.saturating_sub(before.idle).min(all);
        1.0 - idle as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_taken_at_one_moment_of_each_span() {
        let wait = |now| until_next(now, 100.0, 97.0).as_secs_f64() * 1e3;
        assert!((wait(1_000.0) - 97.0).abs() < 1e-6);
        assert!((wait(1_098.0) - 99.0).abs() < 1e-6);
        assert!(
            (wait(1_096.5) - 100.5).abs() < 1e-6,
            "the same moment twice"
        );
    }

    #[test]
    fn the_pool_is_what_is_not_idle() {
        let before = Pool::of("cpu  10 0 10 60 20 0 0 0 5 0\ncpu0 1\n").unwrap();
        let now = Pool::of("cpu  40 0 10 120 30 0 0 0 9 0\n").unwrap();
        assert!((now.used_since(&before) - 0.3).abs() < 1e-9);
        assert!(Pool::of("cpu  1 2\n").is_none());
    }
}
