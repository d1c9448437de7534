//! Patience with a file that somebody else changes, or that cannot be written. Pure.

use llmos_engine::units::Timestamp;

/// The first wait; each further trouble doubles it.
const FIRST_WAIT_S: f64 = 2.0;
const LONGEST_WAIT_S: f64 = 300.0;
/// Without trouble for so long, the past is forgiven.
const FORGIVEN_S: f64 = 600.0;

/// What keeps a file from being written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Somebody else changed what we had written.
    Foreign,
    /// The last write failed.
    Failed,
}

/// The state of one file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Guard {
    trouble: Option<(Trouble, Timestamp)>,
    wait_s: f64,
    foreign_now: bool,
}

impl Guard {
    /// Takes note of whether the file now holds a value of somebody else. True when that is new.
    pub(super) fn observe_foreign(&mut self, now: Timestamp, foreign: bool) -> bool {
        let new = foreign && !self.foreign_now;
        self.foreign_now = foreign;
        if new {
            self.hit(now, Trouble::Foreign);
        }
        new
    }

    /// Takes note of a failed write.
    pub(super) fn failed(&mut self, now: Timestamp) {
        self.hit(now, Trouble::Failed);
    }

    /// Takes note of a write that went well: what the file holds is ours again.
    pub(super) fn written(&mut self) {
        self.foreign_now = false;
        if let Some((Trouble::Failed, _)) = self.trouble {
            *self = Self::default();
        }
    }

    /// What the next write has to wait for, if anything.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Trouble> {
        let (trouble, since) = self.trouble?;
        (now.seconds_since(since) < self.wait_s).then_some(trouble)
    }

    /// The trouble of this file that is not forgiven yet.
    pub(super) fn trouble(&self, now: Timestamp) -> Option<Trouble> {
        let (trouble, since) = self.trouble?;
        (now.seconds_since(since) < FORGIVEN_S).then_some(trouble)
    }

    fn hit(&mut self, now: Timestamp, trouble: Trouble) {
        self.wait_s = if self.trouble(now).is_some() {
            (self.wait_s * 2.0).min(LONGEST_WAIT_S)
        } else {
            FIRST_WAIT_S
        };
        self.trouble = Some((trouble, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp((seconds * 1e9) as u64)
    }

    #[test]
    fn one_change_by_others_is_one_trouble() {
        let mut guard = Guard::default();
        assert_eq!(guard.wait(at(0.0)), None);
        assert!(guard.observe_foreign(at(1.0), true));
        assert!(
            !guard.observe_foreign(at(2.0), true),
            "still the same change"
        );
        assert_eq!(guard.wait(at(2.9)), Some(Trouble::Foreign));
        assert_eq!(guard.wait(at(3.0)), None);
        guard.written();
        assert!(
            guard.observe_foreign(at(4.0), true),
            "changed again after our write"
        );
    }

    #[test]
    fn the_wait_doubles_up_to_a_bound_and_is_forgiven() {
        let mut guard = Guard::default();
        let mut now = 0.0;
        let mut waits = Vec::new();
        for _ in 0..10 {
            guard.observe_foreign(at(now), true);
            guard.written();
            waits.push(guard.wait_s);
            now += guard.wait_s;
        }
        assert_eq!(waits[..4], [2.0, 4.0, 8.0, 16.0]);
        assert_eq!(waits[9..], [300.0]);
        now += FORGIVEN_S;
        assert_eq!(guard.trouble(at(now)), None);
        guard.observe_foreign(at(now), true);
        assert!((guard.wait_s - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_failure_ends_with_the_next_success() {
        let mut guard = Guard::default();
        guard.failed(at(0.0));
        guard.failed(at(2.0));
        assert_eq!(guard.wait(at(5.0)), Some(Trouble::Failed));
        guard.written();
        assert_eq!(guard.trouble(at(6.0)), None);
        guard.failed(at(6.0));
        assert_eq!(guard.wait(at(8.0)), None, "the wait began anew");
    }
}
