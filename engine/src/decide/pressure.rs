//! Signs that memory is short right now, and how far they raise the limit.

use super::Reason;
use super::memory::limit_value;
use crate::policy::Policy;
use crate::sample::{Limits, Usage};

/// Growth of `memory.high` in a tick with stalls above the veto.
const STALL_GROWTH: f64 = 1.25;
/// Growth in a tick in which the workload ran into its limit: it would have gone on.
const LIMIT_GROWTH: f64 = 1.5;
/// Share of the limit that the working set must fill for hits of it to count. Below that they
/// come from file cache, which always grows up to the limit and is cheap to drop.
const LIMIT_FILLED: f64 = 0.85;

/// Memory is short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pressure {
    /// The working set ran into `memory.high`.
    AtLimit { hits: u64 },
    /// Tasks stalled longer than policy allows.
    Stalled { share: f64 },
    /// Tasks spent longer on freeing memory than policy allows, and no stall is known.
    Reclaiming { share: f64 },
}

impl Pressure {
    /// What the last tick shows, the stronger sign first.
    pub(super) fn of(
        usage: &Usage,
        limits: Limits,
        working_set: f64,
        policy: &Policy,
    ) -> Option<Self> {
        let hits = usage.memory_high_new.unwrap_or(0);
        let limit = limits.memory_high.map_or(f64::INFINITY, limit_value);
        if hits > 0 && working_set >= limit * LIMIT_FILLED {
            return Some(Self::AtLimit { hits });
        }
        let above = |share: &f64| *share > policy.memory_stall_veto;
        match usage.memory_stall_share {
            // The kernel counts reclaim as a stall, so where it says how much, that is enough.
            Some(share) => above(&share).then_some(Self::Stalled { share }),
            None => {
                let share = usage.reclaim.filter(above)?;
                Some(Self::Reclaiming { share })
            }
        }
    }

    /// The raised target and why; `None` if there is no finite limit to grow from.
    pub(super) fn raise(self, limits: Limits, target: f64) -> Option<(f64, Reason)> {
        let limit = limits.memory_high.or(limits.memory_max).map(limit_value)?;
        let grown = |factor: f64| {
            target.max(if limit.is_finite() {
                limit * factor
            } else {
                target
            })
        };
        Some(match self {
            Self::AtLimit { hits } => {
                let value = grown(LIMIT_GROWTH);
                (value, Reason::AtLimit { hits, value })
            }
            Self::Stalled { share } => {
                let value = grown(STALL_GROWTH);
                (value, Reason::MemoryStall { share, value })
            }
            Self::Reclaiming { share } => {
                let value = grown(STALL_GROWTH);
                (value, Reason::ReclaimStall { share, value })
            }
        })
    }
}
