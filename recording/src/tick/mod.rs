//! The rows of one tick. One value is filled again and again, so that a tick allocates nothing once
//! the buffers have grown to the node's size.

mod json;

use std::ops::Range;

use crate::{Column, Object};
pub use json::JsonError;

/// The rows of one tick, one for each workload. Unknown numbers are absent, never zero.
#[derive(Debug, Clone)]
pub struct Tick {
    /// Wall clock, milliseconds since 1970.
    pub at_unix_ms: i64,
    columns: Vec<Column>,
    rows: Vec<(u64, Range<usize>)>,
    /// Paths of all rows, one after the other.
    paths: String,
    /// Numbers row by row; NaN is unknown.
    values: Vec<f64>,
}

impl Tick {
    /// An empty tick with these columns.
    pub fn new(columns: Vec<Column>) -> Self {
        Self {
            at_unix_ms: 0,
            columns,
            rows: Vec::new(),
            paths: String::new(),
            values: Vec::new(),
        }
    }

    /// The columns of its rows.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// No rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Drops the rows and begins anew at another wall clock.
    pub fn restart(&mut self, at_unix_ms: i64) {
        self.at_unix_ms = at_unix_ms;
        self.rows.clear();
        self.paths.clear();
        self.values.clear();
    }

    /// Adds a row of which nothing is known yet.
    pub fn push(&mut self, workload: u64, cgroup: &str) -> RowMut<'_> {
        let path = self.paths.len();
        self.paths.push_str(cgroup);
        self.rows.push((workload, path..self.paths.len()));
        let begin = self.values.len();
        self.values.resize(begin + self.columns.len(), f64::NAN);
        RowMut {
            columns: &self.columns,
            values: self.values.get_mut(begin..).unwrap_or_default(),
        }
    }

    /// Workload, cgroup and numbers of each row, NaN for unknown.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u64, &str, &[f64])> {
        // `chunks_exact` refuses a width of 0; without columns there are no numbers to give.
        let width = self.columns.len();
        let mut values = self.values.as_slice();
        self.rows.iter().map(move |(workload, path)| {
            let (row, rest) = values.split_at_checked(width).unwrap_or_default();
            values = rest;
            let cgroup = self.paths.get(path.clone()).unwrap_or_default();
            (*workload, cgroup, row)
        })
    }
}

/// A row that is being filled.
#[derive(Debug)]
pub struct RowMut<'a> {
    columns: &'a [Column],
    values: &'a mut [f64],
}

impl RowMut<'_> {
    /// Sets the number in the column of this name; false when there is no such column. What is not
    /// finite counts as unknown.
    pub fn set(&mut self, column: &str, value: f64) -> bool {
        let found = self.columns.iter().position(|c| c.name == column);
        let cell = found.and_then(|at| self.values.get_mut(at));
        cell.map(|cell| *cell = finite(value)).is_some()
    }

    /// Sets the numbers of one object of the status JSON, each a field's name and its value. Fields
    /// that have no column are passed over.
    pub fn fill<'n>(&mut self, object: Object, numbers: impl IntoIterator<Item = (&'n str, f64)>) {
        // Fields come in the order of the columns, so the next one is mostly the right one.
        let mut expected = 0;
        for (field, value) in numbers {
            let mut order = (expected..self.columns.len()).chain(0..expected);
            let is_it = |at: &usize| {
                let column = self.columns.get(*at);
                column.is_some_and(|column| column.source() == (object, field))
            };
            if let Some(at) = order.find(is_it)
                && let Some(cell) = self.values.get_mut(at)
            {
                *cell = finite(value);
                expected = at + 1;
            }
        }
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_numbers_apart() {
        let mut tick = Tick::new(Column::all());
        for _ in 0..2 {
            tick.restart(5);
            assert!(tick.push(1, "a").set("cpu_cores", 0.5));
            assert!(tick.push(2, "").set("oom_kills", f64::INFINITY));
            assert!(!tick.push(3, "c/d").set("no_such_column", 1.0));
            let known: Vec<_> = tick
                .rows()
                .map(|(id, path, row)| (id, path, row.iter().filter(|v| !v.is_nan()).count()))
                .collect();
            assert_eq!(known, [(1, "a", 1), (2, "", 0), (3, "c/d", 0)]);
        }
        assert_eq!(tick.len(), 3);
    }

    #[test]
    fn a_tick_without_columns_has_rows_all_the_same() {
        let mut tick = Tick::new(Vec::new());
        tick.push(1, "a");
        tick.push(2, "b");
        assert_eq!(tick.rows().count(), 2);
    }
}
