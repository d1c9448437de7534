//! The percentile that numpy computes by default: linear between the two nearest ranks.

/// Percentile `percent` (0 to 100) of the known values; `None` if there is none.
pub fn percentile(values: &[Option<f64>], percent: f64) -> Option<f64> {
    let mut known: Vec<f64> = values.iter().copied().flatten().collect();
    known.sort_unstable_by(f64::total_cmp);
    let place = known.len().checked_sub(1)? as f64 * (percent / 100.0);
    let low = place.floor() as usize;
    let high = (low + 1).min(known.len() - 1);
    let (a, b, t) = (known[low], known[high], place - place.floor());
    // From the nearer end, as numpy does it, so that both give the same bits.
    Some(if t < 0.5 {
        a + (b - a) * t
    } else {
        b - (b - a) * (1.0 - t)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_between_the_nearest_ranks_of_what_is_known() {
        let values = [Some(3.0), None, Some(1.0), Some(2.0)];
        let near = |percent: f64, x: f64| (percentile(&values, percent).unwrap() - x).abs() < 1e-12;
        assert!(near(0.0, 1.0) && near(50.0, 2.0) && near(75.0, 2.5) && near(100.0, 3.0));
        assert!(percentile(&[None, None], 50.0).is_none());
    }
}
