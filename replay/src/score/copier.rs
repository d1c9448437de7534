//! The time-shift test: does a forecast only repeat its input late?
//!
//! For one series let `m(t)` be the median forecast made at tick `t`, `p(t)` the peak of the ticks
//! `t+1 ..= t+h` that came, and `x(t)` the input, an unknown value repeating the last. The input
//! `k` ticks late, seen from the first tick of the window, is `x(t+1-k)`: `k = 1` is the newest
//! that a forecast can know. With `r` for Pearson's correlation over the scored ticks, let
//! `k*` be the `k` in `1..=12` with the largest `r(m, x_k)`.
//!
//! The forecast *follows* its input if `r(m, x_k*) > r(m, p)`. This alone convicts nobody: what is
//! known of the past is known better than what is to come, and on a random walk the last value is
//! the best that anybody can say. So a second question decides: does the forecast tell anything of
//! the peak that the late input does not tell? The partial correlation
//!
//! `r(m, p | x) = (r(m, p) - r(m, x) r(x, p)) / sqrt((1 - r(m, x)^2) (1 - r(x, p)^2))`, `x = x_k*`,
//!
//! is zero for a copy, however it is scaled or shifted. A *copier* follows its input and has
//! `r(m, p | x) < 0.1`, that is, it explains less than a hundredth of what the copy leaves open.

/// Latest input that is looked at, in ticks.
const LATEST: usize = 12;
/// A partial correlation below this is no information.
const TELLS: f64 = 0.1;
/// From this correlation on, two series are the same but for rounding.
const SAME: f64 = 1.0 - 1e-9;

/// What the test found on one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// How late the input is that the forecast looks most like, in ticks.
    pub lag: usize,
    /// It looks more like that input than like the peak that came.
    pub follows: bool,
    /// What the forecast tells beyond that input: the partial correlation, -1 to 1.
    pub tells: f64,
}

impl Shift {
    /// Is it a mere copy?
    #[must_use]
    pub fn is_copier(&self) -> bool {
        self.follows && self.tells < TELLS
    }
}

/// The test on one series. `inputs` are all of its values, without holes; `scored` has a tick, the
/// median made there and the peak that came, for each scored tick. `None` if one of them does not
/// vary, so that nothing can be said.
#[must_use]
pub fn shift(inputs: &[f64], scored: &[(usize, f64, f64)]) -> Option<Shift> {
    let scored: Vec<_> = scored
        .iter()
        .filter(|(tick, ..)| *tick + 1 >= LATEST && *tick < inputs.len())
        .collect();
    let medians: Vec<f64> = scored.iter().map(|(_, median, _)| *median).collect();
    let peaks: Vec<f64> = scored.iter().map(|(.., peak)| *peak).collect();
    let with_peak = correlation(&medians, &peaks)?;
    let mut best: Option<(usize, f64, Vec<f64>)> = None;
    for lag in 1..=LATEST {
        let late: Vec<f64> = scored
            .iter()
            .map(|(tick, ..)| inputs[tick + 1 - lag])
            .collect();
        if let Some(r) = correlation(&medians, &late)
            && best.as_ref().is_none_or(|(_, known, _)| r > *known)
        {
            best = Some((lag, r, late));
        }
    }
    let (lag, with_input, late) = best?;
    let between = correlation(&late, &peaks)?;
    Some(Shift {
        lag,
        follows: with_input > with_peak,
        tells: partial(with_peak, with_input, between),
    })
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
        let scored: Vec<_> = (50..inputs.len() - H)
            .map(|t| {
                let peak = inputs[t + 1..=t + H].iter().copied().fold(0.0, f64::max);
                (t, median(t), peak)
            })
            .collect();
        shift(inputs, &scored).unwrap()
    }

    /// A level that wanders, with noise on it.
    fn wandering() -> Vec<f64> {
        let mut level = 5.0;
        let steps = noise(3000, 1).into_iter().zip(noise(3000, 2));
        steps
            .map(|(step, noise)| {
                level = (level + 0.4 * (step - 0.5)).clamp(1.0, 9.0);
                level + noise
            })
            .collect()
    }

    #[test]
    fn a_copy_is_caught_at_any_lag_and_scale() {
        let x = wandering();
        for lag in [1, 2, 7] {
            let found = test(&x, |t| 0.7 * x[t + 1 - lag] + 3.0);
            assert!(found.is_copier(), "{lag}: {found:?}");
            assert_eq!(found.lag, lag);
        }
    }

    #[test]
    fn one_that_sees_the_level_is_none_though_it_follows() {
        let x = wandering();
        let smooth = |t: usize| x[t - 11..=t].iter().sum::<f64>() / 12.0;
        let found = test(&x, smooth);
        assert!(found.follows && !found.is_copier(), "{found:?}");
    }

    #[test]
    fn one_that_sees_the_future_does_not_even_follow() {
        let x = wandering();
        let found = test(&x, |t| x[t + 3]);
        assert!(!found.follows && !found.is_copier(), "{found:?}");
    }

    #[test]
    fn nothing_can_be_said_where_nothing_moves() {
        let flat = vec![0.1; 100];
        let scored: Vec<_> = (20..90).map(|t| (t, 0.1, 0.1)).collect();
        assert!(shift(&flat, &scored).is_none());
        assert!(shift(&flat, &[]).is_none());
    }
}
