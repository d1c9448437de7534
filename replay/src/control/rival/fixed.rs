//! A limit that people set once, from what they have seen: the training part.

use super::{Rival, Seen};
use crate::control::{Bounds, Demand};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    limit: f64,
}

impl Fixed {
    /// Twice the mean: a usual rule of thumb.
    pub fn twice_the_mean(demand: &Demand) -> Self {
        let (sum, count) = demand
            .training()
            .iter()
            .flatten()
            .fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        Self {
            limit: 2.0 * sum / f64::max(count, 1.0),
        }
    }

    /// The highest that was seen.
    pub fn peak(demand: &Demand) -> Self {
        let known = demand.training().iter().flatten();
        Self {
            limit: known.copied().fold(0.0, f64::max),
        }
    }

    /// The limit in the unit of the series.
    pub const fn limit(&self) -> f64 {
        self.limit
    }
}

impl Rival for Fixed {
    fn decide(&mut self, _: &Seen) -> Bounds {
        Bounds::hard(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use llmos_engine::forecast::Resource;

    use super::super::tests::near;
    use super::*;

    #[test]
    fn only_the_training_part_is_looked_at() {
        let demand = Demand {
            family: "f".into(),
            resource: Resource::Cpu,
            step_s: 60.0,
            cut: 4,
            size: 3.0,
            values: vec![Some(1.0), None, Some(3.0), Some(2.0), Some(50.0)],
            in_force: Vec::new(),
        };
        assert!(near(Fixed::twice_the_mean(&demand).limit(), 4.0));
        assert!(near(Fixed::peak(&demand).limit(), 3.0));
    }
}
