//! A linear model on the last twelve values, fitted by least squares to the training part of the very
//! series that it is scored on: the rule that is hard to beat on the mean.

use llmos_engine::forecast::{HORIZONS, QUANTILES, Quantiles};
use nalgebra::{SMatrix, SVector};

use super::errors::Errors;
use crate::forecast::Peaks;

/// Values that it looks at.
pub const LAGS: usize = 12;
const TERMS: usize = LAGS + 1;
/// Keeps the equations solvable where lags are the same numbers.
const RIDGE: f64 = 1e-6;

type Row = SVector<f64, TERMS>;

/// One series, with what was learnt of its training part.
#[derive(Debug, Clone)]
pub struct Autoregression {
    size: f64,
    weights: [Row; HORIZONS.len()],
    /// Quantiles of the errors on the training part.
    errors: [[f64; QUANTILES.len()]; HORIZONS.len()],
    /// Errors of the last forecasts whose peak is known.
    recent: [Errors; HORIZONS.len()],
    lags: [f64; LAGS],
    started: bool,
}

impl Autoregression {
    /// Learns from values and the peaks after them, all of the training part, in any unit. `size`
    /// is the series' own, which the equations are scaled by.
    #[must_use]
    pub fn fit(values: &[Option<f64>], peaks: &Peaks, size: f64) -> Self {
        let mut learnt = Self {
            size: size.max(f64::MIN_POSITIVE),
            weights: [Row::zeros(); HORIZONS.len()],
            errors: Default::default(),
            recent: std::array::from_fn(|h| Errors::new(HORIZONS[h])),
            lags: [0.0; LAGS],
            started: false,
        };
        for (h, ticks) in HORIZONS.into_iter().enumerate() {
            let mut lags = learnt.clone();
            let mut rows = Vec::new();
            for (tick, value) in values.iter().enumerate() {
                lags.shift(*value);
                let peak = peaks.get(tick).and_then(|peaks| peaks[h]);
                // The peak must be known within the training part, and the lags be the series' own.
                if let Some(peak) = peak.filter(|_| tick >= LAGS && tick + ticks < values.len()) {
                    let (row, middle) = lags.row();
                    rows.push((row, (peak - middle) / lags.size));
                }
            }
            learnt.weights[h] = solved(&rows);
            let mut errors: Vec<f64> = rows
                .iter()
                .map(|(row, y)| (y - learnt.weights[h].dot(row)) * learnt.size)
                .collect();
            errors.sort_by(f64::total_cmp);
            learnt.errors[h] = QUANTILES.map(|q| between(&errors, q));
        }
        learnt
    }

    /// One tick, with its value if it is known, and the peaks of the windows that end here.
    pub fn push(&mut self, value: Option<f64>, realised: [Option<f64>; HORIZONS.len()]) {
        self.shift(value);
        let points = self.points();
        for ((recent, point), peak) in self.recent.iter_mut().zip(points).zip(realised) {
            recent.push(point, peak);
        }
    }

    /// With the errors of the training part.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        let mut out = Quantiles::default();
        for ((out, point), errors) in out.iter_mut().zip(self.points()).zip(self.errors) {
            *out = errors.map(|error| (point + error).max(0.0));
        }
        out
    }

    /// With the errors of the last forecasts; those of the training part until there are some.
    #[must_use]
    pub fn recent_quantiles(&self) -> Quantiles {
        let mut out = self.quantiles();
        for ((out, point), errors) in out.iter_mut().zip(self.points()).zip(&self.recent) {
            if let Some(around) = errors.around(point) {
                *out = around;
            }
        }
        out
    }

    fn points(&self) -> [f64; HORIZONS.len()] {
        let (row, middle) = self.row();
        self.weights
            .map(|weights| weights.dot(&row) * self.size + middle)
    }

    fn shift(&mut self, value: Option<f64>) {
        let held = value.unwrap_or(self.lags[0]);
        if self.started {
            self.lags.copy_within(..LAGS - 1, 1);
            self.lags[0] = held;
        } else {
            self.lags = [held; LAGS];
            self.started = true;
        }
    }

    /// The lags about their mean in sizes, and one; and that mean.
    fn row(&self) -> (Row, f64) {
        let mean = self.lags.iter().sum::<f64>() / LAGS as f64;
        let mut row = Row::repeat(1.0);
        for (term, lag) in row.iter_mut().zip(self.lags) {
            *term = (lag - mean) / self.size;
        }
        (row, mean)
    }
}

/// Least squares with a little ridge; zeros where there is nothing to learn from.
fn solved(rows: &[(Row, f64)]) -> Row {
    let n = rows.len().max(1) as f64;
    let mut square = SMatrix::<f64, TERMS, TERMS>::identity() * RIDGE;
    let mut right = Row::zeros();
    for (row, y) in rows {
        square += row * row.transpose() / n;
        right += row * (*y / n);
    }
    square
        .cholesky()
        .map_or_else(Row::zeros, |factor| factor.solve(&right))
}

/// Quantile of rising numbers, linear between neighbours; zero of none.
fn between(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let rank = q * last as f64;
    let low = rank.floor() as usize;
    let (below, above) = (sorted[low], sorted[(low + 1).min(last)]);
    below + (above - below) * (rank - low as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::peaks;

    #[test]
    fn a_linear_law_is_found_and_its_errors_are_nothing() {
        // While a line falls the peak of the next ticks is the next value.
        let values: Vec<Option<f64>> = (0..700_u32)
            .map(|t| Some(100.0 - f64::from(t) * 0.1))
            .collect();
        let mut rule = Autoregression::fit(&values, &peaks(&values), 100.0);
        values.iter().for_each(|x| rule.push(*x, [None, None]));
        let said = rule.quantiles();
        for q in said.as_flattened() {
            assert!((q - 30.0).abs() < 0.05, "{said:?}");
        }
    }

    #[test]
    fn recent_errors_replace_those_of_the_training_part() {
        let values = vec![Some(1.0); 200];
        let mut rule = Autoregression::fit(&values, &peaks(&values), 1.0);
        for _ in 0..100 {
            rule.push(Some(1.0), [Some(1.5), Some(1.5)]);
        }
        assert!((rule.quantiles()[0][3] - 1.0).abs() < 1e-6);
        assert!((rule.recent_quantiles()[0][3] - 1.5).abs() < 1e-6);
    }
}
