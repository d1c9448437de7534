//! What the engine remembers of one workload from tick to tick.

use crate::decide::Laws;
use crate::fast::{Alarm, Look};
use crate::sample::RawSample;
use crate::units::CgroupId;

/// What is remembered of one workload. What a tick finds stands in its report, not here.
#[derive(Debug)]
pub(crate) struct Workload {
    pub id: CgroupId,
    /// The last tick in whose input it was.
    pub seen: u64,
    /// Its first place in that input.
    pub first: usize,
    /// The counters of its last reading.
    pub last: RawSample,
    pub laws: Laws,
    /// What its near-quota events are worth.
    pub alarm: Alarm,
    /// The last near-quota event that raised nothing.
    pub look: Option<Look>,
    /// Length of an enforcement period, where there is one.
    pub period_us: Option<u64>,
    /// Burst credit, in microseconds.
    pub burst_us: u64,
}

impl Workload {
    /// A workload from its first reading, which gives gauges but no rates.
    pub fn new(id: CgroupId, sample: &RawSample) -> Self {
        Self {
            id,
            seen: 0,
            first: 0,
            last: sample.counters(),
            laws: Laws::default(),
            alarm: Alarm::default(),
            look: None,
            period_us: None,
            burst_us: 0,
        }
    }
}
