//! What to watch for, and bounds on how much of it.

use std::time::Duration;

use super::pressure::Resource;

/// Shortest window of a trigger that the kernel takes (`kernel/sched/psi.c`).
const SHORTEST_WINDOW: Duration = Duration::from_millis(500);
/// Longest window of a trigger that the kernel takes.
const LONGEST_WINDOW: Duration = Duration::from_secs(10);
/// Without `CAP_SYS_RESOURCE` the kernel takes windows of whole multiples of this.
const UNPRIVILEGED_STEP: Duration = Duration::from_secs(2);

/// A threshold of pressure: at least one task stalled for so long within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    stall: Duration,
    window: Duration,
}

/// A trigger that no kernel would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// The window is too short or too long.
    #[error("a window of {0:?}, expected 500 ms to 10 s")]
    Window(Duration),
    /// The threshold does not fit the window.
    #[error("a stall of {stall:?} in a window of {window:?}, expected 1 us up to the window")]
    Stall {
        /// The threshold.
        stall: Duration,
        /// The window.
        window: Duration,
    },
}

impl Trigger {
    /// Fires when tasks stalled for `stall` within `window`, at most once in a window.
    ///
    /// # Errors
    /// When the kernel would refuse the numbers.
    pub fn new(stall: Duration, window: Duration) -> Result<Self, TriggerError> {
        if window < SHORTEST_WINDOW || window > LONGEST_WINDOW {
            return Err(TriggerError::Window(window));
        }
        if stall.as_micros() == 0 || stall > window {
            return Err(TriggerError::Stall { stall, window });
        }
        Ok(Self { stall, window })
    }

    /// The same share of a window that an opener without privileges may ask for; `None` when the
    /// window is one already.
    pub(super) fn widened(self) -> Option<Self> {
        let (step, window) = (UNPRIVILEGED_STEP.as_micros(), self.window.as_micros());
        let wide = window.next_multiple_of(step);
        (wide != window).then(|| {
            let micros = |us: u128| Duration::from_micros(u64::try_from(us).unwrap_or(u64::MAX));
            Self {
                stall: micros(self.stall.as_micros() * wide / window),
                window: micros(wide),
            }
        })
    }

    /// As the kernel reads it. The end of line matters: of a write to `/proc/pressure` the kernel
    /// drops the last byte.
    pub(super) fn text(self) -> String {
        let (stall, window) = (self.stall.as_micros(), self.window.as_micros());
        format!("some {stall} {window}\n")
    }
}

impl std::fmt::Display for Trigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} in {:?}", self.stall, self.window)
    }
}

/// Triggers by resource; none to leave a resource alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stalls {
    /// On time waited for a CPU (`cpu.pressure`).
    pub cpu: Option<Trigger>,
    /// On time waited for memory (`memory.pressure`).
    pub memory: Option<Trigger>,
}

impl Stalls {
    /// Those that are wanted.
    pub(super) fn wanted(self) -> Vec<(Resource, Trigger)> {
        let both = [(Resource::Cpu, self.cpu), (Resource::Memory, self.memory)];
        both.into_iter()
            .filter_map(|(resource, trigger)| Some((resource, trigger?)))
            .collect()
    }
}

/// What to watch, and bounds on how much.
///
/// A trigger costs an open file and, with `CAP_SYS_RESOURCE`, a kernel thread per cgroup (`psimon`).
/// It is dear to remove: the kernel waits for an RCU grace period then (8 to 60 ms on 6.1 to 7.3),
/// be it in the `rmdir` of the cgroup or at the exit of the agent, which 128 triggers made take 5 s
/// after `kill -9`. So cgroups have few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Triggers on the node as a whole.
    pub node: Stalls,
    /// Triggers on each cgroup that has some.
    pub cgroups: Stalls,
    /// At most so many cgroups have triggers.
    pub pressure_cgroups: usize,
    /// Watch `memory.events`?
    pub memory_events: bool,
    /// At most so many cgroups have their `memory.events` watched: each costs an inotify watch,
    /// which is about 1 KiB of kernel memory.
    pub memory_events_cgroups: usize,
    /// At most so many limit files that hold a value of ours are watched, at the same cost each; none:
    /// changes by others are seen at the tick.
    pub limit_files: usize,
}

impl Default for Settings {
    /// A tenth of a second stalled in each second: for CPU or memory on the node, for memory on 32
    /// cgroups (their CPU quotas have a signal of their own). `memory.events` of 4,096 cgroups, and as
    /// many limit files.
    fn default() -> Self {
        let trigger = Some(Trigger {
            stall: Duration::from_millis(100),
            window: Duration::from_secs(1),
        });
        Self {
            node: Stalls {
                cpu: trigger,
                memory: trigger,
            },
            cgroups: Stalls {
                cpu: None,
                memory: trigger,
            },
            pressure_cgroups: 32,
            memory_events: true,
            memory_events_cgroups: 4096,
            limit_files: 4096,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(stall_ms: u64, window_ms: u64) -> Result<Trigger, TriggerError> {
        let ms = Duration::from_millis;
        Trigger::new(ms(stall_ms), ms(window_ms))
    }

    #[test]
    fn the_bounds_of_the_kernel_hold() {
        for (stall, window) in [(0, 1000), (1001, 1000), (100, 499), (100, 10_001)] {
            assert!(trigger(stall, window).is_err(), "{stall} in {window}");
        }
        for (stall, window) in [(500, 500), (1, 10_000)] {
            assert!(trigger(stall, window).is_ok(), "{stall} in {window}");
        }
        let error = trigger(2000, 1000).unwrap_err().to_string();
        assert!(error.contains("2s in a window of 1s"), "{error}");
    }

    #[test]
    fn text_is_in_microseconds_and_ends_the_line() {
        let text = trigger(150, 1000).unwrap().text();
        assert_eq!(text, "some 150000 1000000\n");
    }

    #[test]
    fn a_wider_window_keeps_the_share() {
        let wide = trigger(150, 500).unwrap().widened().unwrap();
        assert_eq!(wide, trigger(600, 2000).unwrap());
        assert_eq!(trigger(100, 4000).unwrap().widened(), None);
        let longest = trigger(9000, 9000).unwrap().widened().unwrap();
        assert_eq!(longest, trigger(10_000, 10_000).unwrap());
    }
}
