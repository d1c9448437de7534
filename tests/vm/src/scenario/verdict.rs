//! What the watched files mean. Pure, so that it can be tested on made-up series.

use std::fmt;

use crate::watch::{Quota, Sample};

/// A burst of one busy task needs one core; a quota from here on lets it run.
const ENOUGH: f64 = 0.9;
/// A fall takes at least this share of the quota away.
const FALL: f64 = 0.5;

/// A memory limit below this share of the peak has come down far enough to matter.
const LOW: f64 = 0.75;

/// What the quota did around one burst, in cores.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// The lowest since the burst before. A forecast may raise it before the onset.
    pub before: Option<f64>,
    /// The highest during the burst.
    pub during: Option<f64>,
    /// The lowest between its end and the next onset.
    pub after: Option<f64>,
    /// From the onset to the first quota that lets the burst run.
    pub to_quota_ms: Option<f64>,
}

impl Burst {
    /// Too tight for a burst before, wide enough during, and much tighter again after.
    #[must_use]
    pub fn followed(&self) -> bool {
        let (Some(before), Some(during), Some(after)) = (self.before, self.during, self.after)
        else {
            return false;
        };
        let tight = |cores: f64| cores < ENOUGH && cores <= during * FALL;
        tight(before) && during >= ENOUGH && during.is_finite() && tight(after)
    }
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |cores: Option<f64>| cores.map_or("?".to_owned(), |cores| format!("{cores:.2}"));
        let (before, during, after) = (show(self.before), show(self.during), show(self.after));
        write!(
            f,
            "burst: quota {before} before, up to {during}, down to {after} cores"
        )?;
        match self.to_quota_ms {
            Some(ms) => write!(f, "; enough after {ms:.0} ms"),
            None => write!(f, "; never enough"),
        }
    }
}

/// Judges each burst from the moments at which the quota changed.
#[must_use]
pub fn bursts(quota: &[Quota], onsets: &[f64], length_ms: f64) -> Vec<Burst> {
    let mut bursts = Vec::new();
    for (at, onset) in onsets.iter().enumerate() {
        let end = onset + length_ms;
        let last = if at == 0 {
            0.0
        } else {
            onsets[at - 1] + length_ms
        };
        let next = onsets.get(at + 1).copied().unwrap_or(f64::INFINITY);
        let within = |from: f64, to: f64| {
            // What was in force at `from` counts as well as what came later.
            let first = in_force(quota, from);
            let later = quota
                .iter()
                .filter(move |change| change.at_ms > from && change.at_ms < to);
            first.into_iter().chain(later.map(|change| change.cores))
        };
        let enough = quota
            .iter()
            .find(|change| change.at_ms > *onset && change.at_ms < end && change.cores >= ENOUGH);
        let already = in_force(quota, *onset).is_some_and(|cores| cores >= ENOUGH);
        bursts.push(Burst {
            before: within(last, *onset).reduce(f64::min),
            during: within(*onset, end).reduce(f64::max),
            after: within(end, next).reduce(f64::min),
            to_quota_ms: if already {
                Some(0.0)
            } else {
                enough.map(|change| change.at_ms - onset)
            },
        });
    }
    bursts
}

fn in_force(quota: &[Quota], at_ms: f64) -> Option<f64> {
    quota
        .iter()
        .rev()
        .find(|change| change.at_ms <= at_ms)
        .map(|change| change.cores)
}

/// How often a limit fell to where it would have stopped the peak, and rose from there to the peak.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moves {
    /// Times down.
    pub falls: usize,
    /// Times up.
    pub rises: usize,
    low: bool,
}

impl Moves {
    fn see(&mut self, limit: f64, peak: f64) {
        if !self.low && limit < peak * LOW {
            self.low = true;
            self.falls += 1;
        } else if self.low && limit >= peak * 0.98 {
            self.low = false;
            self.rises += 1;
        }
    }
}

/// What the memory limits did, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// The highest use.
    pub peak: f64,
    /// Of `memory.high`, which leads.
    pub high: Moves,
    /// Of `memory.max`, which covers 99 of 100 coming peaks. Two waves are enough to forecast the
    /// next, so it need not come down a second time.
    pub max: Moves,
    /// Looks at which use was above `memory.max`; the kernel does not allow it for long.
    pub above_max: usize,
}

impl Memory {
    /// `memory.high` down, up, and down again: both directions were seen, and the second fall needs a
    /// rise. `memory.max` down and up.
    #[must_use]
    pub fn followed(&self) -> bool {
        let led = self.high.falls >= 2 && self.high.rises >= 1;
        let kept = self.max.falls >= 1 && self.max.rises >= 1;
        led && kept && self.above_max == 0
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.peak / 1_048_576.0;
        write!(
            f,
            "memory: peak {mib:.0} MiB; high fell {} and rose {} times, max {} and {}; {} looks \
             above max",
            self.high.falls, self.high.rises, self.max.falls, self.max.rises, self.above_max
        )
    }
}

