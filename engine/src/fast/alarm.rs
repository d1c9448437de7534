//! Which near-quota events of one workload are worth a raise: those after which the room was used.
//!
//! Work that comes in a lump at the beginning of each period looks like the beginning of a burst. If
//! what was lent was not needed, the next event of that workload is passed over for a while, and each
//! time the while doubles. Once a raise was needed, or the quota throttles, all is forgotten.

use crate::units::Timestamp;

/// The first while in seconds, and the longest.
const FIRST_S: f64 = 1.0;
const LONGEST_S: f64 = 60.0;

/// What is known of one workload's events.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Alarm {
    /// Until when the last raise holds, and whether it was needed.
    raised: Option<(Timestamp, bool)>,
    wait_s: f64,
    quiet_until: Option<Timestamp>,
}

impl Alarm {
    /// Is a raise in force?
    pub(crate) fn is_raised(&self, now: Timestamp) -> bool {
        self.raised.is_some_and(|(until, _)| now < until)
    }

    /// Until when the raise in force holds.
    pub(crate) fn raised_until(&self) -> Option<Timestamp> {
        self.raised.map(|(until, _)| until)
    }

    /// May an event raise now?
    pub(crate) fn listens(&self, now: Timestamp) -> bool {
        self.quiet_until.is_none_or(|until| now >= until)
    }

    /// An event raised the quota until then.
    pub(crate) fn raise(&mut self, until: Timestamp) {
        let needed = self.raised.is_some_and(|(_, needed)| needed);
        self.raised = Some((until, needed));
    }

    /// More was used than there would have been without the raise, or the quota throttled.
    pub(crate) fn needed(&mut self) {
        if let Some((_, needed)) = &mut self.raised {
            *needed = true;
        }
        (self.wait_s, self.quiet_until) = (0.0, None);
    }

    /// At each tick: a raise that has run out and was not needed costs a wait.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let Some((until, needed)) = self.raised else {
            return;
        };
        if now < until {
            return;
        }
        self.raised = None;
        if !needed {
            self.wait_s = (self.wait_s * 2.0).clamp(FIRST_S, LONGEST_S);
            self.quiet_until = Some(Timestamp(now.0.saturating_add((self.wait_s * 1e9) as u64)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: f64) -> Timestamp {
        Timestamp((s * 1e9) as u64)
    }

    #[test]
    fn a_raise_that_was_not_needed_costs_a_wait_that_doubles() {
        let mut alarm = Alarm::default();
        let mut now = 0.0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert!(alarm.listens(at(now)));
            alarm.raise(at(now + 2.0));
            assert!(alarm.is_raised(at(now + 1.0)));
            alarm.tick(at(now + 1.0));
            assert!(alarm.is_raised(at(now + 1.0)), "not over yet");
            alarm.tick(at(now + 2.0));
            waits.push(alarm.wait_s);
            assert!(!alarm.listens(at(now + 2.1)));
            now += 2.0 + alarm.wait_s;
        }
        assert_eq!(waits[..3], [1.0, 2.0, 4.0]);
        assert_eq!(waits[7..], [LONGEST_S]);
    }

    #[test]
    fn one_that_was_needed_costs_nothing_and_forgives() {
        let mut alarm = Alarm::default();
        alarm.raise(at(2.0));
        alarm.tick(at(2.0));
        assert!(!alarm.listens(at(2.5)));
        alarm.needed();
        assert!(alarm.listens(at(2.5)));
        alarm.raise(at(4.5));
        alarm.needed();
        alarm.raise(at(4.6));
        alarm.tick(at(5.0));
        assert!(
            alarm.listens(at(5.0)),
            "the longer raise was needed as well"
        );
    }
}
