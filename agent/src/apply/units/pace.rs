//! When a unit is told of its limits. Pure.
//!
//! A limit is written to its file at once; systemd gets it when it has stood for a few ticks, so that
//! what is lent for two ticks costs no call, and at most once in a while. A rise of memory does not
//! wait: until systemd has it, a `daemon-reload` would put a limit below use.

use llmos_engine::units::Timestamp;
use llmos_systemd::{Properties, Property, near};

/// Ticks for which a set has to stand; a lease lasts two.
const STEADY_TICKS: u32 = 3;
/// Seconds between two calls for one unit.
const EVERY_S: f64 = 10.0;
/// The same for a rise of memory.
const URGENT_S: f64 = 2.0;
/// Seconds after which a set is told that never stands still.
const LONGEST_S: f64 = 30.0;

/// What is known of one unit's calls.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Timestamp>,
    want: Properties,
    steady: u32,
    /// Since when what is wanted is not what systemd has.
    behind: Option<Timestamp>,
}

impl Pace {
    /// Takes note of what is wanted at this tick, and of what systemd has. Is it time for a call?
    pub(super) fn tick(&mut self, now: Timestamp, want: &Properties, has: &Properties) -> bool {
        if near(want, &self.want) && near(&self.want, want) {
            self.steady = self.steady.saturating_add(1);
        } else {
            self.steady = 0;
        }
        self.want.clone_from(want);
        if near(want, has) {
            self.behind = None;
            return false;
        }
        let behind = *self.behind.get_or_insert(now);
        let rested = |seconds| self.last.is_none_or(|at| now.seconds_since(at) >= seconds);
        let stands = self.steady >= STEADY_TICKS || now.seconds_since(behind) >= LONGEST_S;
        let urgent = [Property::MemoryMax, Property::MemoryHigh]
            .into_iter()
            .any(|one| want.get(one) > has.get(one));
        (stands && rested(EVERY_S)) || (urgent && rested(URGENT_S))
    }

    /// Takes note of a call.
    pub(super) fn told(&mut self, now: Timestamp) {
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use llmos_systemd::UNSET;

    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp(second * 1_000_000_000)
    }

    fn cpu(quota: u64) -> Properties {
        [(Property::CpuQuota, quota)].into_iter().collect()
    }

    fn memory(max: u64) -> Properties {
        [(Property::MemoryMax, max)].into_iter().collect()
    }

    #[test]
    fn what_stands_for_some_ticks_is_told() {
        let mut pace = Pace::default();
        let has = cpu(UNSET);
        let told: Vec<_> = (0..5)
            .map(|s| pace.tick(at(s), &cpu(500_000), &has))
            .collect();
        assert_eq!(told, [false, false, false, true, true]);
        pace.told(at(4));
        assert!(!pace.tick(at(5), &cpu(500_000), &cpu(500_000)), "it has it");
    }

    #[test]
    fn a_lease_of_two_ticks_costs_no_call() {
        let mut pace = Pace::default();
        let has = cpu(500_000);
        for s in 0..60 {
            let lent = s % 10 < 2;
            let want = if lent { 900_000 } else { 500_000 };
            assert!(!pace.tick(at(s), &cpu(want), &has), "second {s}");
        }
    }

    #[test]
    fn calls_keep_their_distance() {
        let mut pace = Pace::default();
        let mut has = cpu(UNSET);
        let mut calls = Vec::new();
        for s in 0..60 {
            let want = cpu(100_000 * (1 + s / 4));
            if pace.tick(at(s), &want, &has) {
                pace.told(at(s));
                calls.push(s);
                has = want;
            }
        }
        assert!(
            calls.windows(2).all(|two| two[1] - two[0] >= 10),
            "{calls:?}"
        );
        assert!(calls.len() >= 4, "{calls:?}");
    }

    #[test]
    fn what_never_stands_still_is_told_in_the_end() {
        let mut pace = Pace::default();
        let has = cpu(UNSET);
        let first = (0..60).find(|s| pace.tick(at(*s), &cpu(100_000 * (1 + s)), &has));
        assert_eq!(first, Some(30));
    }

    #[test]
    fn a_rise_of_memory_does_not_wait() {
        let mut pace = Pace::default();
        assert!(pace.tick(at(0), &memory(200), &memory(100)));
        pace.told(at(0));
        assert!(!pace.tick(at(1), &memory(300), &memory(200)));
        assert!(pace.tick(at(2), &memory(300), &memory(200)));
        pace.told(at(2));
        assert!(!pace.tick(at(9), &memory(100), &memory(300)), "a fall does");
    }
}
