//! All series of all workloads: features, one batched model call a tick, and who drives.

use std::collections::BTreeMap;

use super::expert::Statements;
use super::judge::Standing;
use super::numbers::LARGEST;
use super::row::Row;
use super::warm;
use super::{HORIZONS, Model, ModelError, OUTPUTS, QUANTILES, StateRows};
use crate::grow::grow;
use crate::units::CgroupId;

/// Quantiles of the peak, for each horizon, in the unit of the series.
pub type Quantiles = [[f64; QUANTILES.len()]; HORIZONS.len()];

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

/// What is told of one series; nothing while it has had no value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Told {
    /// See [`SeriesForecaster::forecast`].
    pub forecast: Option<Forecast>,
    /// See [`SeriesForecaster::standing`].
    pub standing: Option<Standing>,
}

/// Where the rows of a workload are, by [`Resource`]; `None` for a series that is not alive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    id: CgroupId,
    rows: [Option<usize>; Resource::ALL.len()],
}

/// Which series: a workload, and what of it.
pub type SeriesKey = (CgroupId, Resource);

/// Who had the largest share in a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The model.
    Model,
    /// One of the simple rules ([`super::expert`]).
    Baseline,
}

/// Forecast of the peak of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Who had the largest share in it.
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
#[derive(Debug)]
pub struct SeriesForecaster {
    pub(super) tick: u64,
    pub(super) tick_s: f64,
    pub(super) rows: Vec<Row>,
    pub(super) index: BTreeMap<SeriesKey, usize>,
    /// Where the rows of each workload of the last observations are: they are looked for only where
    /// another workload stood there at the last tick. Empty when rows have come otherwise.
    pub(super) places: Vec<Places>,
    pub(super) model_name: String,
    pub(super) state: StateRows,
    features: Vec<f32>,
    outputs: Vec<f32>,
    /// What is told of each row since the last tick: a row is a hundred times as large, and whoever asks
    /// for all of them would wait for memory.
    told: Vec<Told>,
    /// What each expert said of each row, where somebody wants to know.
    statements: Option<Vec<Statements>>,
    /// Which outputs the model forecasts itself: all of them.
    whole: bool,
}

