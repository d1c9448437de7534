//! Scores of a family, or of one resource in it: means over its series, each of which counts the
//! same whatever its length.

use std::collections::BTreeMap;

use llmos_engine::forecast::{HORIZONS, QUANTILES, Resource};

use super::series::Scored;
use super::{Kind, OPERATING, SeriesScore, Tally};

const N: usize = QUANTILES.len();

/// One method on the series of a group, at one horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodScore {
    /// Name of the method.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Mean pinball loss over the quantiles, in sizes of the series.
    pub loss: f64,
    /// Share of peaks at or below each quantile.
    pub coverage: [f64; N],
    /// Share of peaks below each quantile, without those at it.
    pub below: [f64; N],
    /// Mean of forecast minus peak for each quantile, in sizes of the series.
    pub room: [f64; N],
}

/// How many series were tested for a time shift, and how many are mere copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copiers {
    /// Series on which something can be said.
    pub tested: usize,
    /// Of these, the ones whose median looks more like the late input than like the peak.
    pub follow: usize,
    /// Of these, the ones whose median tells nothing more either.
    pub copy: usize,
}

/// A family, or one resource in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name of the family.
    pub family: String,
    /// The resource; `None` is all of the family.
    pub resource: Option<Resource>,
    /// Series with a score.
    pub series: usize,
    /// The methods for each horizon; empty if no peak is known at it.
    pub horizons: [Vec<MethodScore>; HORIZONS.len()],
    /// The time-shift test by method.
    pub copiers: BTreeMap<&'static str, Copiers>,
}

impl MethodScore {
    /// Share of peaks above the operating quantile, 0 to 1.
    #[must_use]
    pub fn miss_rate(&self) -> f64 {
        1.0 - self.coverage[OPERATING]
    }

    /// Mean of the operating quantile minus the peak, in % of the size.
    #[must_use]
    pub fn over_provision(&self) -> f64 {
        100.0 * self.room[OPERATING]
    }

    /// For each quantile how far the coverage is from it, in percentage points.
    ///
    /// A number is a q-quantile if at most the share q is below it and at least the share q is at or
    /// below it. Where many peaks are the same number (an idle workload, whole requests) both hold
    /// over a range of shares, and only what lies outside is an error.
    #[must_use]
    pub fn coverage_err_pp(&self) -> [f64; N] {
        std::array::from_fn(|k| {
            let too_many = (self.below[k] - QUANTILES[k]).max(0.0);
            let too_few = (self.coverage[k] - QUANTILES[k]).min(0.0);
            100.0 * (too_many + too_few)
        })
    }

    /// The largest of these, without its sign.
    #[must_use]
    pub fn coverage_err_pp_max(&self) -> f64 {
        let errors = self.coverage_err_pp().map(f64::abs);
        errors.into_iter().fold(0.0, f64::max)
    }
}

impl Group {
    /// Name: `family/resource`, or `family` for all of it.
    #[must_use]
    pub fn label(&self) -> String {
        match self.resource {
            Some(resource) => format!("{}/{}", self.family, resource.name()),
            None => self.family.clone(),
        }
    }

    /// The method of this kind at a horizon (its place in [`HORIZONS`]); not for baselines, of
    /// which there are many.
    #[must_use]
    pub fn of(&self, horizon: usize, kind: Kind) -> Option<&MethodScore> {
        self.horizons.get(horizon)?.iter().find(|m| m.kind == kind)
    }

    /// The baseline with the least loss at a horizon. It is picked after the fact, which favours the
    /// baselines: nobody could know it ahead.
    #[must_use]
    pub fn best_baseline(&self, horizon: usize) -> Option<&MethodScore> {
        let methods = self.horizons.get(horizon)?.iter();
        methods
            .filter(|method| method.kind == Kind::Baseline)
            .min_by(|a, b| a.loss.total_cmp(&b.loss))
    }

    /// Loss of the method of this kind over that of the best baseline; `None` without either, or if
    /// the baseline makes no error at all.
    #[must_use]
    pub fn ratio(&self, horizon: usize, kind: Kind) -> Option<f64> {
        let best = self.best_baseline(horizon)?.loss;
        let mine = self.of(horizon, kind)?.loss;
        (best > 0.0).then(|| mine / best)
    }
}

/// All groups: families in alphabetical order, each as a whole first, then its resources.
#[must_use]
pub fn groups(scores: &[SeriesScore]) -> Vec<Group> {
    let mut members: BTreeMap<(&str, Option<Resource>), Vec<&SeriesScore>> = BTreeMap::new();
    for score in scores {
        for resource in [None, Some(score.resource)] {
            let key = (score.family.as_str(), resource);
            members.entry(key).or_default().push(score);
        }
    }
    members
        .into_iter()
        .map(|((family, resource), members)| Group {
            family: family.to_owned(),
            resource,
            series: members.iter().filter(|m| !m.methods.is_empty()).count(),
            horizons: std::array::from_fn(|horizon| methods(&members, horizon)),
            copiers: copiers(&members),
        })
        .collect()
}

fn methods(members: &[&SeriesScore], horizon: usize) -> Vec<MethodScore> {
    let mut sums: Vec<(usize, MethodScore)> = Vec::new();
    for member in members {
        for scored in &member.methods {
            let tally = &scored.tallies[horizon];
            if tally.ticks() > 0 {
                add(&mut sums, scored, tally, member.size);
            }
        }
    }
    let mean = |(series, mut sum): (usize, MethodScore)| {
        let n = series as f64;
        sum.loss /= n;
        sum.coverage = sum.coverage.map(|x| x / n);
        sum.below = sum.below.map(|x| x / n);
        sum.room = sum.room.map(|x| x / n);
        sum
    };
    sums.into_iter().map(mean).collect()
}

fn add(sums: &mut Vec<(usize, MethodScore)>, scored: &Scored, tally: &Tally, size: f64) {
    let at = sums.iter().position(|(_, sum)| sum.name == scored.name);
    let at = at.unwrap_or_else(|| {
        let sum = MethodScore {
            name: scored.name,
            kind: scored.kind,
            loss: 0.0,
            coverage: [0.0; N],
            below: [0.0; N],
            room: [0.0; N],
        };
        sums.push((0, sum));
        sums.len() - 1
    });
    let (series, sum) = &mut sums[at];
    *series += 1;
    sum.loss += tally.loss() / size;
    for (sum, x) in sum.coverage.iter_mut().zip(tally.coverage()) {
        *sum += x;
    }
    for (sum, x) in sum.below.iter_mut().zip(tally.below()) {
        *sum += x;
    }
    for (sum, x) in sum.room.iter_mut().zip(tally.room()) {
        *sum += x / size;
    }
}

fn copiers(members: &[&SeriesScore]) -> BTreeMap<&'static str, Copiers> {
    let mut found: BTreeMap<&'static str, Copiers> = BTreeMap::new();
    for member in members {
        for method in &member.methods {
            if let Some(shift) = method.shift {
                let copiers = found.entry(method.name).or_default();
                copiers.tested += 1;
                copiers.follow += usize::from(shift.follows);
                copiers.copy += usize::from(shift.is_copier());
            }
        }
    }
    found
}
