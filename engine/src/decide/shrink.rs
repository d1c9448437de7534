//! Taking memory back without harm, as a machine of four states.
//!
//! ```text
//! Rest --memory.high lowered--> Pressing --use fell, memory.max lowered--> Checking --quiet--> Rest
//!                                  |                                          |
//!                                  +------------- harm: put back -------------+--> Reverted --> Rest
//! ```
//!
//! `memory.high` makes slow, `memory.max` kills at once. So the first goes down, the second follows
//! only once use has really fallen below it, and then nothing goes down further until it was quiet
//! for a while. Harm on the way puts both limits back to where they were before, and each time the
//! wait before the next try doubles. Limits are in bytes, infinite for `max`.

use super::Wait;
use crate::units::Timestamp;

/// Bounds of the quiet time after `memory.max` was lowered, in seconds.
const CHECK_S: (f64, f64) = (1.0, 10.0);
/// The first wait after harm in seconds; each further harm doubles it.
const FIRST_WAIT_S: f64 = 10.0;
const LONGEST_WAIT_S: f64 = 3600.0;
/// So long after the wait without harm, and the past is forgiven.
const FORGIVEN_S: f64 = 3600.0;

/// Both limits of a workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    pub high: f64,
    pub max: f64,
}

/// Where a shrink stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Phase {
    /// No shrink is under way.
    #[default]
    Rest,
    /// `memory.high` is lower than `before`, and use is still on its way down.
    Pressing { before: Pair },
    /// Use has fallen and `memory.max` was lowered at `since`.
    Checking { before: Pair, since: Timestamp },
    /// It hurt; nothing goes down until then.
    Reverted { until: Timestamp },
}

/// The machine of one workload.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shrink {
    phase: Phase,
    /// The last harm and the wait that it cost.
    harmed: Option<(Timestamp, f64)>,
}

/// Why nothing may go down now, and for how many seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Held {
    /// `memory.max` has just gone down.
    Checking { left_s: f64 },
    /// The last shrink hurt.
    Reverted { left_s: f64 },
    /// For the sake of others like it.
    Others(Wait),
}

impl Shrink {
    /// Begins a tick. `harm` says that the workload suffered in the last one. Gives what the limits
    /// have to go back to, if a shrink was under way and hurt.
    pub(super) fn tick(&mut self, now: Timestamp, harm: bool, check_s: f64) -> Option<Pair> {
        match self.phase {
            Phase::Pressing { before } | Phase::Checking { before, .. } if harm => {
                let wait_s = self.next_wait(now);
                self.harmed = Some((now, wait_s));
                self.phase = Phase::Reverted {
                    until: Timestamp(now.0.saturating_add((wait_s * 1e9) as u64)),
                };
                Some(before)
            }
            Phase::Checking { since, .. } if now.seconds_since(since) >= check(check_s) => {
                self.phase = Phase::Rest;
                None
            }
            Phase::Reverted { until } if now >= until => {
                self.phase = Phase::Rest;
                None
            }
            _ => None,
        }
    }

    /// Why neither limit may go down now, if so.
    pub(super) fn held(&self, now: Timestamp, check_s: f64) -> Option<Held> {
        match self.phase {
            Phase::Rest | Phase::Pressing { .. } => None,
            Phase::Checking { since, .. } => Some(Held::Checking {
                left_s: (check(check_s) - now.seconds_since(since)).max(0.0),
            }),
            Phase::Reverted { until } => Some(Held::Reverted {
                left_s: until.seconds_since(now),
            }),
        }
    }

    /// `memory.high` is being lowered. The limits in force before the first step of a shrink are
    /// where harm leads back to.
    pub(super) fn high_lowered(&mut self, before: Pair) {
        if self.phase == Phase::Rest {
            self.phase = Phase::Pressing { before };
        }
    }

    /// May `memory.max` be lowered to `wanted`, with so much in use and this `memory.high` to come?
    pub(super) fn may_lower_max(&self, current: f64, high: f64, wanted: f64) -> bool {
        matches!(self.phase, Phase::Rest | Phase::Pressing { .. }) && current < high.min(wanted)
    }

    /// `memory.max` is being lowered.
    pub(super) fn max_lowered(&mut self, now: Timestamp, before: Pair) {
        let before = match self.phase {
            Phase::Pressing { before } => before,
            _ => before,
        };
        self.phase = Phase::Checking { before, since: now };
    }

    /// Use has fallen, and `memory.max` stays where it is: what was pressed down is looked at for a
    /// while all the same.
    pub(super) fn pressed(&mut self, now: Timestamp) {
        if let Phase::Pressing { before } = self.phase {
            self.phase = Phase::Checking { before, since: now };
        }
    }

    /// Demand raised `memory.high`: no shrink is under way.
    pub(super) fn ended(&mut self) {
        if matches!(self.phase, Phase::Pressing { .. } | Phase::Checking { .. }) {
            self.phase = Phase::Rest;
        }
    }

