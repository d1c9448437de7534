//! The decisions of a tick as numbers. Most are never looked at, so that the words are made when
//! somebody asks for them; and all lie in two lists, so that a tick of many workloads asks for memory
//! twice.

use std::ops::Range;

use llmos_engine::decide::{Decision, Reason};
use llmos_proto::status;

use crate::apply::Outcome;
use crate::show;

/// All decisions of one tick, and what came of each.
#[derive(Debug, Clone, Default)]
pub struct Made {
    rows: Vec<Row>,
    reasons: Vec<Reason>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Without its reasons.
    pub decision: Decision,
    pub outcome: Outcome,
    reasons: Range<u32>,
}

/// A decision of the fast path, with what a tick would know of it.
#[derive(Debug, Clone)]
pub struct Between {
    /// Path of the cgroup below the cgroup root.
    pub cgroup: String,
    /// Wall clock, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// What was decided.
    pub decision: Decision,
    /// What came of it.
    pub outcome: Outcome,
}

impl Made {
    /// Room for the decisions of so many workloads.
    #[must_use]
    pub fn for_workloads(workloads: usize) -> Self {
        // Limits of a workload, and reasons of a decision, as there are most often.
        let rows = workloads * 4;
        Self {
            rows: Vec::with_capacity(rows),
            reasons: Vec::with_capacity(rows * 5),
        }
    }

    /// Takes in one; without a number to decide for there is nothing to show.
    pub fn push(&mut self, decision: &Decision, outcome: Outcome) {
        if !decision.to.is_finite() {
            return;
        }
        let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let first = number(self.reasons.len());
        self.reasons.extend_from_slice(&decision.reasons);
        self.rows.push(Row {
            decision: Decision {
                reasons: Vec::new(),
                ..*decision
            },
            outcome,
            reasons: first..number(self.reasons.len()),
        });
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// One in words.
    pub(super) fn dressed(&self, row: &Row, cgroup: &str, at_unix_ms: u64) -> status::Decision {
        let range = row.reasons.start as usize..row.reasons.end as usize;
        let decision = Decision {
            reasons: self.reasons.get(range).unwrap_or_default().to_vec(),
            ..row.decision
        };
        show::decision(&decision, cgroup, at_unix_ms, row.outcome.to_string())
    }
}

impl Between {
    pub(super) fn dressed(&self) -> status::Decision {
        let outcome = self.outcome.to_string();
        show::decision(&self.decision, &self.cgroup, self.at_unix_ms, outcome)
    }
}
