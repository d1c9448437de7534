//! How long to wait before the next attempt: doubling, bounded, with jitter, so that a fleet does not
//! come back at the same moment.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// Waits between attempts.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The next wait: between half and all of 0.25 s, 0.5 s, 1 s, ... 30 s.
    pub fn next(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(LONGEST);
        full.mul_f64(0.5 + 0.5 * random())
    }

    /// The peer works again: begin with the short waits.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}

/// From 0 to 1. The standard library's hash keys are random enough to spread a fleet.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread() {
        let mut backoff = Backoff::default();
        let mut full = FIRST;
        for _ in 0..12 {
            let wait = backoff.next();
            assert!(wait >= full / 2 && wait <= full, "{wait:?} of {full:?}");
            full = (full * 2).min(LONGEST);
        }
        assert_eq!(full, LONGEST);
        let spread: std::collections::BTreeSet<_> = (0..50).map(|_| backoff.next()).collect();
        assert!(spread.len() > 40, "{} different waits of 50", spread.len());
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
