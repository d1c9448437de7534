//! Patience with a file that somebody else changes, or that cannot be written. Pure.

use std::collections::VecDeque;

use llmos_engine::units::Timestamp;

use super::foreign::Class;

/// The first wait; each further trouble doubles it.
const FIRST_WAIT_S: f64 = 2.0;
const LONGEST_WAIT_S: f64 = 300.0;
/// Without trouble for so long, the past is forgiven.
const FORGIVEN_S: f64 = 600.0;
/// Changes by others closer than this are one.
const ONE_CHANGE_S: f64 = 1.0;
/// How long a change by others is remembered.
const REMEMBERED_S: f64 = 600.0;
/// So many changes that are remembered are enough: the file is theirs.
const ENOUGH: usize = 5;

/// What keeps a file from being written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Somebody else changed what we had written.
    Foreign,
    /// The last write failed.
    Failed,
}

/// A wait that doubles with each trouble.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wait {
    since: Timestamp,
    for_s: f64,
}

impl Wait {
    /// The wait after one more trouble.
    fn after(past: Option<Self>, now: Timestamp) -> Self {
        let past = past.filter(|wait| wait.lasts(now, FORGIVEN_S));
        Self {
            since: now,
            for_s: past.map_or(FIRST_WAIT_S, |wait| (wait.for_s * 2.0).min(LONGEST_WAIT_S)),
        }
    }

    fn lasts(self, now: Timestamp, for_s: f64) -> bool {
        now.seconds_since(self.since) < for_s
    }
}

/// A file that was left to somebody else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HandedOver {
    /// Since when.
    pub(super) since: Timestamp,
    /// Who changed it.
    pub(super) class: Class,
    /// Because the policy says so, and not after a quarrel.
    pub(super) by_policy: bool,
}

/// What is seen of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing new.
    Same,
    /// Somebody else has set another value, a moment after the last one.
    Moved,
    /// Somebody else has changed it; which change it is, of those that are remembered.
    Changed(usize),
}

/// The state of one file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Guard {
    failed: Option<Wait>,
    foreign: Option<Wait>,
    /// The value of somebody else that the file holds.
    theirs: Option<f64>,
    /// Who changed it last.
    class: Option<Class>,
    /// When a change was counted last.
    counted: Option<Timestamp>,
    /// Changes that nobody but another writer makes.
    changes: VecDeque<Timestamp>,
    /// The value of theirs that is the original on disk, and since when.
    kept: Option<(Timestamp, f64)>,
    handed_over: Option<HandedOver>,
}

impl Guard {
    /// Takes note of what the file holds now: a value of somebody else, or ours.
    pub(super) fn observe(&mut self, now: Timestamp, theirs: Option<f64>) -> Seen {
        let before = std::mem::replace(&mut self.theirs, theirs);
        if theirs.is_none() || theirs == before {
            return Seen::Same;
        }
        // A new value over their own is no new quarrel with us, but begins the wait anew.
        if before.is_some()
            && let Some(wait) = &mut self.foreign
        {
            wait.since = now;
        } else {
            self.foreign = Some(Wait::after(self.foreign, now));
        }
        let near = |at: Timestamp| now.seconds_since(at) < ONE_CHANGE_S;
        if self.counted.is_some_and(near) {
            return Seen::Moved;
        }
        self.counted = Some(now);
        self.class = None;
        self.forget(now);
        Seen::Changed(self.changes.len() + 1)
    }

    /// Takes in who made the change that was counted at `at`. True when that is enough, and the file
    /// is to be handed over. systemd does not mean the file when it puts its values back, so that
    /// only makes the waits longer.
    pub(super) fn decided(&mut self, at: Timestamp, class: Class) -> bool {
        self.class = Some(class);
        if let Some(handed_over) = &mut self.handed_over {
            handed_over.class = class;
            return false;
        }
        if class == Class::SystemdReload {
            return false;
        }
        self.forget(at);
        self.changes.push_back(at);
        self.changes.len() >= ENOUGH
    }

    /// Is the value of theirs to be made the original on disk now? At most once a second, and again
    /// later if that was too soon.
    pub(super) fn is_to_keep(&self, now: Timestamp) -> bool {
        let (Some(theirs), kept) = (self.theirs, self.kept) else {
            return false;
        };
        kept.is_none_or(|(at, value)| {
            theirs.to_bits() != value.to_bits() && now.seconds_since(at) >= ONE_CHANGE_S
        })
    }

    /// It was.
    pub(super) fn kept(&mut self, now: Timestamp) {
        self.kept = self.theirs.map(|value| (now, value));
    }

    /// The value of somebody else that the file holds.
    pub(super) fn theirs(&self) -> Option<f64> {
        self.theirs
    }

    /// Who changed it last, as far as that is decided.
    pub(super) fn class(&self) -> Class {
        self.class.unwrap_or(Class::Unknown)
    }

    /// The file is theirs from now on.
    pub(super) fn hand_over(&mut self, now: Timestamp, by_policy: bool) {
        let handed_over = HandedOver {
            since: now,
            class: self.class(),
            by_policy,
        };
        *self = Self {
            handed_over: Some(handed_over),
            ..Self::default()
        };
    }

    /// Whether the file was left to somebody else.
    pub(super) fn handed_over(&self) -> Option<HandedOver> {
        self.handed_over
    }

    /// After so many seconds a file that was handed over may be tried again. True when that is now.
    pub(super) fn take_back(&mut self, now: Timestamp, after_s: f64) -> bool {
        let over = |handed: HandedOver| now.seconds_since(handed.since) >= after_s;
        let back = self.handed_over.is_some_and(over);
        if back {
            *self = Self::default();
        }
        back
    }

