//! The CPU of a node under workloads that all want to run.

/// Shares `capacity` among `asks` by `weights`, as the scheduler does: nobody gets more than it asks
/// for, and who is short has as much for its weight as any other that is short (weighted max-min
/// fairness). All in one unit, such as CPU seconds.
#[must_use]
pub fn share(asks: &[f64], weights: &[f64], capacity: f64) -> Vec<f64> {
    let mut given = asks.to_vec();
    if asks.iter().sum::<f64>() <= capacity {
        return given;
    }
    // Who asks least for its weight is served first; what the level is then follows.
    let mut order: Vec<usize> = (0..asks.len()).collect();
    let need = |at: usize| asks[at] / weights[at];
    order.sort_by(|a, b| need(*a).total_cmp(&need(*b)));
    let mut left = capacity;
    let mut weight: f64 = weights.iter().sum();
    for at in order {
        let level = (left / weight).max(0.0);
        given[at] = asks[at].min(level * weights[at]);
        left -= given[at];
        weight -= weights[at];
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_little_is_served_and_the_others_share_by_weight() {
        let near = |given: Vec<f64>, expected: &[f64]| {
            given
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-9)
        };
        assert!(near(share(&[1.0, 5.0], &[1.0, 1.0], 8.0), &[1.0, 5.0]));
        assert!(near(
            share(&[1.0, 5.0, 9.0], &[1.0, 1.0, 1.0], 7.0),
            &[1.0, 3.0, 3.0]
        ));
        assert!(near(share(&[9.0, 9.0], &[1.0, 2.0], 6.0), &[2.0, 4.0]));
        assert!(near(share(&[0.0, 9.0], &[1.0, 1.0], 0.0), &[0.0, 0.0]));
    }
}
