//! Puts rows with irregular times on an even grid.

/// A longer hole is cut to this many ticks: more of nothing teaches and scores nothing more.
const LONGEST_GAP: f64 = 60.0;

/// Why rows fit on no grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// The times are out of order.
    #[error("t must rise strictly within a series")]
    NotRising,
    /// The step is the whole seconds in the median of the differences.
    #[error("t is in seconds, and rows closer than one second have no step")]
    NoStep,
}

/// The step in seconds, and the tick of each row. `t` is in seconds; without `step` the median
/// difference is the step, cut to whole seconds.
pub fn ticks(t: &[f64], step: Option<f64>) -> Result<(f64, Vec<usize>), GridError> {
    let mut differences: Vec<f64> = t.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if differences.is_empty() || !differences.iter().all(|d| *d > 0.0) {
        return Err(GridError::NotRising);
    }
    let jumps = differences.clone();
    let step = step.unwrap_or_else(|| median(&mut differences).trunc());
    if step <= 0.0 {
        return Err(GridError::NoStep);
    }
    let mut tick = 0;
    let rest = jumps.iter().map(|jump| {
        tick += (jump / step)
            .round_ties_even()
            .clamp(1.0, LONGEST_GAP + 1.0) as usize;
        tick
    });
    Ok((step, std::iter::once(0).chain(rest).collect()))
}

/// One value for each tick from the first to the last, `None` where no row was.
pub fn spread(values: &[Option<f64>], ticks: &[usize]) -> Vec<Option<f64>> {
    let mut grid = vec![None; ticks.last().map_or(0, |last| last + 1)];
    for (value, tick) in values.iter().zip(ticks) {
        grid[*tick] = *value;
    }
    grid
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_missing_ticks_and_a_huge_one_is_cut() {
        let t = [0.0, 60.0, 120.0, 240.0, 1e6, 1e6 + 60.0, 1e6 + 121.0];
        let (step, at) = ticks(&t, None).unwrap();
        assert_eq!(
            (step as u64, at.as_slice()),
            (60, &[0, 1, 2, 4, 65, 66, 67][..])
        );
        let grid = spread(&[Some(1.0), None, Some(3.0), Some(4.0)], &at[..4]);
        assert_eq!(grid, [Some(1.0), None, Some(3.0), None, Some(4.0)]);
    }

    #[test]
    fn times_that_fit_on_no_grid_are_refused() {
        assert_eq!(ticks(&[0.0, 1.0, 1.0], None), Err(GridError::NotRising));
        assert_eq!(ticks(&[0.0, f64::NAN], None), Err(GridError::NotRising));
        assert_eq!(ticks(&[5.0], None), Err(GridError::NotRising));
        assert_eq!(ticks(&[0.0, 0.4, 0.8], None), Err(GridError::NoStep));
        assert!(ticks(&[0.0, 0.4, 0.8], Some(0.4)).is_ok());
    }
}