    /// After a takeover nothing of what was written before counts; what is theirs stays theirs.
    pub(super) fn begin_anew(&mut self) {
        *self = Self {
            handed_over: self.handed_over,
            ..Self::default()
        };
    }

    /// Takes note of a failed write.
    pub(super) fn failed(&mut self, now: Timestamp) {
        self.failed = Some(Wait::after(self.failed, now));
    }

    /// Takes note of a write that went well: what the file holds is ours again.
    pub(super) fn written(&mut self) {
        self.theirs = None;
        self.kept = None;
        self.failed = None;
    }

    /// What the next write has to wait for, if anything.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Trouble> {
        self.first(|wait| wait.lasts(now, wait.for_s))
    }

    /// The trouble of this file that is not forgiven yet.
    pub(super) fn trouble(&self, now: Timestamp) -> Option<Trouble> {
        self.first(|wait| wait.lasts(now, FORGIVEN_S))
    }

    fn first(&self, lasts: impl Fn(Wait) -> bool) -> Option<Trouble> {
        let foreign = self.foreign.filter(|wait| lasts(*wait));
        let failed = self.failed.filter(|wait| lasts(*wait));
        let foreign = foreign.map(|_| Trouble::Foreign);
        foreign.or(failed.map(|_| Trouble::Failed))
    }

    fn forget(&mut self, now: Timestamp) {
        let old = |at: &mut Timestamp| now.seconds_since(*at) >= REMEMBERED_S;
        while self.changes.pop_front_if(old).is_some() {}
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
        assert_eq!(guard.observe(at(1.0), Some(5.0)), Seen::Changed(1));
        assert_eq!(guard.observe(at(2.0), Some(5.0)), Seen::Same);
        assert_eq!(guard.wait(at(2.9)), Some(Trouble::Foreign));
        assert_eq!(guard.wait(at(3.0)), None);
        guard.written();
        let again = guard.observe(at(4.0), Some(5.0));
        assert_eq!(again, Seen::Changed(1), "changed again after our write");
    }

    #[test]
    fn changes_within_a_second_are_one_but_begin_the_wait_anew() {
        let mut guard = Guard::default();
        assert_eq!(guard.observe(at(0.0), Some(5.0)), Seen::Changed(1));
        assert_eq!(guard.observe(at(0.9), Some(6.0)), Seen::Moved);
        assert_eq!(guard.wait(at(2.8)), Some(Trouble::Foreign));
        assert_eq!(guard.wait(at(2.9)), None, "no longer for it");
        assert_eq!(guard.observe(at(3.0), None), Seen::Same, "put back by them");
        assert_eq!(guard.observe(at(3.1), Some(5.0)), Seen::Changed(1));
        assert_eq!(guard.wait(at(7.0)), Some(Trouble::Foreign), "twice as long");
    }

    #[test]
    fn the_wait_doubles_up_to_a_bound_and_is_forgiven() {
        let mut guard = Guard::default();
        let mut now = 0.0;
        let mut waits = Vec::new();
        let wait_s = |guard: &Guard| guard.foreign.unwrap().for_s;
        for _ in 0..10 {
            guard.observe(at(now), Some(1.0));
            guard.written();
            waits.push(wait_s(&guard));
            now += wait_s(&guard);
        }
        assert_eq!(waits[..4], [2.0, 4.0, 8.0, 16.0]);
        assert_eq!(waits[9..], [300.0]);
        now += FORGIVEN_S;
        assert_eq!(guard.trouble(at(now)), None);
        guard.observe(at(now), Some(1.0));
        assert!((wait_s(&guard) - 2.0).abs() < 1e-9);
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

    #[test]
    fn enough_changes_in_ten_minutes_make_the_file_theirs() {
        let enough = |class: Class, every_s: f64| {
            let mut guard = Guard::default();
            (0..20).position(|n| {
                let now = at(f64::from(n) * every_s);
                guard.written();
                guard.observe(now, Some(1.0));
                guard.decided(now, class)
            })
        };
        assert_eq!(enough(Class::Unknown, 10.0), Some(ENOUGH - 1));
        assert_eq!(enough(Class::AnotherWriter, 140.0), Some(ENOUGH - 1));
        assert_eq!(enough(Class::Unknown, 160.0), None, "seldom enough");
        assert_eq!(enough(Class::SystemdReload, 10.0), None, "not meant");
    }

    #[test]
    fn their_value_is_kept_at_most_once_a_second_and_the_last_one_in_the_end() {
        let mut guard = Guard::default();
        assert!(!guard.is_to_keep(at(0.0)), "it is ours");
        guard.observe(at(0.0), Some(1.0));
        assert!(guard.is_to_keep(at(0.0)));
        guard.kept(at(0.0));
        guard.observe(at(0.1), Some(2.0));
        assert!(!guard.is_to_keep(at(0.9)));
        assert!(guard.is_to_keep(at(1.0)));
        guard.kept(at(1.0));
        assert!(!guard.is_to_keep(at(9.0)), "it is");
    }

    #[test]
    fn what_was_handed_over_stays_so_for_its_time() {
        let mut guard = Guard::default();
        guard.observe(at(1.0), Some(1.0));
        guard.decided(at(1.0), Class::RuntimeUpdate);
        guard.hand_over(at(2.0), false);
        let handed = guard.handed_over().unwrap();
        assert_eq!(handed.class, Class::RuntimeUpdate);
        guard.begin_anew();
        assert_eq!(guard.handed_over(), Some(handed), "over a takeover too");
        assert!(!guard.take_back(at(3601.0), 3600.0));
        assert!(!guard.take_back(at(1e9), f64::INFINITY));
        assert!(guard.take_back(at(3602.0), 3600.0));
        assert_eq!(guard, Guard::default(), "nothing is held against anybody");
    }
}
