//! When to restore: what was seen, and when, decides. Pure.

use std::time::{Duration, Instant};

use llmos_cgroupfs::Overdue;

/// Looks that have to agree before a lease that has run out is believed: after the machine slept, or
/// was out of breath, the agent gets the time to renew it.
const SURE_AFTER: u32 = 1;
/// The same for a lease that cannot be read, which an agent that lives mends at its next tick.
const UNSURE_AFTER: u32 = 10;
/// Longest pause after restores that failed, in looks.
const LONGEST_PAUSE: u32 = 60;

/// What has been seen of one case that is overdue.
#[derive(Debug)]
pub struct Patience {
    poll: Duration,
    case: Option<(Overdue, Instant)>,
    not_before: Option<Instant>,
    pause: u32,
}

impl Patience {
    /// With this time between two looks.
    pub fn new(poll: Duration) -> Self {
        Self {
            poll,
            case: None,
            not_before: None,
            pause: 1,
        }
    }

    /// Nothing is overdue.
    pub fn calm(&mut self) {
        *self = Self::new(self.poll);
    }

    /// Is it time to restore? Also says whether this case is new.
    pub fn overdue(&mut self, now: Instant, why: &Overdue) -> (bool, bool) {
        let new = !matches!(&self.case, Some((known, _)) if known == why);
        let since = match &self.case {
            Some((known, since)) if known == why => *since,
            _ => {
                self.case = Some((why.clone(), now));
                now
            }
        };
        let looks = match why {
            // It had its time when the fence was raised.
            Overdue::Unanswered(_) => 0,
            why if why.is_sure() => SURE_AFTER,
            _ => UNSURE_AFTER,
        };
        let long_enough = now.saturating_duration_since(since) >= self.poll * looks;
        let rested = self.not_before.is_none_or(|at| now >= at);
        (long_enough && rested, new)
    }

    /// A restore left something undone: the next one waits longer.
    pub fn failed(&mut self, now: Instant) {
        self.not_before = Some(now + self.poll * self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// A restore did all that it could.
    pub fn done(&mut self) {
        self.not_before = None;
        self.pause = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(1);

    #[test]
    fn one_look_at_a_lease_that_has_run_out_is_not_enough() {
        let start = Instant::now();
        let mut patience = Patience::new(POLL);
        let why = Overdue::RanOut(1);
        assert_eq!(patience.overdue(start, &why), (false, true));
        assert_eq!(patience.overdue(start + POLL, &why), (true, false));
        patience.calm();
        assert_eq!(patience.overdue(start + POLL * 2, &why), (false, true));
    }

    #[test]
    fn what_cannot_be_read_gets_more_time_and_a_fence_gets_none() {
        let start = Instant::now();
        let mut patience = Patience::new(POLL);
        let why = Overdue::Unreadable("wrong checksum".to_owned());
        assert!(!patience.overdue(start, &why).0);
        assert!(!patience.overdue(start + POLL * 9, &why).0);
        assert!(patience.overdue(start + POLL * 10, &why).0);
        let now = start + POLL * 11;
        assert_eq!(patience.overdue(now, &Overdue::Unanswered(1)), (true, true));
    }

    #[test]
    fn what_fails_is_tried_less_and_less() {
        let mut now = Instant::now();
        let mut patience = Patience::new(POLL);
        let why = Overdue::Unanswered(1);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert!(patience.overdue(now, &why).0);
            patience.failed(now);
            let mut pause = 0;
            while !patience.overdue(now, &why).0 {
                now += POLL;
                pause += 1;
            }
            pauses.push(pause);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        patience.done();
        patience.failed(now);
        assert!(patience.overdue(now + POLL, &why).0);
    }
}
