//! Jain's index of fairness: 1 where all have the same, 1/n where one has all.
//!
//! Source: Jain, Chiu, Hawe, "A quantitative measure of fairness and discrimination" (DEC TR-301,
//! 1984): (sum x)^2 / (n * sum x^2).

/// The index; `None` where nobody has anything.
#[must_use]
pub fn jain(shares: &[f64]) -> Option<f64> {
    let (sum, squares) = shares
        .iter()
        .fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    (squares > 0.0).then(|| sum * sum / (shares.len() as f64 * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_are_fair_and_one_for_all_is_not() {
        assert!((jain(&[0.4; 7]).unwrap() - 1.0).abs() < 1e-12);
        assert!((jain(&[1.0, 0.0, 0.0, 0.0]).unwrap() - 0.25).abs() < 1e-12);
        assert!((jain(&[1.0, 0.5]).unwrap() - 0.9).abs() < 1e-12);
        assert!(jain(&[0.0, 0.0]).is_none());
    }
}
