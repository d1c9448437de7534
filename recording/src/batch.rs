//! A batch of rows as it stands in the file: rows of a series together, series ordered by path.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMillisecondType, UInt64Type};
use arrow_array::{Array, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Schema, TimeUnit};
use llmos_proto::status::{Limits, Usage};

use crate::pending::{AT, CGROUP, WORKLOAD};
use crate::{Column, Object, row};

/// Where the columns stand in a file.
#[derive(Debug)]
pub struct Layout {
    at: usize,
    workload: usize,
    cgroup: usize,
    columns: Vec<Column>,
    positions: Vec<usize>,
}

impl Layout {
    /// The error says what a recording would have, without naming the file.
    pub fn of(schema: &Schema) -> Result<Self, String> {
        let key = |name: &str, what: &str, fits: fn(&DataType) -> bool| {
            let found = schema
                .fields()
                .iter()
                .position(|field| field.name() == name);
            let at = found.ok_or_else(|| format!("no column \"{name}\""))?;
            let kind = schema.field(at).data_type();
            if fits(kind) {
                return Ok(at);
            }
            Err(format!("column \"{name}\" is {kind}, expected {what}"))
        };
        let mut layout = Self {
            at: key(AT, "Timestamp(ms)", |kind| {
                matches!(kind, DataType::Timestamp(TimeUnit::Millisecond, _))
            })?,
            workload: key(WORKLOAD, "UInt64", |kind| *kind == DataType::UInt64)?,
            cgroup: key(CGROUP, "Dictionary(Int32, Utf8)", |kind| {
                matches!(kind, DataType::Dictionary(key, value)
                    if **key == DataType::Int32 && **value == DataType::Utf8)
            })?,
            columns: Vec::new(),
            positions: Vec::new(),
        };
        for (at, field) in schema.fields().iter().enumerate() {
            if let Some(column) = Column::of(field) {
                layout.columns.push(column);
                layout.positions.push(at);
            }
        }
        Ok(layout)
    }

    /// The columns of numbers.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

/// Some rows of a recording; within each series time rises.
#[derive(Debug, Clone)]
pub struct Batch {
    layout: Arc<Layout>,
    at: ScalarBuffer<i64>,
    workload: ScalarBuffer<u64>,
    keys: Int32Array,
    paths: StringArray,
    numbers: Vec<Float64Array>,
}

impl Batch {
    pub(crate) fn new(batch: &RecordBatch, layout: Arc<Layout>) -> Result<Self, String> {
        // Arrow holds each batch to the schema, which was looked at before: none of these can fail.
        let array = |at| batch.columns().get(at).ok_or("a batch lacks a column");
        let at = array(layout.at)?.as_primitive_opt::<TimestampMillisecondType>();
        let workload = array(layout.workload)?.as_primitive_opt::<UInt64Type>();
        let cgroup = array(layout.cgroup)?.as_dictionary_opt::<Int32Type>();
        let paths = cgroup.and_then(|d| d.values().as_string_opt::<i32>());
        let numbers = layout.positions.iter().map(|position| {
            let array = array(*position)?.as_primitive_opt::<Float64Type>();
            array.cloned().ok_or("a batch has another type")
        });
        let numbers = numbers.collect::<Result<_, _>>()?;
        match (at, workload, cgroup, paths) {
            (Some(at), Some(workload), Some(cgroup), Some(paths)) => Ok(Self {
                layout,
                at: at.values().clone(),
                workload: workload.values().clone(),
                keys: cgroup.keys().clone(),
                paths: paths.clone(),
                numbers,
            }),
            _ => Err("a batch has another type".to_owned()),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// No rows.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The columns of numbers.
    pub fn columns(&self) -> &[Column] {
        self.layout.columns()
    }

    /// In how many rows the number in the column with this position is known.
    pub fn known(&self, column: usize) -> usize {
        let numbers = self.numbers.get(column);
        numbers.map_or(0, |numbers| numbers.len() - numbers.null_count())
    }

    /// The row with this number, from 0.
    pub fn row(&self, row: usize) -> Option<Row<'_>> {
        (row < self.len()).then_some(Row { batch: self, row })
    }

    /// All rows as they stand: by series.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|row| Row { batch: self, row })
    }

    /// The rows of each series.
    pub fn series(&self) -> impl Iterator<Item = Range<usize>> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let begin = next;
            let name = |row: usize| Some((self.workload.get(row)?, self.keys.values().get(row)?));
            let this = name(begin)?;
            next = (begin..self.len())
                .find(|row| name(*row) != Some(this))
                .unwrap_or(self.len());
            Some(begin..next)
        })
    }

    /// The ticks in their order, each with its wall clock and its rows.
    pub fn ticks(&self) -> Vec<(i64, Vec<Row<'_>>)> {
        let mut rows: Vec<Row<'_>> = self.rows().collect();
        // Stable, so that rows of a tick keep the order of paths.
        rows.sort_by_key(Row::at_unix_ms);
        let ticks = rows.chunk_by(|a, b| a.at_unix_ms() == b.at_unix_ms());
        ticks
            .filter_map(|rows| Some((rows.first()?.at_unix_ms(), rows.to_vec())))
            .collect()
    }
}

/// One workload at one tick.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    batch: &'a Batch,
    row: usize,
}

impl<'a> Row<'a> {
    /// Wall clock of the tick, milliseconds since 1970.
    pub fn at_unix_ms(&self) -> i64 {
        self.batch.at.get(self.row).copied().unwrap_or_default()
    }

    /// cgroup id.
    pub fn workload(&self) -> u64 {
        self.batch
            .workload
            .get(self.row)
            .copied()
            .unwrap_or_default()
    }

    /// Path below the cgroup root.
    pub fn cgroup(&self) -> &'a str {
        let key = self
            .batch
            .keys
            .is_valid(self.row)
            .then(|| self.batch.keys.value(self.row));
        let key = key.and_then(|key| usize::try_from(key).ok());
        let paths = &self.batch.paths;
        key.filter(|key| *key < paths.len())
            .map_or("", |key| paths.value(key))
    }

    /// The number in the column with this position in [`Batch::columns`].
    pub fn value(&self, column: usize) -> Option<f64> {
        let numbers = self.batch.numbers.get(column)?;
        (self.row < numbers.len() && numbers.is_valid(self.row)).then(|| numbers.value(self.row))
    }

    /// The numbers of the row's use, as the status JSON has them; a field that the file lacks is
    /// absent.
    pub fn usage(&self) -> Usage {
        row::object(self.numbers(Object::Usage))
    }

    /// The limits that were in force.
    pub fn limits(&self) -> Limits {
        row::object(self.numbers(Object::Limits))
    }

    fn numbers(&self, wanted: Object) -> impl Iterator<Item = (&'a str, f64)> {
        let columns = self.batch.layout.columns.iter().enumerate();
        columns.filter_map(move |(at, column)| {
            let (object, field) = column.source();
            Some((field, self.value(at).filter(|_| object == wanted)?))
        })
    }
}
