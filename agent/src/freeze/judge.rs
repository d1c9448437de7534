//! Whether the node is in trouble: readings of a tick in, causes out, each with two bounds and a least
//! time. Pure.

use llmos_config::Freeze as Bounds;
use llmos_engine::units::Timestamp;
use llmos_proto::status::Health;

use super::latch::{Latch, Level};
use super::verdict::Cause;

/// Pressure counts as over at this share of its bound.
const PRESSURE_ENDS: f64 = 0.5;
/// Room counts as there again at this many times its bound.
const ROOM_ENDS: f64 = 1.25;

/// What one tick sees of the node; the text says why something cannot be seen.
#[derive(Debug, Clone)]
pub struct Readings {
    /// Share of time in which all tasks stalled for memory, over ten seconds.
    pub memory_full: Result<f64, String>,
    /// The same for input and output.
    pub io_full: Result<f64, String>,
    /// Bytes free where the originals of limits are kept.
    pub state_free: Result<u64, String>,
    /// The clocks, read at one moment.
    pub clocks: Result<Clocks, String>,
    /// Records that the kernel side lost since it was loaded.
    pub lost: Result<u64, String>,
    /// Name of the sched_ext scheduler that runs.
    pub sched_ext: Option<String>,
}

/// Clocks at one moment, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// `CLOCK_MONOTONIC`: stands still while the machine sleeps.
    pub monotonic: i64,
    /// `CLOCK_BOOTTIME`: goes on meanwhile.
    pub boot: i64,
    /// `CLOCK_REALTIME`: whatever somebody sets it to.
    pub wall: i64,
}

/// One cause after a tick.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which.
    pub cause: Cause,
    /// Does it hold?
    pub active: bool,
    /// Can it be looked at?
    pub state: Health,
    /// Why it holds, what was seen, or why it cannot be looked at.
    pub text: String,
}

/// The state between ticks.
#[derive(Debug)]
pub struct Judge {
    bounds: Bounds,
    latches: [Latch; 6],
    clocks: Option<Clocks>,
    lost: Option<u64>,
    /// What the last jump of the clock and the last loss were; they are over in a tick.
    jump: String,
    loss: String,
}

/// What one tick says of one cause.
type Seen = (Level, Health, String);

impl Judge {
    /// Judges by these bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            latches: [Latch::default(); 6],
            clocks: None,
            lost: None,
            jump: String::new(),
            loss: String::new(),
        }
    }

    /// Takes in a tick; every cause but the switch, in their order.
    pub fn tick(&mut self, now: Timestamp, seen: &Readings) -> Vec<Finding> {
        let memory = pressure("memory", &seen.memory_full, self.bounds.memory_pressure);
        let io = pressure("input and output", &seen.io_full, self.bounds.io_pressure);
        let room = room(&seen.state_free, self.bounds.state_free);
        let all = [
            (Cause::SchedExt, scheduler(seen.sched_ext.as_deref())),
            (Cause::MemoryPressure, memory),
            (Cause::IoPressure, io),
            (Cause::StateFull, room),
            (Cause::Clock, self.clock(&seen.clocks)),
            (Cause::Lost, self.loss(&seen.lost)),
        ];
        let hold_s = self.bounds.hold.as_secs_f64();
        let found = all.into_iter().zip(&mut self.latches);
        found
            .map(|((cause, (level, state, text)), latch)| Finding {
                cause,
                active: latch.look(now, level, hold_s),
                state,
                text,
            })
            .collect()
    }

    fn clock(&mut self, seen: &Result<Clocks, String>) -> Seen {
        let Some(bound) = self.bounds.clock_jump_s else {
            return off();
        };
        let now = match seen {
            Ok(now) => *now,
            Err(why) => return unsupported(why),
        };
        let Some(before) = self.clocks.replace(now) else {
            return (Level::Calm, Health::Healthy, "first look".to_owned());
        };
        let seconds = |ns: i64| ns as f64 / 1e9;
        let ran = now.monotonic.saturating_sub(before.monotonic);
        let slept = seconds(now.boot.saturating_sub(before.boot).saturating_sub(ran));
        // A clock that went on while the machine slept did not jump.
        let awake = now.boot.saturating_sub(before.boot);
        let jumped = seconds(now.wall.saturating_sub(before.wall).saturating_sub(awake));
        let what = if slept > bound {
            format!("the machine slept for {slept:.1} s")
        } else if jumped.abs() > bound {
            format!("the wall clock jumped by {jumped:+.1} s")
        } else {
            let text = if self.jump.is_empty() {
                format!("no jump of more than {bound} s")
            } else {
                format!("last: {}", self.jump)
            };
            return (Level::Calm, Health::Healthy, text);
        };
        self.jump.clone_from(&what);
        (Level::Trouble, Health::Healthy, what)
    }

    fn loss(&mut self, seen: &Result<u64, String>) -> Seen {
        let Some(bound) = self.bounds.lost_per_tick else {
            return off();
        };
        let now = match seen {
            Ok(now) => *now,
            Err(why) => return unsupported(why),
        };
        // A count that went back is another one.
        let before = self.lost.replace(now).unwrap_or(now);
        let new = now.saturating_sub(before);
        if new > bound {
            self.loss = format!("{new} records lost in one tick, bound {bound}");
            return (Level::Trouble, Health::Healthy, self.loss.clone());
        }
        // Half of the bound, as with pressure.
        let level = if new > bound / 2 {
            Level::Between
        } else {
            Level::Calm
        };
        let text = if self.loss.is_empty() {
            format!("{new} lost in the last tick, bound {bound}")
        } else {
            format!("last: {}", self.loss)
        };
        (level, Health::Healthy, text)
    }
}

fn off() -> Seen {
    let text = "switched off by configuration".to_owned();
    (Level::Calm, Health::Off, text)
}

fn unsupported(why: &str) -> Seen {
    (Level::Unknown, Health::Unsupported, why.to_owned())
}

fn scheduler(name: Option<&str>) -> Seen {
    match name {
        Some(name) => {
            let text = format!("scheduler {name} is attached, cpu.max has no effect");
            (Level::Trouble, Health::Healthy, text)
        }
        None => {
            let text = "no sched_ext scheduler".to_owned();
            (Level::Calm, Health::Healthy, text)
        }
    }
}

fn pressure(what: &str, seen: &Result<f64, String>, bound: Option<f64>) -> Seen {
    let (share, bound) = match (seen, bound) {
        (_, None) => return off(),
        (Err(why), _) => return unsupported(why),
        (Ok(share), Some(bound)) => (*share, bound),
    };
    let level = if share > bound {
        Level::Trouble
    } else if share > bound * PRESSURE_ENDS {
        Level::Between
    } else {
        Level::Calm
    };
    let (percent, most) = (share * 100.0, bound * 100.0);
    let text =
        format!("all tasks stalled for {what} {percent:.1} % of the time, bound {most:.1} %");
    (level, Health::Healthy, text)
}

fn room(seen: &Result<u64, String>, bound: Option<u64>) -> Seen {
    let (free, bound) = match (seen, bound) {
        (_, None) => return off(),
        (Err(why), _) => return unsupported(why),
        (Ok(free), Some(bound)) => (*free, bound),
    };
    let level = if free < bound {
        Level::Trouble
    } else if (free as f64) < bound as f64 * ROOM_ENDS {
        Level::Between
    } else {
        Level::Calm
    };
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (free, least) = (mib(free), mib(bound));
    let text = format!("{free:.1} MiB free for the state directory, bound {least:.1} MiB");
    (level, Health::Healthy, text)
}

#[cfg(test)]
mod tests;
