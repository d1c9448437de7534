//! Which decisions are changes worth keeping, and how many of them.

use std::collections::VecDeque;
use std::sync::Arc;

use llmos_proto::status::Decision;

/// Changes kept over all workloads.
pub const OVERALL: usize = 512;
/// Changes kept for one workload while there are few workloads.
pub const PER_WORKLOAD: usize = 32;
/// Changes kept in the lists of all workloads together: bounds memory on a node with many.
const SHARED: usize = 2048;
/// Even on a crowded node each workload keeps its newest changes.
const LEAST: usize = 2;

/// Changes that each of `workloads` may keep.
pub fn share(workloads: usize) -> usize {
    (SHARED / workloads.max(1)).clamp(LEAST, PER_WORKLOAD)
}

/// Newest last, never more than it was told to keep.
#[derive(Clone, Default)]
pub struct Changes(VecDeque<Arc<Decision>>);

impl Changes {
    /// True when `decision` says something that the list does not hold yet. Only what was written
    /// counts each time; a wish or a failure that comes again each tick is one change.
    pub fn is_news(&self, decision: &Decision) -> bool {
        if decision.action == "hold" {
            return false;
        }
        if decision.outcome == "applied" {
            return true;
        }
        let last = self.0.iter().rev().find(|d| d.knob == decision.knob);
        !last.is_some_and(|last| {
            last.action == decision.action
                && last.outcome == decision.outcome
                && same(last.from, decision.from)
                && same(Some(last.to), Some(decision.to))
        })
    }

    /// Appends and drops the oldest above `most`.
    pub fn push(&mut self, decision: Arc<Decision>, most: usize) {
        self.0.push_back(decision);
        self.shrink(most);
    }

    /// Drops the oldest above `most`.
    pub fn shrink(&mut self, most: usize) {
        while self.0.len() > most {
            self.0.pop_front();
        }
    }

    /// Newest first.
    pub fn newest_first(&self) -> Vec<Arc<Decision>> {
        self.0.iter().rev().cloned().collect()
    }
}

fn same(a: Option<f64>, b: Option<f64>) -> bool {
    a.map(f64::to_bits) == b.map(f64::to_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(knob: &str, action: &str, to: f64, outcome: &str) -> Decision {
        Decision {
            at_unix_ms: 0,
            workload: "1".into(),
            cgroup: "a".into(),
            knob: knob.into(),
            action: action.into(),
            from: Some(1.0),
            to,
            reasons: Vec::new(),
            outcome: outcome.into(),
        }
    }

    #[test]
    fn holds_and_repeated_wishes_are_no_news() {
        let mut changes = Changes::default();
        assert!(!changes.is_news(&decision("cpu.max", "hold", 1.0, "held")));
        let wish = decision("cpu.max", "raise", 2.0, "observed");
        assert!(changes.is_news(&wish));
        changes.push(Arc::new(wish.clone()), PER_WORKLOAD);
        assert!(!changes.is_news(&wish));
        assert!(changes.is_news(&decision("cpu.max", "raise", 3.0, "observed")));
        assert!(changes.is_news(&decision("memory.high", "raise", 2.0, "observed")));
        let written = decision("cpu.max", "raise", 2.0, "applied");
        changes.push(Arc::new(written.clone()), PER_WORKLOAD);
        assert!(changes.is_news(&written), "each write counts");
    }

    #[test]
    fn crowded_nodes_keep_fewer_each() {
        assert_eq!(share(0), PER_WORKLOAD);
        assert_eq!(share(64), PER_WORKLOAD);
        assert_eq!(share(256), 8);
        assert_eq!(share(100_000), LEAST);
    }

    #[test]
    fn the_oldest_leave_first() {
        let mut changes = Changes::default();
        for to in 0..40_u32 {
            changes.push(
                Arc::new(decision("cpu.max", "raise", to.into(), "applied")),
                32,
            );
        }
        let kept = changes.newest_first();
        assert_eq!(kept.len(), 32);
        let ends = [&kept[0], &kept[31]].map(|d| d.to.to_string());
        assert_eq!(ends, ["39", "8"]);
    }
}
