//! The time-shift test: does a forecast only repeat its input late?
//!
//! For one series let `m(t)` be the median forecast made at tick `t`, `p(t)` the peak of the ticks
//! `t+1 ..= t+h` that came, and `x(t)` the input, an unknown value repeating the last. The input
//! `k` ticks late, seen from the first tick of the window, is `x_k(t) = x(t+1-k)`: `k = 1` is the
//! newest that a forecast can know. With `r` for Pearson's correlation over the scored ticks, let
//! `k*` be the `k` in `1..=12` with the largest `r(m, x_k)`, and `x` that input.
//!
//! A forecast *follows* its input if `r(m, x) > r(m, p)`. This alone convicts nobody: what was is
//! known better than what will be, so that nearly every forecast follows, good or bad. Two more
//! questions decide.
//!
//! Does it tell anything of the peak that the late input does not tell? The partial correlation
//!
//! `r(m, p | x) = (r(m, p) - r(m, x) r(x, p)) / sqrt((1 - r(m, x)^2) (1 - r(x, p)^2))`
//!
//! is zero for a copy, however it is scaled or shifted. And was there more to tell? On a random walk
//! there is not, and a copy is the best that anybody can say. There was if the median of one of the
//! simple rules, `b`, has `r(b, p | x) >= 0.1`, that is, if it explains a hundredth of what the copy
//! leaves open.
//!
//! A *copier* follows, has `r(m, p | x) < 0.1`, and there was more to tell.

/// Latest input that is looked at, in ticks.
const LATEST: usize = 12;
/// A partial correlation below this is no information.
const TELLS: f64 = 0.1;
/// From this correlation on, two series are the same but for rounding.
const SAME: f64 = 1.0 - 1e-9;

/// What the test found of one forecast on one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// How late the input is that the forecast looks most like, in ticks.
    pub lag: usize,
    /// It looks more like that input than like the peak that came.
    pub follows: bool,
    /// What the forecast tells beyond that input: a partial correlation, -1 to 1.
    pub tells: f64,
    /// The most that a simple rule tells beyond that input: a partial correlation, -1 to 1.
    pub knowable: f64,
}

impl Shift {
    /// Is it a mere copy where more could be said?
    #[must_use]
    pub fn is_copier(&self) -> bool {
        self.follows && self.tells < TELLS && self.knowable >= TELLS
    }
}

/// Medians of one method: the tick at which each was made, and the median.
pub type Medians = [(usize, f64)];

/// One series: what went in and what came, tick by tick.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// The inputs, without holes.
    pub inputs: &'a [f64],
    /// For each tick the peak that came, `None` where it is not scored.
    pub peaks: &'a [Option<f64>],
}

impl Course<'_> {
    /// The test of a method; `rules` are the medians of the simple rules. `None` if the medians or
    /// the peaks do not vary, so that nothing can be said.
    #[must_use]
    pub fn shift(&self, medians: &Medians, rules: &[&Medians]) -> Option<Shift> {
        let (said, came, _) = self.aligned(medians, 1);
        let with_peak = correlation(&said, &came)?;
        let (lag, with_input) = (1..=LATEST)
            .filter_map(|lag| {
                let (said, _, late) = self.aligned(medians, lag);
                Some((lag, correlation(&said, &late)?))
            })
            // The newest of equals.
            .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        let knowable = rules.iter().filter_map(|rule| self.tells(rule, lag));
        Some(Shift {
            lag,
            follows: with_input > with_peak,
            tells: self.tells(medians, lag)?,
            knowable: knowable.fold(0.0, f64::max),
        })
    }

    /// What medians tell of the peak beyond the input that is `lag` ticks late.
    fn tells(&self, medians: &Medians, lag: usize) -> Option<f64> {
        let (said, came, late) = self.aligned(medians, lag);
        Some(partial(
            correlation(&said, &came)?,
            correlation(&said, &late)?,
            correlation(&late, &came)?,
        ))
    }

    /// Medians, peaks and late inputs of the ticks that have all of them.
    fn aligned(&self, medians: &Medians, lag: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let mut out = (Vec::new(), Vec::new(), Vec::new());
        for (tick, median) in medians {
            // The same ticks for each lag.
            let enough = *tick + 1 >= LATEST;
            let late = (tick + 1).checked_sub(lag).filter(|_| enough);
            let late = late.and_then(|at| self.inputs.get(at));
            if let (Some(late), Some(Some(peak))) = (late, self.peaks.get(*tick)) {
                out.0.push(*median);
                out.1.push(*peak);
                out.2.push(*late);
            }
        }
        out
    }
}

