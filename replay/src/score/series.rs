//! Scores of one series, method by method.

use llmos_engine::forecast::{HORIZONS, Quantiles, Resource};

use super::copier::Course;
use super::{Shift, Tally};
use crate::trace::Series;

/// Share of the size by which a peak may be above a forecast and is covered all the same.
const TOLERANCE: f64 = 1e-6;
/// The horizon whose median the time-shift test looks at, as a place in [`HORIZONS`].
const SHIFT_HORIZON: usize = 0;

/// What a method is in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the agent uses.
    System,
    /// The model by itself.
    Model,
    /// A simple rule.
    Baseline,
    /// A part of the system, by itself.
    Expert,
}

/// One method on one series.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Name of the method.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its sums for each horizon.
    pub tallies: [Tally; HORIZONS.len()],
    /// The time-shift test; `None` if nothing can be said. Simple rules are not tested.
    pub shift: Option<Shift>,
    /// Tick and median, for that test.
    medians: Vec<(usize, f64)>,
}

/// Scores of one series. All numbers that are added are in the engine's unit.
#[derive(Debug, Clone)]
pub struct SeriesScore {
    /// Family of the series.
    pub family: String,
    /// Name of the workload.
    pub name: String,
    /// Its resource.
    pub resource: Resource,
    /// Its size in the engine's unit.
    pub size: f64,
    /// Ticks of the series.
    pub ticks: usize,
    /// The methods, in the order in which they were heard first.
    pub methods: Vec<Scored>,
    inputs: Vec<f64>,
    peaks: Vec<Option<f64>>,
    came: [Option<f64>; HORIZONS.len()],
    next: usize,
}

impl SeriesScore {
    pub(crate) fn new(series: &Series, size: f64) -> Self {
        Self {
            family: series.family.clone(),
            name: series.name.clone(),
            resource: series.resource,
            size,
            ticks: series.values.len(),
            methods: Vec::new(),
            inputs: Vec::with_capacity(series.values.len()),
            peaks: Vec::with_capacity(series.values.len()),
            came: [None; HORIZONS.len()],
            next: 0,
        }
    }

    /// The input of a tick; what is unknown repeats the last.
    pub(crate) fn held(&mut self, value: Option<f64>) {
        let last = self.inputs.last().copied().unwrap_or(0.0);
        self.inputs.push(value.unwrap_or(last));
        self.peaks.push(None);
    }

    /// Begins to score the tick of the last input; these peaks came.
    pub(crate) fn begin(&mut self, came: &[Option<f64>; HORIZONS.len()]) {
        self.came = *came;
        self.next = 0;
        if let Some(peak) = self.peaks.last_mut() {
            *peak = came[SHIFT_HORIZON];
        }
    }

    /// Scores what a method said. Methods come in the same order at each tick, or nearly.
    pub(crate) fn add(&mut self, name: &'static str, kind: Kind, said: &Quantiles) {
        let at = match self.methods.get(self.next) {
            Some(method) if method.name == name => self.next,
            _ => self.place(name, kind),
        };
        self.next = at + 1;
        let tolerance = TOLERANCE * self.size;
        let method = &mut self.methods[at];
        for ((tally, said), came) in method.tallies.iter_mut().zip(said).zip(self.came) {
            if let Some(peak) = came {
                tally.add(said, peak, tolerance);
            }
        }
        let tick = self.inputs.len() - 1;
        method.medians.push((tick, said[SHIFT_HORIZON][0]));
    }

    /// All is scored: makes the test and forgets what it needs.
    pub(crate) fn finish(mut self) -> Self {
        let course = Course {
            inputs: &self.inputs,
            peaks: &self.peaks,
        };
        let medians: Vec<_> = self
            .methods
            .iter_mut()
            .map(|method| (method.kind, std::mem::take(&mut method.medians)))
            .collect();
        let rules = medians.iter().filter(|(kind, _)| *kind == Kind::Baseline);
        let rules: Vec<&[_]> = rules.map(|(_, medians)| medians.as_slice()).collect();
        for (method, (kind, medians)) in self.methods.iter_mut().zip(&medians) {
            if *kind != Kind::Baseline {
                method.shift = course.shift(medians, &rules);
            }
        }
        self.inputs = Vec::new();
        self.peaks = Vec::new();
        self
    }

    fn place(&mut self, name: &'static str, kind: Kind) -> usize {
        if let Some(at) = self.methods.iter().position(|m| m.name == name) {
            return at;
        }
        self.methods.push(Scored {
            name,
            kind,
            tallies: Default::default(),
            shift: None,
            medians: Vec::new(),
        });
        self.methods.len() - 1
    }
}