impl Resource {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Network];

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
    /// No series yet, on ticks of so many seconds: the time of the day is told by them.
    #[must_use]
    pub fn new(tick_s: f64) -> Self {
        Self {
            tick: 0,
            tick_s,
            rows: Vec::new(),
            index: BTreeMap::new(),
            places: Vec::new(),
            model_name: String::new(),
            state: StateRows::default(),
            features: Vec::new(),
            outputs: Vec::new(),
            told: Vec::new(),
            statements: None,
            whole: true,
        }
    }

    /// One that also tells what each expert says ([`Self::statements`]).
    #[must_use]
    pub fn with_statements(tick_s: f64) -> Self {
        Self {
            statements: Some(Vec::new()),
            ..Self::new(tick_s)
        }
    }

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
        self.places.truncate(observations.len());
        for (at, seen) in observations.iter().enumerate() {
            let mut places = match self.places.get(at) {
                Some(places) if places.id == seen.id => *places,
                _ => self.places_of(seen.id),
            };
            for (resource, value) in
                Resource::ALL
                    .into_iter()
                    .zip([seen.cpu, seen.memory, seen.network])
            {
                let row = &mut places.rows[resource as usize];
                *row = self.observe((seen.id, resource), value, *row);
            }
            match self.places.get_mut(at) {
                Some(known) => *known = places,
                None => self.places.push(places),
            }
        }
        if self.forget_absent() {
            for at in 0..self.places.len() {
                self.places[at] = self.places_of(self.places[at].id);
            }
        }
        let result = self.run_model(model);
        self.conclude(result.is_ok()).and(result)
    }

    /// The forecast of this tick, once the series has had a value.
    #[must_use]
    pub fn forecast(&self, id: CgroupId, resource: Resource) -> Option<Forecast> {
        self.told_of(id, resource)?.forecast
    }

    /// What each expert said at this tick, in the order of [`super::expert::ALL`]; `None` also where
    /// that is not kept.
    #[must_use]
    pub fn statements(&self, id: CgroupId, resource: Resource) -> Option<&Statements> {
        let at = *self.index.get(&(id, resource))?;
        self.statements.as_ref()?.get(at)
    }

    /// Who is listened to on a series, and how well it has gone.
    #[must_use]
    pub fn standing(&self, id: CgroupId, resource: Resource) -> Option<Standing> {
        self.told_of(id, resource)?.standing
    }

    /// What is told of the series of the workload at this place of the last observations, by
    /// [`Resource`].
    #[must_use]
    pub fn told(&self, at: usize) -> [Told; Resource::ALL.len()] {
        let Some(places) = self.places.get(at) else {
            return Default::default();
        };
        places.rows.map(|row| {
            let told = row.and_then(|row| self.told.get(row));
            told.copied().unwrap_or_default()
        })
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

    fn told_of(&self, id: CgroupId, resource: Resource) -> Option<&Told> {
        self.told.get(*self.index.get(&(id, resource))?)
    }

    /// Takes one value of a series whose row is `row`, if it has one; gives the row that it has now.
    fn observe(&mut self, key: SeriesKey, value: Option<f64>, row: Option<usize>) -> Option<usize> {
        let value = value.filter(|x| (0.0..=LARGEST).contains(x));
        if let Some(at) = row {
            let row = &mut self.rows[at];
            if row.tick != self.tick {
                row.observe(self.tick, value);
            }
            return Some(at);
        }
        let x = value.filter(|x| begins(key.1, *x))?;
        // A workload that is there twice has begun a moment ago.
        if let Some(at) = self.index.get(&key) {
            return Some(*at);
        }
        let at = self.rows.len();
        self.index.insert(key, at);
        grow(&mut self.rows, 1);
        self.rows.push(Row::start(key, self.tick, self.tick_s, x));
        let width = self.state.width;
        for numbers in [&mut self.state.h, &mut self.state.c] {
            grow(numbers, width);
            numbers.resize(self.rows.len() * width, 0.0);
        }
        Some(at)
    }

    /// Where the rows of a workload are.
    fn places_of(&self, id: CgroupId) -> Places {
        let rows = Resource::ALL.map(|resource| self.index.get(&(id, resource)).copied());
        Places { id, rows }
    }

    /// Removes the rows that were not observed this tick: the last row takes the place of each. Was
    /// there one?
    fn forget_absent(&mut self) -> bool {
        let width = self.state.width;
        let before = self.rows.len();
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
        self.rows.len() < before
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
            self.rows.iter_mut().for_each(Row::forget_model);
        }
        self.whole = model.given() == [true; OUTPUTS];
        let rows = self.rows.len();
        if rows == 0 {
            return Ok(());
        }
        let result = warm::warm_up(&mut self.rows, &mut self.state, model).and_then(|()| {
            self.features.clear();
            self.features
                .extend(self.rows.iter().flat_map(|row| row.input));
            let (state, outputs) = (&mut self.state, &mut self.outputs);
            warm::step(model, rows, &self.features, state, outputs)
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

    /// Forecasts each row. A row whose outputs are not finite starts again from a zero state, alone:
    /// its neighbours in the batch are not to blame.
    fn conclude(&mut self, stepped: bool) -> Result<(), ModelError> {
        let mut result = Ok(());
        let width = self.state.width;
        self.told.clear();
        grow(&mut self.told, self.rows.len());
        if let Some(kept) = &mut self.statements {
            kept.clear();
        }
        for (at, row) in self.rows.iter_mut().enumerate() {
            let answer = self
                .outputs
                .get(at * OUTPUTS..(at + 1) * OUTPUTS)
                .filter(|_| stepped);
            let word = row.forecast(answer, self.whole);
            self.told.push(word.told);
            if !word.sound {
                self.state.h[at * width..(at + 1) * width].fill(0.0);
                self.state.c[at * width..(at + 1) * width].fill(0.0);
                result = result.and(Err(ModelError::NotFinite { row: at }));
            }
            if let Some(kept) = &mut self.statements {
                kept.push(word.statements);
            }
        }
        result
    }
}

/// Does a series begin with this value? Many workloads never use the network; theirs begins with
/// the first traffic, so that the silent ones cost nothing.
fn begins(resource: Resource, value: f64) -> bool {
    resource != Resource::Network || value > 0.0
}
