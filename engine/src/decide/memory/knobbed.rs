//! What the law of memory keeps of each of its two limits.

use super::super::Action;
use super::super::applied::Applied;
use super::super::guard::Guard;
use super::super::shrink::Pair;
use super::PAGE;
use crate::units::Timestamp;

/// What is remembered of one of the two limits.
#[derive(Debug, Clone, Default)]
pub(super) struct Knobbed {
    pub(super) guard: Guard,
    pub(super) applied: Applied,
    /// Both limits in force when it was last decided to lower this one.
    lowered: Option<Pair>,
    /// Decided last.
    to: Option<f64>,
}

impl Knobbed {
    /// Takes note of the limit in force. Gives what both were before it was lowered, when that has
    /// just come into force.
    pub(super) fn see(&mut self, now: Timestamp, from: f64) -> Option<Pair> {
        self.guard.see(now, from);
        let came = self.applied.see(from, PAGE);
        self.lowered.take().filter(|_| came)
    }

    /// Takes note of what was decided, and of both limits in force then.
    pub(super) fn decided(&mut self, (to, action): (f64, Action), before: Pair) {
        self.applied.decided(to, action);
        self.to = Some(to);
        self.lowered = (action == Action::Lower).then_some(before);
    }

    /// The fast path has raised this limit to `to` bytes.
    pub(super) fn lend(&mut self, now: Timestamp, to: f64) {
        self.guard.raised(now, to);
        self.applied.lent(to);
        self.lowered = None;
    }

    /// The limit that was decided last, in bytes.
    pub(super) fn last_decided(&self) -> Option<f64> {
        self.to
    }
}
