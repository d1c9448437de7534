//! What was decided, and why, in the order in which the reasons applied.

use core::fmt;

use crate::forecast::Source;
use crate::units::{CgroupId, Timestamp};

/// The limit that a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Knob {
    /// `cpu.max`, value in cores.
    CpuMax,
    /// `cpu.max.burst`, value in microseconds of CPU time.
    CpuBurst,
    /// `cpu.weight`, value from 1 to 10000.
    CpuWeight,
    /// `memory.high`, value in bytes.
    MemoryHigh,
    /// `memory.max`, value in bytes.
    MemoryMax,
}

/// What to do with the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Give more now.
    Raise,
    /// Take back.
    Lower,
    /// Leave as it is.
    Hold,
}

/// One step of the argument, with its numbers. Values are in the knob's unit;
/// [`Reason::describe`] prints them with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// The forecast peak.
    Forecast {
        /// Quantile of the peak.
        q: f64,
        /// How far the forecast looks.
        horizon_ticks: usize,
        /// The forecast itself.
        value: f64,
        /// Who made it.
        source: Source,
    },
    /// The highest use of the recent past was above the forecast and counts instead.
    RecentPeak {
        /// That use.
        value: f64,
        /// How far back it looks.
        seconds: f64,
    },
    /// Use was capped by the limit, so demand is unknown: grow.
    Throttled {
        /// Share of the periods that were throttled.
        share: f64,
        /// Growth of the limit in force.
        factor: f64,
        /// The target after it.
        value: f64,
    },
    /// Room for what is more than one tick away is not worth it: the quota can be raised in time.
    Reach {
        /// Share of the last ticks that stayed within it of what was expected of them.
        covered: f64,
        /// How many ticks that were.
        ticks: usize,
        /// The target by it.
        value: f64,
    },
    /// Work waits for the quota: room to catch up with it.
    Waiting {
        /// How much waits, in cores over a tick.
        cores: f64,
        /// The target with the room.
        value: f64,
    },
    /// Room added on top.
    Margin {
        /// Room as a fraction.
        fraction: f64,
        /// The target with it.
        value: f64,
    },
    /// What happened here before has moved the margin.
    Learned {
        /// Room that policy begins with, as a fraction.
        base: f64,
        /// Room as it is now.
        fraction: f64,
    },
    /// The node is short, and this is the workload's fair share.
    Share {
        /// The share.
        value: f64,
        /// What it wanted.
        wanted: f64,
    },
    /// The node has not more memory free than would be promised.
    Room {
        /// What may be promised beyond what is in use, in bytes.
        room: f64,
        /// The limit with it.
        value: f64,
    },
    /// Lent from the node's reserve on top of the share.
    Lease {
        /// How much was lent.
        amount: f64,
        /// Until when, in seconds from now.
        left_s: f64,
        /// The share with it.
        value: f64,
    },
    /// The quota of a period was nearly used up, before the workload was throttled.
    NearQuota {
        /// Share of it that was left.
        left: f64,
    },
    /// What was lent is not needed any more, and the quota is what the tick decided.
    LeaseOver {
        /// The quota in cores.
        value: f64,
    },
    /// A memory limit was reached between two ticks.
    Tripped {
        /// Bytes in use then.
        current: f64,
    },
    /// Burst credit from how far apart the quantiles of the forecast are.
    Spread {
        /// The median peak, in cores.
        low: f64,
        /// The highest quantile of the peak, in cores.
        high: f64,
        /// The credit in microseconds.
        value: f64,
    },
    /// Burst credit for the time until the fast path has raised the quota.
    Bridge {
        /// How long that takes, in seconds.
        seconds: f64,
        /// The credit in microseconds.
        value: f64,
    },
    /// What has to be there until the fast path has raised the quota.
    Reaction {
        /// How long that takes, in seconds.
        seconds: f64,
        /// The cores that it was raised to before.
        cores: f64,
        /// The least quota, in cores.
        value: f64,
    },
    /// Burst credit never exceeds this part of the quota.
    QuotaPart {
        /// The part as a fraction.
        fraction: f64,
        /// The credit in microseconds.
        value: f64,
    },
    /// The node is short, and a credit would be spent at the cost of others.
    NoCredit,
    /// What policy says.
    PolicyWeight {
        /// The weight.
        value: f64,
    },
    /// The weight alone would not give the guaranteed floor while the node is short.
    FloorLift {
        /// How many times the weight is raised.
        factor: f64,
        /// The weight after it.
        value: f64,
    },
    /// Policy floor reached.
    Floor {
        /// The floor.
        value: f64,
    },
    /// Policy ceiling or the node's size reached.
    Ceiling {
        /// The ceiling.
        value: f64,
    },
    /// Never below the live working set plus room.
    WorkingSet {
        /// Working set and room.
        value: f64,
    },
    /// A floor that an OOM kill left behind.
    OomFloor {
        /// The floor as it has decayed by now.
        value: f64,
        /// Kills behind it.
        kills: u64,
    },
    /// Tasks stalled for memory: no lowering, raise instead.
    MemoryStall {
        /// Share of the last tick.
        share: f64,
        /// The target after the raise.
        value: f64,
    },
    /// Tasks spent their time on freeing memory: no lowering, raise instead.
    ReclaimStall {
        /// Seconds per second of the last tick, summed over tasks.
        share: f64,
        /// The target after the raise.
        value: f64,
    },
    /// The working set ran into `memory.high` in the last tick: no lowering, raise instead.
    AtLimit {
        /// How often.
        hits: u64,
        /// The target after the raise.
        value: f64,
    },
    /// `memory.max` waits until use has really fallen below the new `memory.high`.
    ShrinkPending {
        /// Bytes in use.
        current: f64,
        /// The `memory.max` that waits.
        wanted: f64,
    },
    /// Lowering memory hurt, so the limit goes back towards where it was.
    Reverted {
        /// Where it goes.
        value: f64,
    },
    /// Others that people call like this one get their lower limits first.
    OnTrial {
        /// Seconds until all may fall; `None` while none of them was tightened.
        left_s: Option<f64>,
    },
    /// A lower limit hurt another one that people call like this one: no lowering yet.
    LikeHurt {
        /// Seconds until a few of them try again.
        left_s: f64,
    },
    /// Lowering memory hurt not long ago: no lowering yet.
    AfterHarm {
        /// Seconds until it may fall.
        left_s: f64,
    },
    /// `memory.max` has just been lowered: nothing falls until it was quiet for a while.
    Checking {
        /// Seconds until it may fall.
        left_s: f64,
    },
    /// Raised not long ago: no lowering yet.
    Cooldown {
        /// Seconds until it may fall.
        left_s: f64,
    },
    /// Too new: no lowering yet.
    Warmup {
        /// Seconds until it may fall.
        left_s: f64,
    },
    /// Use was unknown for too long: no lowering yet.
    Stale {
        /// Seconds without data.
        gap_s: f64,
        /// Seconds until it may fall.
        left_s: f64,
    },
    /// Policy says that nothing here is touched.
    HandsOff,
    /// The change would be too small to be worth a write.
    Hysteresis {
        /// The change as a fraction of the limit in force.
        change: f64,
        /// The fraction that is needed.
        needed: f64,
    },
    /// Lowered by at most one step.
    StepLimit {
        /// The step as a fraction of the limit in force.
        fraction: f64,
        /// The value after it.
        value: f64,
    },
    /// Use is not known this tick, so nothing changes.
    NoData,
}

/// A decision for one limit of one workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Which workload.
    pub workload: CgroupId,
    /// Which limit.
    pub knob: Knob,
    /// When.
    pub at: Timestamp,
    /// The limit in force before, in the knob's unit; infinite for `max`; `None` if unreadable.
    pub from: Option<f64>,
    /// The limit wanted, in the knob's unit.
    pub to: f64,
    /// Raise, lower or hold.
    pub action: Action,
    /// Why, in order.
    pub reasons: Vec<Reason>,
}

impl Knob {
    /// The file's name.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::CpuMax => "cpu.max",
            Self::CpuBurst => "cpu.max.burst",
            Self::CpuWeight => "cpu.weight",
            Self::MemoryHigh => "memory.high",
            Self::MemoryMax => "memory.max",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raise => "raise",
            Self::Lower => "lower",
            Self::Hold => "hold",
        })
    }
}