    fn next_wait(&self, now: Timestamp) -> f64 {
        match self.harmed {
            Some((at, wait_s)) if now.seconds_since(at) < wait_s + FORGIVEN_S => {
                (wait_s * 2.0).min(LONGEST_WAIT_S)
            }
            _ => FIRST_WAIT_S,
        }
    }
}

fn check(check_s: f64) -> f64 {
    check_s.clamp(CHECK_S.0, CHECK_S.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Pair = Pair {
        high: 200.0,
        max: 230.0,
    };
    const LATER: Pair = Pair {
        high: 150.0,
        max: 230.0,
    };

    fn at(s: f64) -> Timestamp {
        Timestamp((s * 1e9) as u64)
    }

    #[test]
    fn max_follows_only_once_use_has_fallen() {
        let mut shrink = Shrink::default();
        shrink.high_lowered(BEFORE);
        assert!(!shrink.may_lower_max(180.0, 150.0, 172.0), "still in use");
        assert!(!shrink.may_lower_max(160.0, 150.0, 172.0), "above high");
        assert!(shrink.may_lower_max(149.0, 150.0, 172.0));
    }

    #[test]
    fn after_max_went_down_nothing_does_until_it_was_quiet() {
        let mut shrink = Shrink::default();
        shrink.high_lowered(BEFORE);
        shrink.max_lowered(at(0.0), LATER);
        assert_eq!(shrink.tick(at(1.0), false, 5.0), None);
        assert_eq!(
            shrink.held(at(1.0), 5.0),
            Some(Held::Checking { left_s: 4.0 })
        );
        assert!(!shrink.may_lower_max(1.0, 100.0, 100.0));
        assert_eq!(shrink.tick(at(5.0), false, 5.0), None);
        assert_eq!(shrink.held(at(5.0), 5.0), None);
        assert!(shrink.may_lower_max(1.0, 100.0, 100.0));
    }

    #[test]
    fn harm_leads_back_to_before_the_first_step() {
        for max_too in [false, true] {
            let mut shrink = Shrink::default();
            shrink.high_lowered(BEFORE);
            shrink.high_lowered(LATER);
            if max_too {
                shrink.max_lowered(at(1.0), LATER);
            }
            assert_eq!(shrink.tick(at(2.0), true, 5.0), Some(BEFORE));
            assert_eq!(shrink.tick(at(3.0), true, 5.0), None, "once");
            assert_eq!(
                shrink.held(at(3.0), 5.0),
                Some(Held::Reverted { left_s: 9.0 })
            );
            assert_eq!(shrink.tick(at(12.0), false, 5.0), None);
            assert_eq!(shrink.held(at(12.0), 5.0), None);
        }
    }

    #[test]
    fn each_harm_doubles_the_wait_until_it_is_forgiven() {
        let mut shrink = Shrink::default();
        let mut now = 0.0;
        let mut waits = Vec::new();
        for _ in 0..12 {
            shrink.high_lowered(BEFORE);
            assert!(shrink.tick(at(now), true, 5.0).is_some());
            let Some(Held::Reverted { left_s }) = shrink.held(at(now), 5.0) else {
                panic!("not reverted");
            };
            waits.push(left_s);
            now += left_s;
            shrink.tick(at(now), false, 5.0);
        }
        assert_eq!(waits[..3], [10.0, 20.0, 40.0]);
        assert_eq!(waits[11..], [LONGEST_WAIT_S]);
        assert_eq!(shrink.tick(at(now + 2.0 * FORGIVEN_S), false, 5.0), None);
        shrink.high_lowered(BEFORE);
        let _ = shrink.tick(at(now + 2.0 * FORGIVEN_S), true, 5.0);
        let left = shrink.held(at(now + 2.0 * FORGIVEN_S), 5.0);
        assert_eq!(left, Some(Held::Reverted { left_s: 10.0 }));
    }

    #[test]
    fn a_high_limit_that_went_down_alone_is_looked_at_too() {
        let mut shrink = Shrink::default();
        shrink.high_lowered(BEFORE);
        shrink.pressed(at(0.0));
        assert_eq!(shrink.tick(at(1.0), true, 5.0), Some(BEFORE));
        let mut shrink = Shrink::default();
        shrink.high_lowered(BEFORE);
        shrink.pressed(at(0.0));
        assert_eq!(shrink.tick(at(6.0), false, 5.0), None);
        assert_eq!(
            shrink.tick(at(7.0), true, 5.0),
            None,
            "too late to be its fault"
        );
    }

    #[test]
    fn harm_without_a_shrink_reverts_nothing() {
        let mut shrink = Shrink::default();
        assert_eq!(shrink.tick(at(0.0), true, 5.0), None);
        shrink.high_lowered(BEFORE);
        shrink.ended();
        assert_eq!(shrink.tick(at(1.0), true, 5.0), None);
        assert_eq!(shrink.held(at(1.0), 5.0), None);
    }
}
