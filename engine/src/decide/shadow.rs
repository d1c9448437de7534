//! What would have happened: the same targets and the same pace on a limit that exists on paper
//! only. Where decisions come into force the paper limit is the real one, so the score is of what
//! did happen.

use super::Reason;
use super::guard::{Guard, Proposal};
use crate::policy::Policy;
use crate::units::{Bytes, Cores, Timestamp};

/// How LLMOS would have done on one workload, or did.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score {
    /// Seconds that the limits were followed.
    pub seconds: f64,
    /// Seconds of work that the quota would have put off.
    pub cpu_stall_s: f64,
    /// Core-seconds less than under the limit that people had set; negative when it was too low.
    /// Nothing is counted where there was no limit.
    pub cpu_saved_core_s: f64,
    /// Seconds in which the working set would have been above `memory.high`.
    pub memory_stall_s: f64,
    /// Byte-seconds less than under the limit that people had set.
    pub memory_saved_byte_s: f64,
    /// Kills that `memory.max` would have caused, or did.
    pub kills: u64,
}

impl Score {
    /// Adds a tick of CPU. `throttled` is the share of throttled periods, where the quota in force
    /// was ours.
    pub(super) fn cpu(&mut self, passed: Passed, used: Option<Cores>, throttled: Option<f64>) {
        self.seconds += passed.seconds;
        self.cpu_saved_core_s += passed.saved;
        let put_off = throttled.or_else(|| Some(beyond(used?.0, passed.limit)));
        self.cpu_stall_s += passed.seconds * put_off.unwrap_or(0.0);
    }

    /// Adds a tick of memory. `room` is that of `memory.max` above `memory.high`, `kills` those
    /// that were, where the limits in force were ours.
    pub(super) fn memory(
        &mut self,
        passed: Passed,
        used: Option<Bytes>,
        room: f64,
        kills: Option<u64>,
    ) {
        self.memory_saved_byte_s += passed.saved;
        let Some(used) = used.map(|bytes| bytes.0 as f64) else {
            return;
        };
        self.memory_stall_s += passed.seconds * f64::from(used > passed.limit);
        let would = || u64::from(used > passed.limit * (1.0 + room));
        self.kills += kills.unwrap_or_else(would);
    }
}

/// Share of the use that a limit would have cut off.
fn beyond(used: f64, limit: f64) -> f64 {
    if used > limit && used.is_finite() {
        1.0 - limit / used
    } else {
        0.0
    }
}

/// A limit on paper.
#[derive(Debug, Clone, Default)]
pub(super) struct Paper {
    guard: Guard,
    limit: Option<f64>,
    /// What people had set.
    original: Option<f64>,
    last: Option<Timestamp>,
    reasons: Vec<Reason>,
}

/// What a tick did to a limit on paper.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Passed {
    /// Length of the tick in seconds.
    pub seconds: f64,
    /// The limit on paper during it; infinite for none.
    pub limit: f64,
    /// What people's limit had above it, times the seconds; zero where there is none to compare.
    pub saved: f64,
}

impl Paper {
    /// What the tick that has just passed was like. `from` is the limit in force, `ours` says
    /// whether it was decided here.
    pub(super) fn pass(&mut self, now: Timestamp, from: f64, ours: bool) -> Passed {
        if !ours || self.original.is_none() {
            self.original = Some(from);
        }
        let seconds = self.last.map_or(0.0, |last| now.seconds_since(last));
        self.last = Some(now);
        let limit = match self.limit {
            Some(limit) if !ours => limit,
            _ => from,
        };
        self.limit = Some(limit);
        self.guard.see(now, limit);
        let compared = self
            .original
            .filter(|original| original.is_finite() && limit.is_finite());
        Passed {
            seconds,
            limit,
            saved: compared.map_or(0.0, |original| (original - limit) * seconds),
        }
    }

    /// Moves the limit on paper as the real one would be moved, given how much is in demand now.
    pub(super) fn follow(&mut self, proposal: Proposal, demand: f64, policy: &Policy) {
        let Some(from) = self.limit else { return };
        self.guard.known(proposal.now, policy);
        self.reasons.clear();
        let proposal = Proposal {
            from,
            urgent: proposal.urgent || demand > from,
            ..proposal
        };
        let (to, _) = self.guard.judge(proposal, policy, &mut self.reasons);
        self.limit = Some(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Timestamp {
        Timestamp(s * 1_000_000_000)
    }

    fn follow(paper: &mut Paper, s: u64, target: f64) {
        let proposal = Proposal {
            now: at(s),
            from: 8.0,
            target,
            floor: 0.05,
            ceiling: 8.0,
            share: f64::INFINITY,
            quantum: 0.01,
            urgent: false,
            veto: false,
        };
        paper.follow(proposal, target, &Policy::default());
    }

    #[test]
    fn a_limit_that_nobody_moves_comes_down_on_paper_and_counts_as_saved() {
        let mut paper = Paper::default();
        let mut saved = 0.0;
        for s in 0..120 {
            saved += paper.pass(at(s), 8.0, false).saved;
            follow(&mut paper, s, 1.0);
        }
        let passed = paper.pass(at(120), 8.0, false);
        assert!((passed.limit - 1.0).abs() < 0.06, "{}", passed.limit);
        assert!(saved > 80.0 * 7.0 * 0.9, "{saved}");
    }

    #[test]
    fn a_limit_that_is_ours_is_the_one_in_force_against_what_was_there_first() {
        let mut paper = Paper::default();
        paper.pass(at(0), 4.0, false);
        follow(&mut paper, 0, 1.0);
        let passed = paper.pass(at(1), 3.0, true);
        assert!((passed.limit - 3.0).abs() < 1e-9);
        assert!((passed.saved - 1.0).abs() < 1e-9);
    }

    #[test]
    fn use_above_the_paper_limit_is_put_off_or_kills() {
        let passed = Passed {
            seconds: 2.0,
            limit: 1.0,
            saved: 0.0,
        };
        let mut score = Score::default();
        score.cpu(passed, Some(Cores(4.0)), None);
        assert!((score.cpu_stall_s - 1.5).abs() < 1e-9);
        score.cpu(passed, Some(Cores(4.0)), Some(0.5));
        assert!(
            (score.cpu_stall_s - 2.5).abs() < 1e-9,
            "what was, where it was"
        );
        score.cpu(passed, None, None);
        assert!(
            (score.cpu_stall_s - 2.5).abs() < 1e-9,
            "unknown is no stall"
        );
        let passed = Passed {
            limit: 100.0,
            ..passed
        };
        score.memory(passed, Some(Bytes(110)), 0.15, None);
        assert_eq!((score.kills, score.memory_stall_s as u64), (0, 2));
        score.memory(passed, Some(Bytes(120)), 0.15, None);
        score.memory(passed, Some(Bytes(120)), 0.15, Some(0));
        assert_eq!(score.kills, 1);
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_save() {
        let mut paper = Paper::default();
        for s in 0..60 {
            assert!(paper.pass(at(s), f64::INFINITY, false).saved.abs() < 1e-12);
            follow(&mut paper, s, 1.0);
        }
    }
}
