//! What both limits of memory have in common at a tick, and the move of `memory.high` towards it.

use super::{BACK_MOST, MemoryInput, PAGE};
use crate::decide::Reason;
use crate::decide::guard::Proposal;
use crate::decide::shrink::Held;
use crate::units::Bytes;

/// What both limits of a tick have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    pub current: f64,
    /// Wanted for `memory.high`, before pace.
    pub high: f64,
    pub floor: f64,
    pub ceiling: f64,
    /// The live working set with its room.
    pub live: f64,
    pub pressed: bool,
    /// Why nothing may go down, if so.
    pub held: Option<Held>,
    /// `memory.max` goes back at least to here.
    pub back: Option<f64>,
}

/// The move of `memory.high` that is wanted from a limit.
pub(super) fn high_proposal(input: &MemoryInput<'_>, target: &Target, from: f64) -> Proposal {
    Proposal {
        now: input.now,
        from,
        target: target.high,
        floor: target.floor,
        ceiling: target.ceiling,
        share: f64::INFINITY,
        quantum: PAGE,
        urgent: target.pressed || target.back.is_some() || target.current > from,
        veto: target.pressed || target.held.is_some(),
    }
}

pub(super) fn held_reason(held: Held) -> Reason {
    match held {
        Held::Checking { left_s } => Reason::Checking { left_s },
        Held::Reverted { left_s } => Reason::AfterHarm { left_s },
        Held::Others(wait) => wait.reason(),
    }
}

/// How far back a limit goes after harm; `None` where there is none.
pub(super) fn bounded_back(before: f64, now: Option<Bytes>) -> Option<f64> {
    let back = before.min(limit_value(now?) * BACK_MOST);
    back.is_finite().then_some(back)
}

/// A limit as a number; `max` is infinite.
pub(in crate::decide) fn limit_value(limit: Bytes) -> f64 {
    if limit.0 == u64::MAX {
        f64::INFINITY
    } else {
        limit.0 as f64
    }
}
