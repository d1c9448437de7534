//! What the probes add to a context switch.

mod floor;
mod pingpong;
mod programs;
mod report;

pub use floor::EmptyProgram;
pub use pingpong::{Means, Slice, slice};
pub use programs::{ProgramRuns, Switches, on_the_scheduler_path};
pub use report::{Plan, measure};

/// The median; nothing of nothing.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values.get(middle).copied()
    } else {
        Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
