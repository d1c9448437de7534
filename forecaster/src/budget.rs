//! How long a step may take. A model that is too slow is left out for a while, longer each time.

use std::time::Duration;

/// Most steps that are left out after one that was too slow.
const MAX_LEFT_OUT: u32 = 512;

/// Time that a step may take, and what came of it so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    limit: Duration,
    /// Steps to leave out before the next try.
    left_out: u32,
    /// Steps to leave out when the next one is too slow.
    penalty: u32,
}

impl Budget {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            left_out: 0,
            penalty: 1,
        }
    }

    /// May the model take a step now?
    ///
    /// # Errors
    /// Why not, in a few words.
    pub(crate) fn admit(&mut self) -> Result<(), String> {
        if self.left_out == 0 {
            return Ok(());
        }
        self.left_out -= 1;
        let (limit, more) = (self.limit, self.left_out);
        Err(format!(
            "it took longer than {limit:?} and is left out for {more} more steps"
        ))
    }

    /// Is the step, under way for so long, to be given up?
    ///
    /// # Errors
    /// That it is, in a few words; the coming steps are then left out.
    pub(crate) fn spent(
        &mut self,
        taken: Duration,
        done: usize,
        rows: usize,
    ) -> Result<(), String> {
        if taken <= self.limit {
            if done == rows {
                self.penalty = 1;
            }
            return Ok(());
        }
        self.left_out = self.penalty;
        self.penalty = (self.penalty * 2).min(MAX_LEFT_OUT);
        let limit = self.limit;
        Err(format!(
            "{done} of {rows} rows took {taken:.0?}, expected all within {limit:?}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_step_is_paid_for_twice_as_long_each_time() {
        let limit = Duration::from_millis(10);
        let mut budget = Budget::new(limit);
        for left_out in [1, 2, 4] {
            assert!(budget.admit().is_ok());
            assert!(budget.spent(limit * 2, 64, 64).is_err());
            for _ in 0..left_out {
                assert!(budget.admit().is_err());
            }
        }
        assert!(budget.admit().is_ok());
        // Within the limit so far is not yet a good step.
        assert!(budget.spent(limit, 32, 64).is_ok());
        assert!(budget.spent(limit * 2, 64, 64).is_err());
        assert_eq!(budget.left_out, 8);
        budget.left_out = 0;
        assert!(budget.spent(limit, 64, 64).is_ok());
        assert!(budget.spent(limit * 2, 64, 64).is_err());
        assert_eq!(budget.left_out, 1);
    }
}
