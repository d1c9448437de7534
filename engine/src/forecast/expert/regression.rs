//! Recursive least squares: a linear model that goes on learning, with constant memory.
//!
//! The covariance is kept as the factors `U D U^T` (Bierman, 1976; Thornton's update is not needed since
//! the weights do not move by themselves): it stays positive in single precision, where the plain
//! recursion does not.

use crate::forecast::numbers::{self, Numbers};

/// What is left of an old outcome at the next one.
const FORGET: f64 = 0.9998;

/// A linear model on `N` terms. `M` is the number of the factor's free numbers, `N (N - 1) / 2`.
#[derive(Debug, Clone)]
pub struct Regression<const N: usize, const M: usize> {
    weights: [f32; N],
    /// Above the diagonal, column by column; the diagonal is one.
    upper: [f32; M],
    diagonal: [f32; N],
    /// No direction is less certain than this: while a term is silent, forgetting must not blow up
    /// what is not known of it.
    doubt: f32,
}

impl<const N: usize, const M: usize> Regression<N, M> {
    /// Begins with these weights. `doubt` is the variance of each, in units of that of an outcome
    /// about the line: one over the number of outcomes that the beginning is worth.
    pub fn new(weights: [f32; N], doubt: f32) -> Self {
        const { assert!(M == N * (N - 1) / 2) };
        Self {
            weights,
            upper: [0.0; M],
            diagonal: [doubt; N],
            doubt,
        }
    }

    /// The outcome that these terms speak for.
    #[must_use]
    pub fn at(&self, terms: &[f32; N]) -> f64 {
        let pairs = self.weights.iter().zip(terms);
        pairs.map(|(w, x)| f64::from(*w) * f64::from(*x)).sum()
    }

    /// Learns from an outcome that was `error` above what was said of these terms.
    pub fn learn(&mut self, terms: &[f32; N], error: f64) {
        let mut f = terms.map(f64::from);
        for j in (1..N).rev() {
            let column = &self.upper[j * (j - 1) / 2..j * (j + 1) / 2];
            let above: f64 = column
                .iter()
                .zip(terms)
                .map(|(u, x)| f64::from(*u) * f64::from(*x))
                .sum();
            f[j] += above;
        }
        let mut gain = [0.0; N];
        let mut sum = FORGET;
        for j in 0..N {
            let d = f64::from(self.diagonal[j]);
            let v = d * f[j];
            let before = sum;
            sum += f[j] * v;
            let next = (d * before / (sum * FORGET)) as f32;
            self.diagonal[j] = next.min(self.doubt);
            gain[j] = v;
            let step = -f[j] / before;
            let column = &mut self.upper[j * (j.max(1) - 1) / 2..j * (j + 1) / 2];
            for (u, gain) in column.iter_mut().zip(&mut gain) {
                let known = f64::from(*u);
                *u = (known + *gain * step) as f32;
                *gain += known * v;
            }
        }
        for (weight, gain) in self.weights.iter_mut().zip(gain) {
            *weight = (f64::from(*weight) + error * gain / sum) as f32;
        }
    }

    /// Walks its numbers.
    pub fn walk(&mut self, to: &mut dyn Numbers) {
        numbers::factors(to, &mut self.weights);
        numbers::factors(to, &mut self.upper);
        to.f32s(&mut self.diagonal);
        let certain = 0.0..=self.doubt;
        numbers::hold(to, self.diagonal.iter().all(|d| certain.contains(d)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between -0.5 and 0.5.
    fn noise(state: &mut u32) -> f32 {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(*state >> 8) / f64::from(1 << 24) - 0.5) as f32
    }

    #[test]
    fn a_linear_law_is_found_also_with_terms_that_depend_on_each_other() {
        let mut model = Regression::<4, 6>::new([0.0; 4], 1.0);
        let mut state = 5;
        for _ in 0..3_000 {
            let (a, b) = (noise(&mut state), noise(&mut state));
            let terms = [1.0, a, b, a + b];
            let outcome = f64::from(0.3 + 2.0 * a - b);
            model.learn(&terms, outcome - model.at(&terms));
        }
        let said = model.at(&[1.0, 0.4, -0.2, 0.2]);
        assert!((said - 1.3).abs() < 0.01, "{said}");
    }

    #[test]
    fn it_begins_with_its_weights_and_follows_a_change() {
        let mut model = Regression::<2, 1>::new([1.0, 2.0], 0.1);
        let mut state = 9;
        assert!((model.at(&[1.0, 3.0]) - 7.0).abs() < 1e-6);
        for turn in 0..40_000 {
            let x = noise(&mut state);
            let slope = if turn < 20_000 { 2.0 } else { -1.0 };
            let outcome = f64::from(1.0 + slope * x + 0.1 * noise(&mut state));
            model.learn(&[1.0, x], outcome - model.at(&[1.0, x]));
        }
        assert!((model.at(&[1.0, 0.5]) - 0.5).abs() < 0.03, "{model:?}");
    }

    #[test]
    fn silence_for_long_does_no_harm() {
        let mut model = Regression::<3, 3>::new([0.0; 3], 1.0);
        for _ in 0..100_000 {
            let terms = [1.0, 0.0, 0.0];
            model.learn(&terms, 2.0 - model.at(&terms));
        }
        model.learn(&[1.0, 0.01, -0.02], 0.1);
        let all = model.weights.iter().chain(&model.diagonal);
        assert!(all.clone().all(|x| x.is_finite()), "{model:?}");
        assert!(model.at(&[1.0, 1.0, 1.0]).abs() < 4.0, "{model:?}");
    }
}
