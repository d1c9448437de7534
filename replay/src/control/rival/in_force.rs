//! The limit that was really in force when the trace was taken, where the trace says it.

use super::{Rival, Seen};
use crate::control::{Bounds, Demand};

/// See the module.
#[derive(Debug, Clone)]
pub struct InForce {
    limits: Vec<Option<f64>>,
    tick: usize,
    last: Bounds,
}

impl InForce {
    /// The limits of this series.
    pub fn new(demand: &Demand) -> Self {
        Self {
            limits: demand.in_force.clone(),
            tick: 0,
            last: Bounds::NONE,
        }
    }
}

impl Rival for InForce {
    fn decide(&mut self, _: &Seen) -> Bounds {
        // Asked at the end of a tick for the next one.
        self.tick += 1;
        if let Some(limit) = self.limits.get(self.tick).copied().flatten() {
            self.last = Bounds::hard(limit);
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::calm;
    use super::*;

    #[test]
    fn each_tick_has_its_own_limit_and_a_gap_keeps_the_last() {
        let mut rule = InForce {
            limits: vec![Some(1.0), Some(2.0), None, Some(4.0)],
            tick: 0,
            last: Bounds::NONE,
        };
        let found = [0; 4].map(|_| rule.decide(&calm(60.0, 1.0)).max as u64);
        assert_eq!(found, [2, 2, 4, 4]);
    }
}
