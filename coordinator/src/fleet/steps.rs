//! A column that changes seldom (a limit, a target), kept as its changes.

use std::collections::VecDeque;

/// Values with the time from which each holds; NaN is absent.
#[derive(Debug, Default)]
pub(super) struct Steps {
    changes: VecDeque<(u64, f32)>,
}

impl Steps {
    /// Appends the value at a time that is not before the last one.
    pub(super) fn push(&mut self, at_ms: u64, value: f32) {
        match self.changes.back_mut() {
            Some((_, last)) if last.to_bits() == value.to_bits() => {}
            Some((last_at, last)) if *last_at == at_ms => *last = value,
            None if value.is_nan() => {}
            _ => self.changes.push_back((at_ms, value)),
        }
    }

    /// Forgets what no longer holds at `oldest_ms`.
    pub(super) fn trim(&mut self, oldest_ms: u64) {
        while self.changes.get(1).is_some_and(|(at, _)| *at <= oldest_ms) {
            self.changes.pop_front();
        }
    }

    /// The value at each of the times, which ascend; NaN where there is none.
    pub(super) fn expand<'a>(
        &'a self,
        times: impl Iterator<Item = u64> + 'a,
    ) -> impl Iterator<Item = f32> + 'a {
        let mut next = 0;
        times.map(move |at| {
            while self.changes.get(next).is_some_and(|(from, _)| *from <= at) {
                next += 1;
            }
            match next.checked_sub(1).and_then(|held| self.changes.get(held)) {
                Some((_, value)) => *value,
                None => f32::NAN,
            }
        })
    }

    /// Bytes of heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.changes.capacity() * size_of::<(u64, f32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_takes_one_entry_and_expands_to_all_times() {
        let mut steps = Steps::default();
        for at in 0..1000 {
            steps.push(at, 2.0);
        }
        assert_eq!(steps.changes.len(), 1);
        assert!(
            steps
                .expand(0..1000)
                .all(|value| value.to_bits() == 2f32.to_bits())
        );
    }

    #[test]
    fn absent_before_the_first_value_and_after_it_ends() {
        let mut steps = Steps::default();
        steps.push(0, f32::NAN);
        steps.push(10, 1.0);
        steps.push(20, f32::NAN);
        let got: Vec<bool> = steps
            .expand([0, 10, 15, 20, 30].into_iter())
            .map(f32::is_nan)
            .collect();
        assert_eq!(got, [true, false, false, true, true]);
    }

    #[test]
    fn trim_keeps_the_value_that_still_holds() {
        let mut steps = Steps::default();
        steps.push(0, 1.0);
        steps.push(10, 2.0);
        steps.push(20, 3.0);
        steps.trim(15);
        assert_eq!(steps.changes, [(10, 2.0), (20, 3.0)]);
    }
}
