//! Figures of each family and resource: means over its series, each counting the same.

use llmos_engine::forecast::Resource;

use super::Tally;
use crate::control::Demand;

/// What a controller came to on some series. `None` where there was nothing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Mean over series of: sum of limit minus use, over sum of use.
    pub slack_ratio: Option<f64>,
    /// The same against `memory.high`.
    pub soft_slack_ratio: Option<f64>,
    /// Mean over series of limit minus use, in sizes.
    pub slack: Option<f64>,
    /// Mean over series of use, in sizes.
    pub used: Option<f64>,
    /// Share of the time with work that waits, or stalled for memory.
    pub stall_share: Option<f64>,
    /// Share of the work that ran late.
    pub delayed_share: Option<f64>,
    /// OOM kills, summed.
    pub kills: u64,
    /// Ticks with a changed limit, an hour.
    pub changes_per_hour: Option<f64>,
}

/// A controller with what it came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Controller {
    /// Its name in the figures.
    pub name: &'static str,
    /// What it came to.
    pub figures: Figures,
}

/// One resource of one family.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Where the series are from.
    pub name: String,
    /// CPU or memory.
    pub resource: Resource,
    /// How many they are.
    pub series: usize,
    /// LLMOS at first, then the rivals.
    pub controllers: Vec<Controller>,
    /// LLMOS at the points of its frontier, with the model if there is one, and without.
    pub frontiers: [Vec<Figures>; 2],
}

impl Family {
    /// Name for people and keys, e.g. `nab_aws/cpu`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.name, self.resource.name())
    }

    /// What a controller came to.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&Figures> {
        let found = self.controllers.iter().find(|known| known.name == name);
        Some(&found?.figures)
    }
}

impl Figures {
    /// Means over series.
    fn of(tallies: &[&Tally]) -> Self {
        let over = |of: fn(&Tally) -> Option<f64>| mean(tallies.iter().filter_map(|t| of(t)));
        Self {
            slack_ratio: over(Tally::slack_ratio),
            soft_slack_ratio: over(Tally::soft_slack_ratio),
            slack: over(Tally::slack),
            used: over(Tally::used),
            stall_share: over(Tally::stall_share),
            delayed_share: over(Tally::delayed_share),
            kills: tallies.iter().map(|t| t.kills()).sum(),
            changes_per_hour: over(Tally::changes_per_hour),
        }
    }

    /// Slack over use where every workload has the same size: that of many workloads together.
    #[must_use]
    pub fn pooled_ratio(&self) -> Option<f64> {
        Some(self.slack? / self.used.filter(|used| *used > 0.0)?)
    }
}

/// The families in the order in which they come. `named` are the scores of whole controllers, one a
/// series (`None` where a controller has nothing to do with it); `swept` those of LLMOS at the points
/// of its frontiers.
#[must_use]
pub fn families(
    demands: &[Demand],
    named: &[(&'static str, Vec<Option<Tally>>)],
    swept: &[Vec<Vec<Option<Tally>>>; 2],
) -> Vec<Family> {
    let mut keys: Vec<(&str, Resource)> = Vec::new();
    for demand in demands {
        let key = (demand.family.as_str(), demand.resource);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let of_key = |(name, resource): (&str, Resource)| {
        let here: Vec<usize> = (0..demands.len())
            .filter(|at| demands[*at].family == name && demands[*at].resource == resource)
            .collect();
        let figures = |scores: &[Option<Tally>]| {
            let found: Vec<&Tally> = here
                .iter()
                .filter_map(|at| scores.get(*at)?.as_ref())
                .collect();
            (!found.is_empty()).then(|| Figures::of(&found))
        };
        Family {
            name: name.to_owned(),
            resource,
            series: here.len(),
            controllers: named
                .iter()
                .filter_map(|(name, scores)| {
                    let figures = figures(scores)?;
                    Some(Controller { name, figures })
                })
                .collect(),
            frontiers: swept
                .each_ref()
                .map(|points| points.iter().filter_map(|p| figures(p)).collect()),
        }
    };
    keys.into_iter().map(of_key).collect()
}

/// Means over families, each counting the same; kills are summed.
#[must_use]
pub fn overall<'f>(figures: impl Iterator<Item = &'f Figures> + Clone) -> Figures {
    let over = |of: fn(&Figures) -> Option<f64>| mean(figures.clone().filter_map(of));
    Figures {
        slack_ratio: over(|f| f.slack_ratio),
        soft_slack_ratio: over(|f| f.soft_slack_ratio),
        slack: over(|f| f.slack),
        used: over(|f| f.used),
        stall_share: over(|f| f.stall_share),
        delayed_share: over(|f| f.delayed_share),
        kills: figures.clone().map(|f| f.kills).sum(),
        changes_per_hour: over(|f| f.changes_per_hour),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}
