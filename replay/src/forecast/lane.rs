//! One series on its way through the forecaster: what goes in, what came out, how it scores.

use llmos_engine::forecast::expert::Statements;
use llmos_engine::forecast::{Forecast, HORIZONS, Observation, Quantiles, Resource, features};
use llmos_engine::units::CgroupId;

use super::experts;
use super::target::{Peaks, peaks};
use super::{MODEL, SYSTEM};
use crate::reference::{Known, NAMES, References};
use crate::score::{Kind, SeriesScore};
use crate::trace::Series;

/// See the module. All numbers are in the engine's unit.
pub struct Lane<'s> {
    series: &'s Series,
    id: CgroupId,
    factor: f64,
    targets: Peaks,
    references: References,
    score: SeriesScore,
}

impl<'s> Lane<'s> {
    /// A series at its beginning; no other lane of the batch has the same `id`.
    pub fn new(series: &'s Series, id: u64) -> Self {
        let factor = series.to_engine();
        let mut targets = peaks(&series.values);
        for peak in targets.as_flattened_mut().iter_mut().flatten() {
            *peak *= factor;
        }
        let training = series.values.get(..series.cut()).unwrap_or_default();
        let training: Vec<_> = training.iter().map(|x| x.map(|x| x * factor)).collect();
        let references = References::new(&Known {
            floor: features::floor(series.resource),
            step_s: series.step_s,
            training: &training,
            peaks: &targets,
            size: series.size() * factor,
        });
        Self {
            id: CgroupId(id),
            factor,
            targets,
            references,
            score: SeriesScore::new(series, series.size() * factor),
            series,
        }
    }

    /// Number of ticks.
    pub fn len(&self) -> usize {
        self.series.values.len()
    }

    /// Identity and resource, by which the forecaster knows it.
    pub fn key(&self) -> (CgroupId, Resource) {
        (self.id, self.series.resource)
    }

    /// The value at a tick.
    pub fn value(&self, tick: usize) -> Option<f64> {
        let value = self.series.values.get(tick).copied().flatten();
        value.map(|value| value * self.factor)
    }

    /// What the agent would observe at a tick: a workload with nothing but this series.
    pub fn observation(&self, tick: usize) -> Observation {
        let value = |resource| {
            self.value(tick)
                .filter(|_| self.series.resource == resource)
        };
        Observation {
            id: self.id,
            cpu: value(Resource::Cpu),
            memory: value(Resource::Memory),
            network: value(Resource::Network),
        }
    }

    /// Seconds of a tick.
    pub fn tick_s(&self) -> f64 {
        self.series.step_s
    }

    /// Takes what was said at a tick; in the evaluation part it is scored.
    pub fn heard(
        &mut self,
        tick: usize,
        system: Option<Forecast>,
        model: Option<Quantiles>,
        statements: Option<&Statements>,
    ) {
        let value = self.value(tick);
        let realised: [_; HORIZONS.len()] = std::array::from_fn(|k| {
            let made = tick.checked_sub(HORIZONS[k])?;
            self.targets.get(made)?[k]
        });
        self.references.push(value, realised);
        self.score.held(value);
        if tick < self.series.cut() {
            return;
        }
        let Some(came) = self
            .targets
            .get(tick)
            .filter(|t| t.iter().any(Option::is_some))
        else {
            return;
        };
        let score = &mut self.score;
        score.begin(came);
        if let Some(system) = system {
            score.add(SYSTEM, Kind::System, &system.horizons);
        }
        if let Some(model) = model {
            score.add(MODEL, Kind::Model, &model);
        }
        for (name, said) in NAMES.iter().zip(self.references.forecasts()) {
            score.add(name, Kind::Baseline, &said);
        }
        for (name, said) in statements.into_iter().flat_map(experts::said) {
            score.add(name, Kind::Expert, said);
        }
    }

    /// The scores, at the end.
    pub fn finish(self) -> SeriesScore {
        self.score.finish()
    }
}