/// Correlation of the first two given the third, from the three pairs.
fn partial(mp: f64, mx: f64, xp: f64) -> f64 {
    if mx.abs() > SAME || xp.abs() > SAME {
        return 0.0;
    }
    (mp - mx * xp) / ((1.0 - mx * mx) * (1.0 - xp * xp)).sqrt()
}

/// Pearson's correlation; `None` if one of the two does not vary.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    // Below this it is rounding that varies.
    let varies = |square: f64, mean: f64| square > 1e-18 * mean * mean * a.len() as f64;
    (varies(aa, mean_a) && varies(bb, mean_b)).then(|| ab / (aa * bb).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise between 0 and 1, the same in each run.
    fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..n).map(|_| next()).collect()
    }

    const H: usize = 5;

    fn test(inputs: &[f64], median: impl Fn(usize) -> f64) -> Shift {
        let scored = 50..inputs.len() - H;
        let peaks: Vec<_> = (0..inputs.len())
            .map(|t| {
                let window = inputs.get(t + 1..=t + H).filter(|_| scored.contains(&t))?;
                window.iter().copied().reduce(f64::max)
            })
            .collect();
        let course = Course {
            inputs,
            peaks: &peaks,
        };
        let medians: Vec<_> = scored.clone().map(|t| (t, median(t))).collect();
        let smooth = |t: usize| inputs[t - 11..=t].iter().sum::<f64>() / 12.0;
        let smooth: Vec<_> = scored.clone().map(|t| (t, smooth(t))).collect();
        let still: Vec<_> = scored.map(|t| (t, 1.0)).collect();
        course.shift(&medians, &[&still, &smooth]).unwrap()
    }

    /// A level that wanders, with noise of this height on it.
    fn wandering(noisy: f64) -> Vec<f64> {
        let mut level = 5.0;
        let steps = noise(3000, 1).into_iter().zip(noise(3000, 2));
        steps
            .map(|(step, noise)| {
                level = (level + 0.4 * (step - 0.5)).clamp(1.0, 9.0);
                level + noisy * noise
            })
            .collect()
    }

    #[test]
    fn a_copy_is_caught_at_any_lag_and_scale() {
        let x = wandering(1.0);
        for lag in [1, 2, 7] {
            let found = test(&x, |t| 0.7 * x[t + 1 - lag] + 3.0);
            assert!(found.is_copier(), "{lag}: {found:?}");
            assert_eq!(found.lag, lag);
        }
    }

    #[test]
    fn one_that_sees_the_level_is_none_though_it_follows() {
        let x = wandering(1.0);
        let smooth = |t: usize| x[t - 11..=t].iter().sum::<f64>() / 12.0;
        let found = test(&x, smooth);
        assert!(found.follows && !found.is_copier(), "{found:?}");
    }

    #[test]
    fn one_that_sees_the_future_does_not_even_follow() {
        let x = wandering(1.0);
        let found = test(&x, |t| x[t + 3]);
        assert!(!found.follows && !found.is_copier(), "{found:?}");
    }

    #[test]
    fn where_there_is_no_more_to_tell_a_copy_is_no_fault() {
        let x = wandering(0.0);
        let found = test(&x, |t| x[t] + 0.3);
        assert!(found.follows && found.tells < TELLS, "{found:?}");
        assert!(found.knowable < TELLS && !found.is_copier(), "{found:?}");
    }

    #[test]
    fn nothing_can_be_said_where_nothing_moves() {
        let course = Course {
            inputs: &[0.1; 100],
            peaks: &[Some(0.1); 100],
        };
        let medians: Vec<_> = (20..90).map(|t| (t, 0.1)).collect();
        assert!(course.shift(&medians, &[&medians]).is_none());
        assert!(course.shift(&[], &[]).is_none());
    }
}
