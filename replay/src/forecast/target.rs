//! What a forecast is of: the peak of the next ticks.

use llmos_engine::forecast::HORIZONS;

/// For each tick and horizon the peak that came, `None` where it is not known.
pub type Peaks = Vec<[Option<f64>; HORIZONS.len()]>;

/// For each tick the peak of the next `h` ticks. Not known where these run past the end of the
/// series, or where more than half of them are unknown.
#[must_use]
pub fn peaks(values: &[Option<f64>]) -> Peaks {
    (0..values.len())
        .map(|tick| HORIZONS.map(|h| peak(values.get(tick + 1..=tick + h)?)))
        .collect()
}

fn peak(window: &[Option<f64>]) -> Option<f64> {
    let known = window.iter().flatten();
    if 2 * known.clone().count() < window.len() {
        return None;
    }
    known.copied().reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_peak_of_what_comes_and_needs_half_of_it() {
        let mut values: Vec<_> = (0..40).map(|i| Some(f64::from(i))).collect();
        values[3] = None;
        values[4] = None;
        let top = peaks(&values);
        assert_eq!(top[0], [Some(5.0), Some(30.0)]);
        assert_eq!(top[9], [Some(14.0), Some(39.0)]);
        assert_eq!(top[10], [Some(15.0), None], "runs past the end");
        assert_eq!(top[34], [Some(39.0), None]);
        assert_eq!(top[35], [None, None]);
        values[2] = None;
        assert_eq!(peaks(&values)[0][0], None, "two of five are known");
    }
}
