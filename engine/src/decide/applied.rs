//! Is the limit in force ours? In `observe`, or when others write too, it is not, and then what
//! happens under it teaches nothing about our decisions.

use super::Action;

/// What is known of one limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Applied {
    /// Decided at the last tick, and not a hold.
    wanted: Option<f64>,
    /// In force at the last tick.
    last: Option<f64>,
    ours: bool,
}

impl Applied {
    /// Takes note of the limit in force; limits closer than `quantum` are the same. True when the
    /// change that was decided at the last tick has just come into force.
    pub(super) fn see(&mut self, from: f64, quantum: f64) -> bool {
        let same = |value: f64| {
            value.total_cmp(&from).is_eq() || (value - from).abs() <= quantum * (1.0 + 1e-6)
        };
        let came = self.wanted.take().map(same);
        match came {
            Some(came) => self.ours = came,
            None => self.ours &= self.last.is_some_and(same),
        }
        self.last = Some(from);
        came == Some(true)
    }

    /// Takes note of a decision.
    pub(super) fn decided(&mut self, to: f64, action: Action) {
        self.wanted = (action != Action::Hold).then_some(to);
    }

    /// The fast path has moved the limit in force in our name.
    pub(super) fn lent(&mut self, to: f64) {
        self.wanted = self.wanted.map(|_| to);
        self.last = Some(to);
    }

    /// Is the limit in force one that was decided here?
    pub(super) fn ours(&self) -> bool {
        self.ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_ours_from_the_tick_after_the_decision_until_others_change_it() {
        let mut applied = Applied::default();
        assert!(!applied.see(1.0, 0.01));
        applied.decided(0.5, Action::Lower);
        assert!(applied.see(0.505, 0.01), "rounding is no change");
        applied.decided(0.505, Action::Hold);
        assert!(!applied.see(0.505, 0.01));
        assert!(applied.ours());
        applied.see(2.0, 0.01);
        assert!(!applied.ours());
    }

    #[test]
    fn what_is_only_observed_is_never_ours() {
        let mut applied = Applied::default();
        for _ in 0..5 {
            assert!(!applied.see(f64::INFINITY, 0.01));
            applied.decided(0.5, Action::Lower);
        }
        assert!(!applied.ours());
    }
}