/// Judges the memory limits of one group.
#[must_use]
pub fn memory(samples: &[Sample]) -> Memory {
    let peak = samples
        .iter()
        .filter_map(|sample| sample.memory)
        .fold(0.0, f64::max);
    let mut judged = Memory {
        peak,
        high: Moves::default(),
        max: Moves::default(),
        above_max: 0,
    };
    for sample in samples {
        let (Some(high), Some(max), Some(memory)) = (sample.high, sample.max, sample.memory) else {
            continue;
        };
        judged.above_max += usize::from(memory > max);
        judged.high.see(high, peak);
        judged.max.see(max, peak);
    }
    judged
}

/// How often the limits of a group changed.
#[must_use]
pub fn changes(samples: &[Sample]) -> usize {
    samples
        .windows(2)
        .filter(|pair| pair[0].limits != pair[1].limits)
        .count()
}

/// The median; nothing of nothing.
#[must_use]
pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(changes: &[(f64, f64)]) -> Vec<Quota> {
        changes
            .iter()
            .map(|&(at_ms, cores)| Quota { at_ms, cores })
            .collect()
    }

    #[test]
    fn a_quota_that_rises_and_falls_follows_the_burst() {
        let quota = quota(&[(0.0, 0.2), (1_300.0, 0.5), (1_700.0, 1.2), (9_000.0, 0.3)]);
        let seen = bursts(&quota, &[1_000.0], 5_000.0);
        assert!(seen[0].followed(), "{}", seen[0]);
        assert_eq!(seen[0].to_quota_ms, Some(700.0));
    }

    #[test]
    fn a_quota_that_is_always_wide_does_not_follow() {
        let seen = bursts(&quota(&[(0.0, f64::INFINITY)]), &[1_000.0], 5_000.0);
        assert!(!seen[0].followed());
        assert_eq!(seen[0].to_quota_ms, Some(0.0));
    }

    #[test]
    fn a_rise_after_the_burst_is_too_late() {
        let seen = bursts(&quota(&[(0.0, 0.2), (7_000.0, 1.2)]), &[1_000.0], 5_000.0);
        assert!(!seen[0].followed());
        assert_eq!(seen[0].to_quota_ms, None);
    }

    #[test]
    fn a_fall_counts_until_the_next_onset_only() {
        let quota = quota(&[(0.0, 0.2), (1_100.0, 1.0), (20_000.0, 0.2)]);
        let seen = bursts(&quota, &[1_000.0, 15_000.0], 5_000.0);
        assert_eq!(seen[0].after, Some(1.0));
        assert!(!seen[0].followed());
    }

    fn look(memory: f64, high: f64, max: f64) -> Sample {
        let limits = Some(["max".to_owned(), high.to_string(), max.to_string()]);
        Sample {
            at_ms: 0.0,
            quota: None,
            high: Some(high),
            max: Some(max),
            memory: Some(memory),
            limits,
        }
    }

    #[test]
    fn memory_follows_when_both_limits_go_both_ways() {
        let wave = [
            look(40.0, f64::INFINITY, 512.0),
            look(40.0, 60.0, 70.0),
            look(200.0, 230.0, 260.0),
            look(40.0, 60.0, 70.0),
        ];
        assert!(memory(&wave).followed());
        assert!(!memory(&wave[..3]).followed(), "no second fall");
        let max_stays = [
            look(40.0, f64::INFINITY, 512.0),
            look(40.0, 60.0, 70.0),
            look(200.0, 230.0, 260.0),
            look(40.0, 60.0, 260.0),
        ];
        assert!(memory(&max_stays).followed(), "the next peak is foreseen");
        let only_high = [
            look(40.0, 60.0, 512.0),
            look(200.0, 230.0, 512.0),
            look(40.0, 60.0, 512.0),
        ];
        assert!(!memory(&only_high).followed());
        assert!(!memory(&[look(200.0, f64::INFINITY, 512.0)]).followed());
    }

    #[test]
    fn any_change_of_a_limit_is_counted() {
        assert_eq!(changes(&[look(1.0, 2.0, 3.0), look(9.0, 2.0, 3.0)]), 0);
        assert_eq!(changes(&[look(1.0, 2.0, 3.0), look(1.0, 2.0, 4.0)]), 1);
    }

    #[test]
    fn the_median_of_nothing_is_nothing() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median(std::iter::empty()), None);
    }
}
