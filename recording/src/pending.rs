//! Rows that wait for their batch, kept by series: in the file the rows of a series stand together,
//! so that equal neighbours compress and one series is one slice.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt64Array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Metadata, Schema, SchemaRef, TimeUnit};

use crate::{Column, Tick};

/// Column of the wall clock.
pub const AT: &str = "at_unix_ms";
/// Column of the cgroup id.
pub const WORKLOAD: &str = "workload";
/// Column of the cgroup's path.
pub const CGROUP: &str = "cgroup";
const UTC: &str = "UTC";

/// The schema of a recording with these columns of numbers.
pub fn schema(columns: &[Column], metadata: Metadata) -> SchemaRef {
    let clock = DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into()));
    let path = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let key = |name: &str, kind, meaning: &str| {
        let meaning = [("meaning".to_owned(), meaning.to_owned())];
        Field::new(name, kind, false).with_metadata(meaning.into_iter().collect::<Metadata>())
    };
    let keys = [
        key(AT, clock, "wall clock of the tick, since 1970"),
        key(
            WORKLOAD,
            DataType::UInt64,
            "cgroup id, never used again while the node is up",
        ),
        key(CGROUP, path, "path below the cgroup root"),
    ];
    let numbers = columns.iter().map(Column::field);
    let fields: Vec<Field> = keys.into_iter().chain(numbers).collect();
    Arc::new(Schema::new(fields).with_metadata(metadata))
}

/// Rows of one workload under one path.
struct Series {
    workload: u64,
    cgroup: String,
    at: Vec<i64>,
    /// Row by row; NaN is unknown.
    values: Vec<f64>,
}

/// See the module.
pub struct Pending {
    schema: SchemaRef,
    width: usize,
    series: Vec<Series>,
    /// Where the newest series of a workload stands.
    newest: HashMap<u64, usize>,
    rows: usize,
    first_unix_ms: Option<i64>,
}

impl Pending {
    pub fn new(schema: SchemaRef, width: usize) -> Self {
        Self {
            schema,
            width,
            series: Vec::new(),
            newest: HashMap::new(),
            rows: 0,
            first_unix_ms: None,
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Wall clock of the first tick, milliseconds since 1970.
    pub fn first_unix_ms(&self) -> Option<i64> {
        self.first_unix_ms
    }

    /// Adds a tick that is later than the last one. Of rows with the same workload the first counts.
    pub fn add(&mut self, tick: &Tick) {
        let at = tick.at_unix_ms;
        self.first_unix_ms.get_or_insert(at);
        for (workload, cgroup, values) in tick.rows() {
            let series = self.series_of(workload, cgroup);
            if series.at.last() == Some(&at) {
                continue;
            }
            series.at.push(at);
            series.values.extend_from_slice(values);
            self.rows += 1;
        }
    }

    fn series_of(&mut self, workload: u64, cgroup: &str) -> &mut Series {
        let known = self.newest.get(&workload).copied();
        let same = |at: &usize| self.series.get(*at).is_some_and(|s| s.cgroup == cgroup);
        let at = known.filter(same).unwrap_or_else(|| {
            self.series.push(Series {
                workload,
                cgroup: cgroup.to_owned(),
                at: Vec::new(),
                values: Vec::new(),
            });
            self.newest.insert(workload, self.series.len() - 1);
            self.series.len() - 1
        });
        &mut self.series[at]
    }

    /// Takes all rows, ordered by path, then workload, then time.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut series = std::mem::take(&mut self.series);
        self.newest.clear();
        self.rows = 0;
        self.first_unix_ms = None;
        series.sort_by(|a, b| (&a.cgroup, a.workload).cmp(&(&b.cgroup, b.workload)));

        let at: Vec<i64> = series.iter().flat_map(|s| s.at.iter().copied()).collect();
        let ids = series.iter().flat_map(|s| s.at.iter().map(|_| s.workload));
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(TimestampMillisecondArray::from(at).with_timezone(UTC)),
            Arc::new(UInt64Array::from_iter_values(ids)),
            Arc::new(paths(&series)?),
        ];
        for column in 0..self.width {
            let values = series
                .iter()
                .flat_map(|s| s.values.chunks_exact(self.width))
                .map(|row| row.get(column).copied().unwrap_or(f64::NAN));
            arrays.push(Arc::new(numbers(values.collect())));
        }
        RecordBatch::try_new(self.schema.clone(), arrays)
    }
}

/// Each path once, and for each row which one. As long as the workloads stay the same the paths are
/// the same from batch to batch, and Arrow writes them only once.
fn paths(series: &[Series]) -> Result<DictionaryArray<Int32Type>, ArrowError> {
    let mut paths: Vec<&str> = series.iter().map(|s| s.cgroup.as_str()).collect();
    paths.dedup();
    let mut keys = Vec::new();
    let mut key = 0;
    for (at, series_here) in series.iter().enumerate() {
        if at > 0
            && series
                .get(at - 1)
                .is_some_and(|last| last.cgroup != series_here.cgroup)
        {
            key += 1;
        }
        keys.extend(std::iter::repeat_n(key, series_here.at.len()));
    }
    DictionaryArray::try_new(Int32Array::from(keys), Arc::new(StringArray::from(paths)))
}

/// NaN becomes null; below a null stands zero, which compresses best.
fn numbers(values: Vec<f64>) -> Float64Array {
    let known = BooleanBuffer::from_iter(values.iter().map(|v| !v.is_nan()));
    let values = values.into_iter().map(|v| if v.is_nan() { 0.0 } else { v });
    Float64Array::new(
        values.collect::<ScalarBuffer<f64>>(),
        Some(NullBuffer::new(known)),
    )
}
