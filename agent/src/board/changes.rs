//! Which decisions are changes worth keeping, and how many of them.

use std::collections::VecDeque;
use std::sync::Arc;

use llmos_engine::decide::{Action, Decision as Decided};
use llmos_proto::status::Decision;

use crate::apply::Outcome;
use crate::show;

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
    /// True when it says something that the list does not hold yet. Only what was written
    /// counts each time; a wish or a failure that comes again each tick is one change.
    pub fn is_news(&self, made: &Decided, outcome: &Outcome) -> bool {
        if made.action == Action::Hold {
            return false;
        }
        if *outcome == Outcome::Applied {
            return true;
        }
        let last = self.0.iter().rev().find(|d| d.knob == made.knob.file());
        !last.is_some_and(|last| {
            last.action == show::action(made.action)
                && outcome.reads(&last.outcome)
                && same(last.from, made.from.filter(|from| from.is_finite()))
                && same(Some(last.to), Some(made.to))
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

    use crate::board::Between;
    use llmos_engine::decide::Knob;
    use llmos_engine::units::{CgroupId, Timestamp};

    fn made(knob: Knob, action: Action, to: f64, outcome: Outcome) -> Between {
        Between {
            cgroup: "a".into(),
            at_unix_ms: 0,
            decision: Decided {
                workload: CgroupId(1),
                knob,
                at: Timestamp(0),
                from: Some(1.0),
                to,
                action,
                reasons: Vec::new(),
            },
            outcome,
        }
    }

    fn is_news(changes: &Changes, made: &Between) -> bool {
        changes.is_news(&made.decision, &made.outcome)
    }

    #[test]
    fn holds_and_repeated_wishes_are_no_news() {
        let mut changes = Changes::default();
        let wish = |knob, to| made(knob, Action::Raise, to, Outcome::Observed);
        let hold = made(Knob::CpuMax, Action::Hold, 1.0, Outcome::Held);
        assert!(!is_news(&changes, &hold));
        let first = wish(Knob::CpuMax, 2.0);
        assert!(is_news(&changes, &first));
        changes.push(Arc::new(first.dressed()), PER_WORKLOAD);
        assert!(!is_news(&changes, &first));
        assert!(is_news(&changes, &wish(Knob::CpuMax, 3.0)));
        assert!(is_news(&changes, &wish(Knob::MemoryHigh, 2.0)));
        let failed = |why: &str| {
            let why = Outcome::Failed(why.to_owned());
            made(Knob::CpuMax, Action::Raise, 2.0, why)
        };
        changes.push(Arc::new(failed("busy").dressed()), PER_WORKLOAD);
        assert!(!is_news(&changes, &failed("busy")));
        assert!(is_news(&changes, &failed("gone")), "another cause");
        let written = made(Knob::CpuMax, Action::Raise, 2.0, Outcome::Applied);
        changes.push(Arc::new(written.dressed()), PER_WORKLOAD);
        assert!(is_news(&changes, &written), "each write counts");
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
            let applied = made(Knob::CpuMax, Action::Raise, to.into(), Outcome::Applied);
            changes.push(Arc::new(applied.dressed()), 32);
        }
        let kept = changes.newest_first();
        assert_eq!(kept.len(), 32);
        let ends = [&kept[0], &kept[31]].map(|d| d.to.to_string());
        assert_eq!(ends, ["39", "8"]);
    }
}
