//! The line between little slack and little stall that a controller can reach.

/// Points of (stall, slack) none of which is beaten in both by another, from little stall to much.
///
/// Between two points lies a straight line: of two settings each can be given to a part of the
/// workloads.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontier(Vec<(f64, f64)>);

impl Frontier {
    /// The best of these points.
    #[must_use]
    pub fn new(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
        let mut points: Vec<_> = points.into_iter().filter(finite).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut lowest = f64::INFINITY;
        points.retain(|(_, slack)| {
            let better = *slack < lowest;
            lowest = lowest.min(*slack);
            better
        });
        Self(points)
    }

    /// The points that are left.
    #[must_use]
    pub fn points(&self) -> &[(f64, f64)] {
        &self.0
    }

    /// The slack at this much stall or less; `None` where no point has so little stall. Beyond the
    /// last point the slack stays: more stall buys nothing there.
    #[must_use]
    pub fn slack_at(&self, stall: f64) -> Option<f64> {
        let after = self.0.partition_point(|(at, _)| *at <= stall);
        let (low, slack) = *self.0.get(after.checked_sub(1)?)?;
        let Some((high, less)) = self.0.get(after) else {
            return Some(slack);
        };
        Some(slack + (less - slack) * (stall - low) / (high - low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beaten_points_are_left_out_and_between_two_lies_a_line() {
        let frontier = Frontier::new([(0.2, 1.0), (0.0, 3.0), (0.1, 3.5), (0.1, 2.0), (0.3, 1.5)]);
        assert_eq!(frontier.points(), [(0.0, 3.0), (0.1, 2.0), (0.2, 1.0)]);
        let near = |stall: f64, slack: f64| {
            let found = frontier.slack_at(stall).unwrap();
            assert!((found - slack).abs() < 1e-9, "{found} at {stall}");
        };
        near(0.0, 3.0);
        near(0.05, 2.5);
        near(0.1, 2.0);
        near(0.9, 1.0);
        let late = Frontier::new([(0.1, 2.0), (0.2, f64::NAN)]);
        assert!(late.slack_at(0.05).is_none(), "nobody has measured that");
    }
}
