//! Tests of the series: gaps, bounds, joined points, memory.

use super::*;
use crate::fleet::{Quantile, Resource, SLOTS};

const GAP_MS: u64 = 3_000;

fn cpu(value: f64) -> Row {
    let mut row = Row::gap();
    row.set(Column::Cpu, Some(value));
    row
}

fn bits(values: &[f32]) -> Vec<Option<f32>> {
    values
        .iter()
        .map(|value| (!value.is_nan()).then_some(*value))
        .collect()
}

#[test]
fn a_silence_becomes_a_row_without_values() {
    let (mut series, bounds) = (Series::default(), Bounds::default());
    for at in [1_000, 2_000, 10_000] {
        assert_eq!(series.push(at, cpu(1.0), GAP_MS, &bounds), Pushed::Stored);
    }
    assert_eq!(series.times(0), [1_000, 2_000, 2_001, 10_000]);
    let values = series.column(Column::Cpu, 0).unwrap();
    assert_eq!(bits(&values), [Some(1.0), Some(1.0), None, Some(1.0)]);
}

#[test]
fn an_absent_value_is_absent_and_a_zero_is_a_zero() {
    let (mut series, bounds) = (Series::default(), Bounds::default());
    series.push(1_000, Row::gap(), GAP_MS, &bounds);
    series.push(2_000, cpu(0.0), GAP_MS, &bounds);
    let values = series.column(Column::Cpu, 0).unwrap();
    assert_eq!(bits(&values), [None, Some(0.0)]);
    assert_eq!(series.column(Column::Memory, 0), None);
}

#[test]
fn old_points_leave_by_count_and_by_age() {
    let bounds = Bounds {
        max_points: 10,
        window_ms: 5_000,
        ..Bounds::default()
    };
    let mut series = Series::default();
    for tick in 1..=100 {
        series.push(tick * 1_000, cpu(tick as f64), GAP_MS, &bounds);
    }
    assert_eq!(
        series.times(0),
        (95..=100).map(|tick| tick * 1_000).collect::<Vec<_>>()
    );
    let bounds = Bounds {
        max_points: 3,
        ..bounds
    };
    series.push(101_000, cpu(101.0), GAP_MS, &bounds);
    assert_eq!(series.len(), 3);
    assert_eq!(series.column(Column::Cpu, 0).unwrap(), [99.0, 100.0, 101.0]);
}

#[test]
fn fast_ticks_share_a_point_that_keeps_the_peak_use_and_the_last_limit() {
    let (mut series, bounds) = (Series::default(), Bounds::default());
    for tick in 0..100u64 {
        let mut row = cpu(if tick % 10 == 3 { 2.0 } else { 0.5 });
        row.set(Column::CpuLimit, Some(tick as f64));
        row.set(
            Column::Forecast(Resource::Cpu, 0, Quantile::Q95),
            Some(tick as f64),
        );
        series.push(1_000_000 + tick * 100, row, GAP_MS, &bounds);
    }
    assert_eq!(series.len(), 10);
    assert!(
        series
            .column(Column::Cpu, 0)
            .unwrap()
            .iter()
            .all(|value| (*value - 2.0).abs() < 1e-6)
    );
    let last_of_each: Vec<f32> = (0..10).map(|point| (point * 10 + 9) as f32).collect();
    assert_eq!(series.column(Column::CpuLimit, 0).unwrap(), last_of_each);
    let q95 = Column::Forecast(Resource::Cpu, 0, Quantile::Q95);
    assert_eq!(series.column(q95, 0).unwrap(), last_of_each);
}

#[test]
fn a_point_that_is_not_newer_is_left_out() {
    let (mut series, bounds) = (Series::default(), Bounds::default());
    series.push(5_000, cpu(1.0), GAP_MS, &bounds);
    assert_eq!(series.push(5_000, cpu(2.0), GAP_MS, &bounds), Pushed::Old);
    assert_eq!(series.push(4_000, cpu(2.0), GAP_MS, &bounds), Pushed::Old);
    assert_eq!(series.column(Column::Cpu, 0).unwrap(), [1.0]);
}

#[test]
fn a_reader_gets_what_is_at_or_after_the_asked_time() {
    let (mut series, bounds) = (Series::default(), Bounds::default());
    for tick in 1..=10 {
        let mut row = cpu(tick as f64);
        row.set(Column::CpuLimit, Some(4.0));
        series.push(tick * 1_000, row, GAP_MS, &bounds);
    }
    assert_eq!(series.times(9_000), [9_000, 10_000]);
    assert_eq!(series.column(Column::Cpu, 9_000).unwrap(), [9.0, 10.0]);
    assert_eq!(series.column(Column::CpuLimit, 9_000).unwrap(), [4.0, 4.0]);
    assert!(series.times(11_000).is_empty());
}

#[test]
fn a_column_that_starts_late_is_absent_before() {
    let (mut series, bounds) = (Series::default(), Bounds::default());
    series.push(1_000, cpu(1.0), GAP_MS, &bounds);
    let mut row = cpu(2.0);
    row.set(Column::Memory, Some(7.0));
    series.push(2_000, row, GAP_MS, &bounds);
    assert_eq!(
        bits(&series.column(Column::Memory, 0).unwrap()),
        [None, Some(7.0)]
    );
}

/// The promise in [`Bounds`]: 450 kB for a workload-hour with every column in use, limits that
/// change each minute included.
#[test]
fn an_hour_of_one_workload() {
    let bounds = Bounds::default();
    let (mut full, mut cpu_only) = (Series::default(), Series::default());
    for tick in 0..5_000u64 {
        let mut row = cpu(1.0);
        cpu_only.push(tick * 1_000, row, GAP_MS, &bounds);
        for column in [
            Column::Memory,
            Column::WorkingSet,
            Column::Rx,
            Column::Tx,
            Column::Throttled,
            Column::MemoryStall,
        ] {
            row.set(column, Some(1.0));
        }
        for column in [
            Column::CpuLimit,
            Column::MemoryHigh,
            Column::MemoryMax,
            Column::CpuTarget,
            Column::MemoryHighTarget,
            Column::MemoryMaxTarget,
        ] {
            row.set(column, Some((tick / 60) as f64));
        }
        for resource in [Resource::Cpu, Resource::Memory, Resource::Network] {
            for slot in 0..SLOTS {
                for quantile in [Quantile::Q50, Quantile::Q95, Quantile::Q99] {
                    row.set(Column::Forecast(resource, slot, quantile), Some(1.0));
                }
            }
        }
        full.push(tick * 1_000, row, GAP_MS, &bounds);
    }
    assert_eq!(full.len(), 3_600);
    let (full, cpu_only) = (full.heap_bytes(), cpu_only.heap_bytes());
    println!("bytes per workload-hour: all columns {full}, cpu only {cpu_only}");
    assert!(full <= 450_000, "{full}");
    assert!(cpu_only <= 50_000, "{cpu_only}");
}
