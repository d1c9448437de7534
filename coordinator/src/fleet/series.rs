//! The last hour of one workload in column form. A column takes memory only once it has a value.

use std::collections::VecDeque;

use super::bounds::Bounds;
use super::columns::{COLUMNS, Column, Kind, Row};
use super::steps::Steps;

/// Whether a point was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// Stored.
    Stored,
    /// Not newer than the last point; left out.
    Old,
}

#[derive(Debug)]
enum Store {
    Dense(VecDeque<f32>),
    Steps(Steps),
}

/// Points of one workload, oldest first, in milliseconds of the node's clock.
#[derive(Debug)]
pub struct Series {
    at_ms: VecDeque<u64>,
    columns: [Option<Store>; COLUMNS],
    last: Row,
    newest_ms: u64,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            at_ms: VecDeque::new(),
            columns: [const { None }; COLUMNS],
            last: Row::gap(),
            newest_ms: 0,
        }
    }
}

impl Series {
    /// Appends a row. A silence longer than `gap_ms` becomes a row without values; a row that is
    /// closer than `bounds.point_ms` to the start of the last point is joined into it.
    pub(super) fn push(&mut self, at_ms: u64, row: Row, gap_ms: u64, bounds: &Bounds) -> Pushed {
        if let Some(&last_ms) = self.at_ms.back() {
            if at_ms <= self.newest_ms {
                return Pushed::Old;
            }
            if at_ms - self.newest_ms > gap_ms {
                self.append(self.newest_ms + 1, Row::gap());
            } else if at_ms / bounds.point_ms == last_ms / bounds.point_ms {
                let mut joined = self.last;
                joined.join(&row);
                self.newest_ms = at_ms;
                self.replace_last(last_ms, joined);
                return Pushed::Stored;
            }
        }
        self.newest_ms = at_ms;
        self.append(at_ms, row);
        self.trim(bounds);
        Pushed::Stored
    }

    fn append(&mut self, at_ms: u64, row: Row) {
        self.at_ms.push_back(at_ms);
        self.last = row;
        self.write_last(at_ms, &row);
    }

    fn replace_last(&mut self, at_ms: u64, row: Row) {
        for store in self.columns.iter_mut().flatten() {
            if let Store::Dense(values) = store {
                values.pop_back();
            }
        }
        self.last = row;
        self.write_last(at_ms, &row);
    }

    fn write_last(&mut self, at_ms: u64, row: &Row) {
        let before = self.at_ms.len() - 1;
        for (index, (store, &value)) in self.columns.iter_mut().zip(&row.0).enumerate() {
            if store.is_none() && value.is_nan() {
                continue;
            }
            let store = store.get_or_insert_with(|| match Column::kind_at(index) {
                Kind::Step => Store::Steps(Steps::default()),
                Kind::Peak | Kind::Last => {
                    Store::Dense(std::iter::repeat_n(f32::NAN, before).collect())
                }
            });
            match store {
                Store::Dense(values) => values.push_back(value),
                Store::Steps(steps) => steps.push(at_ms, value),
            }
        }
    }

    fn trim(&mut self, bounds: &Bounds) {
        let oldest_ms = self.newest_ms.saturating_sub(bounds.window_ms);
        while self.at_ms.len() > bounds.max_points
            || self.at_ms.front().is_some_and(|at| *at < oldest_ms)
        {
            self.at_ms.pop_front();
            for store in self.columns.iter_mut().flatten() {
                if let Store::Dense(values) = store {
                    values.pop_front();
                }
            }
        }
        let first = self.at_ms.front().copied().unwrap_or(oldest_ms);
        for store in self.columns.iter_mut().flatten() {
            if let Store::Steps(steps) = store {
                steps.trim(first);
            }
        }
    }

    /// Forgets the values of a column, for when its meaning changes.
    pub(super) fn clear_column(&mut self, column: Column) {
        self.columns[column.index()] = None;
        self.last.0[column.index()] = f32::NAN;
    }

    /// Number of points, gaps included.
    pub fn len(&self) -> usize {
        self.at_ms.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.at_ms.is_empty()
    }

    fn from(&self, since_ms: u64) -> usize {
        self.at_ms.partition_point(|at| *at < since_ms)
    }

    /// Times of the points at or after `since_ms`. The last of them can still change while ticks
    /// are shorter than a point, so a reader asks again from the last time that it holds.
    pub fn times(&self, since_ms: u64) -> Vec<u64> {
        self.at_ms.range(self.from(since_ms)..).copied().collect()
    }

    /// Values of a column at [`Series::times`], NaN where absent; `None` when there is no value at
    /// all in that range.
    pub fn column(&self, column: Column, since_ms: u64) -> Option<Vec<f32>> {
        let from = self.from(since_ms);
        let values: Vec<f32> = match self.columns[column.index()].as_ref()? {
            Store::Dense(values) => values.range(from..).copied().collect(),
            Store::Steps(steps) => steps.expand(self.at_ms.range(from..).copied()).collect(),
        };
        values.iter().any(|value| !value.is_nan()).then_some(values)
    }

    /// Bytes of heap, capacities included.
    pub fn heap_bytes(&self) -> usize {
        let columns = self.columns.iter().flatten().map(|store| match store {
            Store::Dense(values) => values.capacity() * size_of::<f32>(),
            Store::Steps(steps) => steps.heap_bytes(),
        });
        self.at_ms.capacity() * size_of::<u64>() + columns.sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
