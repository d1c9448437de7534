//! What a workload would use if nothing limited it, in the engine's unit.

use llmos_engine::forecast::Resource;

use crate::trace::{Series, TRAIN_SHARE};

/// The columns that are controlled; the others have no limit, or are the same use a second time.
const COLUMNS: [&str; 2] = ["cpu", "mem"];

/// One series to be controlled.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    /// Where it is from.
    pub family: String,
    /// CPU or memory.
    pub resource: Resource,
    /// Seconds of a tick.
    pub step_s: f64,
    /// First tick that is scored.
    pub cut: usize,
    /// 99.5th percentile of the training part.
    pub size: f64,
    /// Cores or bytes for each tick; `None` where unknown.
    pub values: Vec<Option<f64>>,
    /// The limit that was really in force; empty if nobody knows.
    pub in_force: Vec<Option<f64>>,
}

impl Demand {
    /// Of a series, if it is of CPU or memory. Numbers in unknown units are scaled as everywhere in
    /// this crate ([`Series::to_engine`]).
    #[must_use]
    pub fn of(series: &Series) -> Option<Self> {
        if !COLUMNS.contains(&series.column) {
            return None;
        }
        let factor = series.to_engine();
        let scaled =
            |values: &[Option<f64>]| values.iter().map(|x| x.map(|x| x * factor)).collect();
        Some(Self {
            family: series.family.clone(),
            resource: series.resource,
            step_s: series.step_s,
            cut: series.cut(),
            size: series.size() * factor,
            values: scaled(&series.values),
            in_force: scaled(&series.in_force),
        })
    }

    /// Its training part as a series of its own, with the same size: its last 30 % are scored. `None`
    /// if nothing would be.
    #[must_use]
    pub fn training_part(&self) -> Option<Self> {
        let cut = (self.cut as f64 * TRAIN_SHARE) as usize;
        let upto = |values: &[Option<f64>]| values.iter().take(self.cut).copied().collect();
        (cut < self.cut).then(|| Self {
            family: self.family.clone(),
            cut,
            values: upto(&self.values),
            in_force: upto(&self.in_force),
            ..*self
        })
    }

    /// CPUs that the workload can run on at once: work that has waited is caught up with on at most
    /// twice as many as it has ever needed.
    #[must_use]
    pub fn threads(&self) -> f64 {
        2.0 * self.values.iter().flatten().copied().fold(0.0, f64::max)
    }

    /// The part that is not scored.
    #[must_use]
    pub fn training(&self) -> &[Option<f64>] {
        self.values.get(..self.cut).unwrap_or_default()
    }
}
