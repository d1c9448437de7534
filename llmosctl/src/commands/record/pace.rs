//! When to ask again: soon after the agent's next tick, so that none is asked for twice and none is
//! missed however long a recording runs.

use std::time::Duration;

/// Below this an agent would do little else than answer.
const SHORTEST: Duration = Duration::from_millis(5);
/// A tick's numbers are shown only when its work is done; this long after it they are there.
const WORK: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub struct Pace {
    tick: Duration,
    /// Answers without a new tick since the last new one.
    stale: u32,
}

impl Pace {
    /// For an agent with ticks of this length.
    pub fn new(tick_ms: u64) -> Self {
        Self {
            tick: Duration::from_millis(tick_ms).max(SHORTEST * 2),
            stale: 0,
        }
    }

    /// How long to wait after an answer with the tick of `at_ms`, when it is `now_ms` by the same
    /// clock. `new` is false for a tick that was there before.
    pub fn answered(&mut self, at_ms: i64, now_ms: u64, new: bool) -> Duration {
        if !new {
            // The agent is late. Less and less often, for it may be stuck.
            let wait = self.tick / 10 * 2_u32.pow(self.stale.min(4));
            self.stale += 1;
            return wait.clamp(SHORTEST, self.tick);
        }
        self.stale = 0;
        let due = self.tick + WORK.min(self.tick / 4);
        let age = u64::try_from(at_ms)
            .ok()
            .and_then(|at| now_ms.checked_sub(at))
            .map(Duration::from_millis);
        match age {
            Some(age) if age < due => (due - age).max(SHORTEST),
            // A clock was set, or the socket leads to another machine: clocks tell nothing.
            _ => self.tick,
        }
    }

    /// How long to wait when no answer came.
    pub fn unanswered(&mut self) -> Duration {
        self.stale = 0;
        self.tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: i64 = 1_700_000_000_000;

    /// Asks an agent whose ticks come each `real` ms and are shown `work` ms later; gives the ticks
    /// seen and the number of questions. Each question takes `cost` ms.
    fn follow(real: i64, work: i64, cost: i64, skew: i64) -> (Vec<i64>, usize) {
        let mut pace = Pace::new(1000);
        let (mut now, mut seen, mut questions) = (BEGIN, Vec::new(), 0);
        while now < BEGIN + 1000 * real {
            let tick = (now - work) / real;
            questions += 1;
            let new = seen.last() != Some(&tick);
            if new {
                seen.push(tick);
            }
            let clock = u64::try_from(now + cost + skew).unwrap();
            let wait = pace.answered(tick * real, clock, new);
            now += cost + i64::try_from(wait.as_millis()).unwrap();
        }
        (seen, questions)
    }

    #[test]
    fn no_tick_is_missed_and_few_are_asked_for_twice() {
        for (real, work, cost) in [(1000, 30, 10), (1000, 0, 0), (1001, 200, 40), (999, 100, 1)] {
            let (seen, questions) = follow(real, work, cost, 0);
            assert!(seen.windows(2).all(|w| w[1] == w[0] + 1), "{real} {work}");
            assert!(questions < seen.len() + 20, "{real} {work}: {questions}");
        }
    }

    #[test]
    fn a_slow_agent_is_followed_too() {
        let (seen, questions) = follow(1000, 600, 10, 0);
        assert!(seen.windows(2).all(|w| w[1] == w[0] + 1));
        assert!(questions <= 5 * seen.len(), "{questions}");
    }

    #[test]
    fn clocks_that_differ_are_not_trusted() {
        for skew in [-3_600_000, 3_600_000] {
            let (seen, questions) = follow(1000, 30, 10, skew);
            // It drifts by the cost of a question and so misses one tick in a hundred.
            assert!(seen.len() >= 980, "{}", seen.len());
            assert!(questions < 1020, "{questions}");
        }
    }

    #[test]
    fn an_agent_that_is_stuck_is_asked_ever_less() {
        let mut pace = Pace::new(1000);
        let waits: Vec<u128> = (0..6)
            .map(|_| pace.answered(0, 0, false).as_millis())
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(pace.unanswered().as_millis(), 1000);
        assert_eq!(pace.answered(0, 0, false).as_millis(), 100);
    }
}
