//! One workload over the whole recording.

use crate::Row;

/// Numbers of one workload under one path, in the order in which they were recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// cgroup id.
    pub workload: u64,
    /// Path below the cgroup root.
    pub cgroup: String,
    /// Wall clocks, milliseconds since 1970. They rise unless the node's clock was set back.
    pub at_unix_ms: Vec<i64>,
    /// For each column that was asked for, one number a tick; `None` is unknown.
    pub values: Vec<Vec<Option<f64>>>,
}

impl Series {
    pub(crate) fn new(workload: u64, cgroup: &str, columns: usize) -> Self {
        Self {
            workload,
            cgroup: cgroup.to_owned(),
            at_unix_ms: Vec::new(),
            values: vec![Vec::new(); columns],
        }
    }

    /// Appends rows; `columns` says where each column of the series stands in the batch.
    pub(crate) fn extend<'a>(
        &mut self,
        rows: impl Iterator<Item = Row<'a>>,
        columns: &[Option<usize>],
    ) {
        for row in rows {
            self.at_unix_ms.push(row.at_unix_ms());
            for (values, column) in self.values.iter_mut().zip(columns) {
                values.push(column.and_then(|column| row.value(column)));
            }
        }
    }
}
