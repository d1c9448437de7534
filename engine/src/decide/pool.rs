//! Memory of earlier ticks, so that a tick in which nothing new happens asks for none.

use super::{Decision, Reason};

/// More reasons or decisions than there ever are for one limit or one workload.
const REASONS: usize = 16;
const DECISIONS: usize = 5;

/// Lists that are empty but have room.
#[derive(Debug, Default)]
pub struct Pool {
    reasons: Vec<Vec<Reason>>,
    decisions: Vec<Vec<Decision>>,
}

impl Pool {
    /// A list of reasons, empty.
    pub(crate) fn reasons(&mut self) -> Vec<Reason> {
        self.reasons
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(REASONS))
    }

    /// A list of decisions, empty.
    pub(crate) fn decisions(&mut self) -> Vec<Decision> {
        self.decisions
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(DECISIONS))
    }

    /// Takes back reasons that nobody needs any more.
    pub(crate) fn spare(&mut self, mut reasons: Vec<Reason>) {
        reasons.clear();
        self.reasons.push(reasons);
    }

    /// Takes back decisions and their reasons.
    pub fn recycle(&mut self, mut decisions: Vec<Decision>) {
        for decision in decisions.drain(..) {
            self.spare(decision.reasons);
        }
        self.decisions.push(decisions);
    }
}
