//! All series of all workloads: features, one batched model call a tick, and who drives.

use std::collections::BTreeMap;

use super::baseline::Baseline;
use super::features::{self, FeatureRow};
use super::skill::{self, Skill};
use super::{HORIZONS, Model, ModelError, OUTPUTS, QUANTILES, StateRows};
use crate::units::CgroupId;

/// Quantiles of the peak, for each horizon, in the unit of the series.
pub type Quantiles = [[f64; QUANTILES.len()]; HORIZONS.len()];

/// Steps of the model on a series before it may drive: its state starts from nothing.
const WARM_STEPS: u32 = 30;
/// Steps before the model's forecasts are scored, earlier, so that the scores are there in time.
const SCORED_STEPS: u32 = 8;

/// What a series is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// CPU in cores.
    Cpu,
    /// Memory in bytes.
    Memory,
    /// Network, in plus out, in bytes per second.
    Network,
}

/// Who made a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The model.
    Model,
    /// The recent past ([`super::baseline`]).
    Baseline,
}

/// Forecast of the peak of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Who made it.
    pub source: Source,
    /// Quantiles of the peak over each horizon, in the unit of the series: finite, not negative,
    /// rising with the quantile and with the horizon.
    pub horizons: Quantiles,
}

/// The values of one workload at one tick; `None` where unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Which cgroup.
    pub id: CgroupId,
    /// CPU in cores.
    pub cpu: Option<f64>,
    /// Memory in bytes.
    pub memory: Option<f64>,
    /// Network, in plus out, in bytes per second.
    pub network: Option<f64>,
}

/// State of every live series. A series is a row of the batch from its first value until its
/// workload is no longer observed.
#[derive(Debug, Default)]
pub struct SeriesForecaster {
    tick: u64,
    rows: Vec<Row>,
    index: BTreeMap<(CgroupId, Resource), usize>,
    model_name: String,
    state: StateRows,
    features: Vec<f32>,
    outputs: Vec<f32>,
}

#[derive(Debug)]
struct Row {
    key: (CgroupId, Resource),
    /// The tick at which the row was last observed.
    tick: u64,
    features: FeatureRow,
    input: [f32; features::COUNT],
    baseline: Baseline,
    skill: Skill,
    /// Steps of the model since the row's recurrent state was zero.
    model_steps: u32,
    forecast: Option<Forecast>,
}

impl Resource {
    /// Name for people and wire formats.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Network => "network",
        }
    }
}

impl Source {
    /// Name for people and wire formats.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Baseline => "baseline",
        }
    }
}

impl Forecast {
    /// The peak over the horizon at place `horizon` of [`HORIZONS`], at the lowest quantile that
    /// the forecast has which is not below `q` (the highest one if there is none).
    #[must_use]
    pub fn at(&self, horizon: usize, q: f64) -> f64 {
        let horizon = &self.horizons[horizon.min(HORIZONS.len() - 1)];
        let place = QUANTILES.iter().position(|known| *known >= q - 1e-9);
        horizon[place.unwrap_or(QUANTILES.len() - 1)]
    }
}

impl SeriesForecaster {
    /// Takes the values of one tick and forecasts every series. A workload that is not among
    /// them is forgotten; one that is there twice counts once.
    ///
    /// # Errors
    /// What kept the model from driving. Forecasts are there all the same, by the baseline.
    pub fn tick(
        &mut self,
        observations: &[Observation],
        model: Option<&mut dyn Model>,
    ) -> Result<(), ModelError> {
        self.tick += 1;
        for seen in observations {
            for (resource, value) in [
                (Resource::Cpu, seen.cpu),
                (Resource::Memory, seen.memory),
                (Resource::Network, seen.network),
            ] {
                self.observe((seen.id, resource), value);
            }
        }
        self.forget_absent();
        let result = self.run_model(model);
        self.conclude(result.is_ok()).and(result)
    }

    /// The forecast of this tick, once the series has had a value.
    #[must_use]
    pub fn forecast(&self, id: CgroupId, resource: Resource) -> Option<Forecast> {
        let row = *self.index.get(&(id, resource))?;
        self.rows.get(row)?.forecast
    }

