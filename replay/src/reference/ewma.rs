//! A fast moving average and the deviation of its recent errors.

use llmos_engine::forecast::{QUANTILES, features};

/// Quantiles of the normal distribution for [`QUANTILES`].
const NORMAL: [f64; QUANTILES.len()] = [0.0, 1.2816, 1.6449, 2.3263];

/// Level and mean square of its errors.
#[derive(Debug, Clone, Default)]
pub struct Ewma {
    begun: bool,
    level: f64,
    square: f64,
}

impl Ewma {
    /// Adds a value.
    pub fn push(&mut self, value: f64) {
        if !self.begun {
            (self.begun, self.level) = (true, value);
            return;
        }
        let error = value - self.level;
        self.square += features::ALPHA_SLOW * (error * error - self.square);
        self.level += features::ALPHA_FAST * error;
    }

    /// The level plus normal quantiles of its error.
    pub fn quantiles(&self) -> [f64; QUANTILES.len()] {
        NORMAL.map(|z| self.level + z * self.square.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_moves_the_level_and_widens() {
        let mut ewma = Ewma::default();
        ewma.push(1.0);
        assert!(ewma.quantiles().iter().all(|q| (q - 1.0).abs() < 1e-12));
        ewma.push(2.0);
        let [low, high, ..] = ewma.quantiles();
        assert!((low - 1.3).abs() < 1e-12);
        assert!((high - (1.3 + 1.2816 * 0.03_f64.sqrt())).abs() < 1e-12);
    }
}
