//! Axes in decades.

use std::ops::Range;

/// Room beyond the first and last mark, as a fraction.
const HAIR: f64 = 0.01;

/// The powers of ten around these values, at least one decade; `least` is the smallest value.
pub fn decades(values: impl Iterator<Item = f64>, least: f64) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, least), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let low = low.min(high).max(least).log10().floor();
    let high = high.log10().ceil().max(low + 1.0);
    // A hair more, so that the marks at both ends are drawn.
    10_f64.powf(low) * (1.0 - HAIR)..10_f64.powf(high) * (1.0 + HAIR)
}

/// A mark in percent; the least one stands for all below it.
pub fn percent(value: f64, least: f64) -> String {
    let digits = (-value.log10().floor()).clamp(0.0, 3.0) as usize;
    if value <= least * 1.001 {
        format!("≤ {value:.digits$}")
    } else {
        format!("{value:.digits$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_all_values_between_powers_of_ten() {
        let range = decades([0.3, 45.0].into_iter(), 0.01);
        assert!((range.start - 0.099).abs() < 1e-9 && (range.end - 101.0).abs() < 1e-9);
        let one = decades([0.01].into_iter(), 0.01);
        assert!((one.start - 0.0099).abs() < 1e-9 && (one.end - 0.101).abs() < 1e-9);
        assert!(decades(std::iter::empty(), 0.01).end.is_finite());
    }

    #[test]
    fn marks_are_short() {
        assert_eq!(percent(0.01, 0.01), "≤ 0.01");
        assert_eq!(
            (percent(0.1, 0.01), percent(30.0, 0.01)),
            ("0.1".into(), "30".into())
        );
    }
}
