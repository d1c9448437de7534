//! Medians and shares of what a machine reported.

/// The values in order.
pub fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value at a share of the way through sorted ones; nothing of nothing.
pub fn at(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((share * last as f64).round() as usize).copied()
}

/// Which share of all is true; nothing of nothing.
pub fn share(all: impl Iterator<Item = bool>) -> Option<f64> {
    let (yes, count) = all.fold((0.0, 0.0), |(yes, count), is| {
        (yes + f64::from(u8::from(is)), count + 1.0)
    });
    (count > 0.0).then(|| yes / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_neither_a_median_nor_a_share() {
        assert_eq!(at(&[], 0.5), None);
        assert_eq!(at(&sorted([3.0, 1.0, 2.0].into_iter()), 0.5), Some(2.0));
        assert_eq!(share(std::iter::empty()), None);
        assert_eq!(share([true, false].into_iter()), Some(0.5));
    }
}
