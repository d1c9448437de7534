//! What goes into the law of memory, and what comes out.

use crate::decide::Decision;
use crate::decide::Wait;
use crate::forecast::Forecast;
use crate::policy::Policy;
use crate::sample::{Limits, Usage};
use crate::units::{Bytes, CgroupId, Timestamp};

/// What the law sees of one workload at one tick.
#[derive(Debug, Clone, Copy)]
pub struct MemoryInput<'a> {
    /// Which workload.
    pub workload: CgroupId,
    /// The time of the tick.
    pub now: Timestamp,
    /// Length of a tick in seconds.
    pub tick_s: f64,
    /// What it used.
    pub usage: &'a Usage,
    /// What it is about to use, in bytes.
    pub forecast: Option<&'a Forecast>,
    /// The limits in force.
    pub limits: Limits,
    /// Memory of the node.
    pub node: Bytes,
    /// Bytes that a limit may be raised by beyond what is in use; infinite where that is not known.
    pub room: f64,
    /// Is a limit that is reached told at once, and raised between two ticks
    /// ([`crate::Engine::memory_tripped`])? Then the tick need not keep room for what is rare.
    pub served: bool,
    /// Why no limit may fall for the sake of others like it, if so.
    pub waits: Option<Wait>,
    /// What people allow.
    pub policy: &'a Policy,
}

/// The decisions on both limits; `None` where there is no such limit to decide on. Where one of
/// them is not a hold, `memory.high` is not above `memory.max` (unless it came infinite or above
/// the ceiling, and may not fall yet).
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryTargets {
    /// On `memory.high`.
    pub high: Option<Decision>,
    /// On `memory.max`.
    pub max: Option<Decision>,
}
