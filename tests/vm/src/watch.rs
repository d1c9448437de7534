//! Watches the limits and the use of groups while the agent works on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cgroup::{self, Group};
use crate::clock;

/// Quota changes are looked for this often; everything else each fifth time.
const PERIOD: Duration = Duration::from_millis(20);
const EVERY: u64 = 5;

/// One look at one group. What could not be read is absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When, in milliseconds of [`clock::now_ms`].
    pub at_ms: f64,
    /// `cpu.max` in cores, infinite for `max`.
    pub quota: Option<f64>,
    /// `memory.high` in bytes, infinite for `max`.
    pub high: Option<f64>,
    /// `memory.max` in bytes, infinite for `max`.
    pub max: Option<f64>,
    /// `memory.current` in bytes.
    pub memory: Option<f64>,
    /// The three limits as text.
    pub limits: Option<[String; 3]>,
}

/// A moment at which a quota was seen changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// When, in milliseconds.
    pub at_ms: f64,
    /// The new quota in cores.
    pub cores: f64,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Samples of each group, in the order of the groups.
    pub samples: Vec<Vec<Sample>>,
    /// Quota of the first group, at each change.
    pub quota: Vec<Quota>,
}

/// A thread that looks.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Watch {
    /// Starts to look at `groups`; the quota of the first one is looked at more often.
    #[must_use]
    pub fn start(groups: Vec<Group>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen = Seen {
                samples: vec![Vec::new(); groups.len()],
                ..Seen::default()
            };
            let mut round = 0u64;
            while !stopped.load(Ordering::Relaxed) {
                look(&groups, round.is_multiple_of(EVERY), &mut seen);
                round += 1;
                std::thread::sleep(PERIOD);
            }
            seen
        });
        Self { stop, thread }
    }

    /// Ends the thread and returns what it saw.
    #[must_use]
    pub fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn look(groups: &[Group], all: bool, seen: &mut Seen) {
    let quota = groups
        .first()
        .and_then(|group| cgroup::cores(&group.read("cpu.max").ok()?));
    if let Some(cores) = quota
        && seen
            .quota
            .last()
            .is_none_or(|last| last.cores.to_bits() != cores.to_bits())
    {
        seen.quota.push(Quota {
            at_ms: clock::now_ms(),
            cores,
        });
    }
    if all {
        for (group, samples) in groups.iter().zip(&mut seen.samples) {
            samples.push(sample(group));
        }
    }
}

fn sample(group: &Group) -> Sample {
    let limits = group.limits().ok();
    let limit = |at: usize| limits.as_ref().and_then(|all| cgroup::bytes(&all[at]));
    Sample {
        at_ms: clock::now_ms(),
        quota: limits.as_ref().and_then(|all| cgroup::cores(&all[0])),
        high: limit(1),
        max: limit(2),
        memory: group
            .read("memory.current")
            .ok()
            .and_then(|text| text.parse().ok()),
        limits,
    }
}