    /// Series that are alive.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Is there no series at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn observe(&mut self, key: (CgroupId, Resource), value: Option<f64>) {
        let value = value.filter(|x| x.is_finite() && *x >= 0.0);
        if let Some(&at) = self.index.get(&key) {
            let row = &mut self.rows[at];
            if row.tick == self.tick {
                return;
            }
            row.tick = self.tick;
            row.input = row.features.step(value);
            row.skill.observe(value);
            if let Some(x) = value {
                row.baseline.push(x);
            }
        } else if let Some(x) = value.filter(|x| begins(key.1, *x)) {
            let (features, input) = FeatureRow::start(key.1, x);
            let mut baseline = Baseline::default();
            baseline.push(x);
            self.index.insert(key, self.rows.len());
            grow(&mut self.rows, 1);
            self.rows.push(Row {
                key,
                tick: self.tick,
                features,
                input,
                baseline,
                skill: Skill::default(),
                model_steps: 0,
                forecast: None,
            });
            let width = self.state.width;
            for numbers in [&mut self.state.h, &mut self.state.c] {
                grow(numbers, width);
                numbers.resize(self.rows.len() * width, 0.0);
            }
        }
    }

    /// Removes the rows that were not observed this tick: the last row takes the place of each.
    fn forget_absent(&mut self) {
        let width = self.state.width;
        let mut at = 0;
        while at < self.rows.len() {
            if self.rows[at].tick == self.tick {
                at += 1;
                continue;
            }
            let gone = self.rows.swap_remove(at);
            self.index.remove(&gone.key);
            let last = self.rows.len();
            for numbers in [&mut self.state.h, &mut self.state.c] {
                numbers.copy_within(last * width..(last + 1) * width, at * width);
                numbers.truncate(last * width);
            }
            if let Some(moved) = self.rows.get(at) {
                self.index.insert(moved.key, at);
            }
        }
    }

    /// One step of the model for all rows; on an error its state is back at zero.
    fn run_model(&mut self, model: Option<&mut dyn Model>) -> Result<(), ModelError> {
        self.outputs.clear();
        let Some(model) = model else {
            self.reset_state(String::new(), 0);
            return Ok(());
        };
        if self.model_name != model.name() || self.state.width != model.state_width() {
            self.reset_state(model.name().to_owned(), model.state_width());
        }
        let rows = self.rows.len();
        if rows == 0 {
            return Ok(());
        }
        self.features.clear();
        self.features
            .extend(self.rows.iter().flat_map(|row| row.input));
        let numbers = rows * self.state.width;
        let stepped = model.step(rows, &self.features, &mut self.state, &mut self.outputs);
        let result = stepped.and_then(|()| {
            let state = (self.state.h.len(), self.state.c.len());
            if self.outputs.len() == rows * OUTPUTS && state == (numbers, numbers) {
                return Ok(());
            }
            Err(ModelError::Failed(format!(
                "{} outputs and {}+{} state numbers for {rows} rows, expected {} and {numbers} twice",
                self.outputs.len(),
                state.0,
                state.1,
                rows * OUTPUTS,
            )))
        });
        match &result {
            Ok(()) => self
                .rows
                .iter_mut()
                .for_each(|row| row.model_steps = row.model_steps.saturating_add(1)),
            Err(_) => {
                self.outputs.clear();
                self.reset_state(model.name().to_owned(), model.state_width());
            }
        }
        result
    }

    fn reset_state(&mut self, model_name: String, width: usize) {
        self.model_name = model_name;
        self.state.width = width;
        for numbers in [&mut self.state.h, &mut self.state.c] {
            numbers.clear();
            numbers.resize(self.rows.len() * width, 0.0);
        }
        self.rows.iter_mut().for_each(|row| row.model_steps = 0);
    }

    /// Chooses who drives each row. A row whose outputs are not finite starts again from a zero
    /// state, alone: its neighbours in the batch are not to blame.
    fn conclude(&mut self, stepped: bool) -> Result<(), ModelError> {
        let mut result = Ok(());
        let width = self.state.width;
        for (at, row) in self.rows.iter_mut().enumerate() {
            let Some(baseline) = row.baseline.forecast() else {
                continue;
            };
            let raw = self
                .outputs
                .get(at * OUTPUTS..(at + 1) * OUTPUTS)
                .filter(|_| stepped);
            let model = raw.and_then(|raw| guarded(raw, row.features.scale()));
            if raw.is_some() && model.is_none() {
                self.state.h[at * width..(at + 1) * width].fill(0.0);
                self.state.c[at * width..(at + 1) * width].fill(0.0);
                row.model_steps = 0;
                result = result.and(Err(ModelError::NotFinite { row: at }));
            }
            let pick = |quantiles: &Quantiles| quantiles[skill::HORIZON][skill::QUANTILE];
            let warm = row.model_steps >= WARM_STEPS;
            let scored = model
                .as_ref()
                .filter(|_| row.model_steps >= SCORED_STEPS)
                .map(pick);
            row.skill
                .said(scored, pick(&baseline), row.features.scale());
            row.forecast = Some(match model {
                Some(horizons) if warm && row.skill.model_drives() => Forecast {
                    source: Source::Model,
                    horizons,
                },
                _ => Forecast {
                    source: Source::Baseline,
                    horizons: baseline,
                },
            });
        }
        result
    }
}

/// Does a series begin with this value? Many workloads never use the network; theirs begins with
/// the first traffic, so that the silent ones cost nothing.
fn begins(resource: Resource, value: f64) -> bool {
    resource != Resource::Network || value > 0.0
}

/// Makes room for `more` numbers in small steps: doubling would leave megabytes unused.
fn grow<T>(numbers: &mut Vec<T>, more: usize) {
    if numbers.capacity() < numbers.len() + more {
        numbers.reserve_exact(more.max(numbers.len() / 16));
    }
}

/// Outputs of the model in the unit of the series, put in order; `None` if one is not finite.
fn guarded(raw: &[f32], scale: f64) -> Option<Quantiles> {
    let mut out = Quantiles::default();
    for (slot, x) in out.as_flattened_mut().iter_mut().zip(raw) {
        *slot = f64::from(*x) * scale;
        if !slot.is_finite() {
            return None;
        }
    }
    put_in_order(&mut out);
    Some(out)
}

/// Makes quantiles sound: not negative, never crossing, and never lower for a longer horizon
/// (the peak of a longer window contains that of the shorter one).
pub(super) fn put_in_order(quantiles: &mut Quantiles) {
    let mut shorter = [0.0_f64; QUANTILES.len()];
    for horizon in quantiles {
        let mut below = 0.0_f64;
        for (q, at_least) in horizon.iter_mut().zip(&mut shorter) {
            *q = q.max(below).max(*at_least);
            below = *q;
            *at_least = *q;
        }
    }
}
