//! One (workload, resource) series on an even grid.

use std::ops::Range;

use llmos_engine::forecast::{Resource, features};

use super::grid::{self, GridError};
use super::percentile::percentile;

/// Shorter series, in ticks, leave nothing to score.
pub const SHORTEST: usize = 200;
/// Share of a series that belongs to training; the rest is for evaluation.
pub const TRAIN_SHARE: f64 = 0.7;
/// The percentile of the training part that is the size of a series.
const SIZE_PERCENT: f64 = 99.5;
/// A series in unknown units gets the size of this many idle floors.
const FLOORS: f64 = 1000.0;

/// What the numbers of a series are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The engine's own: cores, bytes, bytes per second.
    Engine,
    /// Some unit: public traces are fractions of this or that.
    Unknown,
}

/// One (workload, resource) series on an even grid. It begins and ends with a known value.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Where it is from: the file's name up to the first dot.
    pub family: String,
    /// Name of the workload in the file.
    pub name: String,
    /// The column of the file, or the signal of a recording.
    pub column: &'static str,
    /// What the engine takes it for.
    pub resource: Resource,
    /// Length of a tick in seconds.
    pub step_s: f64,
    /// What the values are in.
    pub unit: Unit,
    /// One value for each tick, `None` where unknown.
    pub values: Vec<Option<f64>>,
    /// The limit that was in force at each tick, in the unit of the values; empty if the file does
    /// not say.
    pub in_force: Vec<Option<f64>>,
}

/// The rows of one workload before they are on a grid.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Name of the workload.
    pub name: String,
    /// Time of each row in seconds.
    pub t: Vec<f64>,
    /// For each column, one value a row.
    pub columns: Vec<Vec<Option<f64>>>,
    /// Limits that were in force, one value a row, with the column that they limit.
    pub limits: Vec<(&'static str, Vec<Option<f64>>)>,
}

/// Name of a column and what the engine takes it for.
pub type Column = (&'static str, Resource);

/// The columns that are read.
pub const COLUMNS: [Column; 7] = [
    ("cpu", Resource::Cpu),
    ("cpu_max", Resource::Cpu),
    ("mem", Resource::Memory),
    ("net", Resource::Network),
    ("net_rx", Resource::Network),
    ("net_tx", Resource::Network),
    ("rps", Resource::Network),
];

/// Columns of limits, and the column that each limits.
pub const LIMITS: [(&str, &str); 2] = [("cpu_limit", "cpu"), ("mem_limit", "mem")];

impl Series {
    /// First tick of the evaluation part.
    #[must_use]
    pub fn cut(&self) -> usize {
        (self.values.len() as f64 * TRAIN_SHARE) as usize
    }

    /// The size of the series, in its unit: the 99.5th percentile of the training part, which does
    /// not look into the evaluation part. Zero if nothing is known there.
    #[must_use]
    pub fn size(&self) -> f64 {
        percentile(&self.values[..self.cut()], SIZE_PERCENT).unwrap_or(0.0)
    }

    /// What a value has to be multiplied by before the engine sees it. The engine takes anything
    /// below a floor for idle, so numbers in an unknown unit are put far above it: the size of the
    /// series becomes a thousand floors (10 cores, 1,000 MiB, 1 MB/s).
    #[must_use]
    pub fn to_engine(&self) -> f64 {
        match self.unit {
            Unit::Engine => 1.0,
            Unit::Unknown => FLOORS * features::floor(self.resource) / self.size(),
        }
    }
}

impl Rows {
    /// The usable series among the columns, which are named by `columns`. Without `step` (seconds)
    /// the rows have one of their own. Below zero is unknown, as an empty cell is.
    pub fn series(
        &self,
        family: &str,
        columns: &[Column],
        step: Option<f64>,
        unit: Unit,
    ) -> Result<Vec<Series>, GridError> {
        if self.t.len() < SHORTEST {
            return Ok(Vec::new());
        }
        let (step_s, ticks) = grid::ticks(&self.t, step)?;
        let all = columns.iter().zip(&self.columns);
        let spread = |values| {
            let mut values = grid::spread(values, &ticks);
            for value in &mut values {
                *value = value.filter(|value| *value >= 0.0);
            }
            values
        };
        let all = all.map(|((column, resource), values)| {
            let values = spread(values);
            let limit = self.limits.iter().find(|(limited, _)| limited == column);
            let in_force = limit.map(|(_, limits)| spread(limits)).unwrap_or_default();
            let known = known(&values);
            Series {
                family: family.to_owned(),
                name: self.name.clone(),
                column,
                resource: *resource,
                step_s,
                unit,
                in_force: in_force.get(known.clone()).unwrap_or_default().to_vec(),
                values: values[known].to_vec(),
            }
        });
        let usable = |series: &Series| series.values.len() >= SHORTEST && series.size() > 0.0;
        Ok(all.filter(usable).collect())
    }
}

/// All but the unknown values at both ends.
fn known(values: &[Option<f64>]) -> Range<usize> {
    let begin = values.iter().position(Option::is_some).unwrap_or(0);
    let end = values.iter().rposition(Option::is_some);
    begin..end.map_or(begin, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize, value: impl Fn(usize) -> Option<f64>) -> Rows {
        Rows {
            name: "a".into(),
            t: (0..n).map(|i| i as f64).collect(),
            columns: vec![(0..n).map(value).collect()],
            limits: Vec::new(),
        }
    }

    fn cpu(rows: &Rows) -> Vec<Series> {
        rows.series("f", &COLUMNS[..1], None, Unit::Unknown)
            .unwrap()
    }

    #[test]
    fn the_size_does_not_look_into_the_evaluation_part() {
        let found = cpu(&rows(300, |i| Some(if i > 250 { 9.0 } else { 1.0 })));
        assert_eq!(found[0].cut(), 210);
        assert!((found[0].size() - 1.0).abs() < 1e-12);
        assert!(
            (found[0].to_engine() - 10.0).abs() < 1e-9,
            "a thousand floors of 0.01 cores"
        );
    }

    #[test]
    fn unknown_ends_are_cut_and_what_is_left_must_be_long_enough() {
        let some = |from: usize, to: usize| move |i: usize| (from..to).contains(&i).then_some(2.0);
        assert_eq!(cpu(&rows(300, some(10, 290)))[0].values.len(), 280);
        assert!(cpu(&rows(300, some(10, 200))).is_empty());
        let mut limited = rows(300, some(10, 290));
        limited.limits = vec![("cpu", (0..300).map(|i| Some(f64::from(i))).collect())];
        let found = &cpu(&limited)[0];
        assert_eq!(found.in_force.len(), 280);
        assert_eq!(found.in_force[0], Some(10.0), "cut as the values are");
        assert!(
            cpu(&rows(300, |_| Some(-1.0))).is_empty(),
            "below zero is unknown"
        );
        assert!(cpu(&rows(300, |_| Some(0.0))).is_empty(), "no size");
        assert!(cpu(&rows(199, |_| Some(1.0))).is_empty());
    }
}
