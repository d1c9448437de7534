//! Reads recordings of `llmosctl record` as the agent makes series of them for its model.

use std::path::Path;

use llmos_engine::forecast::Resource;
use llmos_recording::{Reader, Tail};

use super::TraceError;
use super::series::{Column, Rows, Series, Unit};

/// What is read, in this order.
const NUMBERS: [&str; 5] = [
    "cpu_cores",
    "memory_bytes",
    "working_set_bytes",
    "rx_bytes_per_s",
    "tx_bytes_per_s",
];
/// What becomes of it.
const SIGNALS: [Column; 3] = [
    ("cpu", Resource::Cpu),
    ("mem", Resource::Memory),
    ("net", Resource::Network),
];

/// All usable series of a recording, and why it is not whole, if it is not.
pub fn read(path: &Path, family: &str) -> Result<(Vec<Series>, Option<String>), TraceError> {
    let mut reader = Reader::open(path)?;
    let step_s = reader.info().tick_ms as f64 / 1000.0;
    if step_s <= 0.0 {
        let cause = "a recording with a tick of 0 ms, expected a longer one";
        return Err(TraceError::malformed(path, cause));
    }
    let mut found = Vec::new();
    for workload in reader.series(&NUMBERS, |_, _| true)? {
        let name = format!("{}@{}", workload.cgroup, workload.workload);
        let columns = signals(&workload.values);
        // A clock that was set back begins a new series: what lies between the two is not known.
        for run in rising(&workload.at_unix_ms) {
            let rows = Rows {
                name: name.clone(),
                t: workload.at_unix_ms[run.clone()]
                    .iter()
                    .map(|at| *at as f64 / 1000.0)
                    .collect(),
                columns: columns.iter().map(|c| c[run.clone()].to_vec()).collect(),
                limits: Vec::new(),
            };
            let series = rows.series(family, &SIGNALS, Some(step_s), Unit::Engine);
            let wrong = |error| TraceError::malformed(path, format!("series {name:?}: {error}"));
            found.extend(series.map_err(wrong)?);
        }
    }
    let cut = match reader.tail() {
        Some(Tail::Cut { cause }) => Some(cause.clone()),
        Some(Tail::Whole) | None => None,
    };
    Ok((found, cut))
}

/// The working set where it is known, else memory; traffic in plus out where both are known.
fn signals(numbers: &[Vec<Option<f64>>]) -> Vec<Vec<Option<f64>>> {
    let [cpu, memory, working_set, rx, tx] = numbers else {
        return Vec::new();
    };
    let or = |(a, b): (&Option<f64>, &Option<f64>)| a.or(*b);
    let sum = |(a, b): (&Option<f64>, &Option<f64>)| Some((*a)? + (*b)?);
    vec![
        cpu.clone(),
        working_set.iter().zip(memory).map(or).collect(),
        rx.iter().zip(tx).map(sum).collect(),
    ]
}

/// Ranges in which the clock rises.
fn rising(clock: &[i64]) -> Vec<std::ops::Range<usize>> {
    let mut begin = 0;
    let runs = clock.chunk_by(|a, b| a < b).map(|run| {
        let range = begin..begin + run.len();
        begin = range.end;
        range
    });
    runs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_begins_a_new_run() {
        assert_eq!(rising(&[1, 2, 5, 5, 6, 3]), [0..3, 3..5, 5..6]);
        assert!(rising(&[]).is_empty());
    }

    #[test]
    fn half_of_the_traffic_is_not_the_traffic() {
        let made = signals(&[
            vec![Some(1.0), None],
            vec![Some(5.0), Some(6.0)],
            vec![Some(4.0), None],
            vec![Some(1.0), Some(1.0)],
            vec![Some(2.0), None],
        ]);
        assert_eq!(made[0], [Some(1.0), None]);
        assert_eq!(made[1], [Some(4.0), Some(6.0)]);
        assert_eq!(made[2], [Some(3.0), None]);
    }
}
