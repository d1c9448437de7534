//! What goes in comes out: any ticks, any values, any batch borders.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{info, read_all};
use llmos_recording::{BATCH_MS, BATCH_ROWS, Column, Reader, Tail, Writer};
use proptest::prelude::*;

/// Number of columns of this release.
fn width() -> usize {
    Column::all().len()
}

/// One row: workload, path, a number or nothing for each column.
type Row = (u64, String, Vec<Option<f64>>);

/// Wall clock and numbers of one row of a series.
type Point = (i64, Vec<Option<f64>>);

fn number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        Just(Some(0.0)),
        Just(Some(-0.0)),
        Just(Some(f64::MIN_POSITIVE)),
        Just(Some(f64::MAX)),
        (0..1_u64 << 53).prop_map(|n| Some(n as f64)),
        prop::num::f64::NORMAL.prop_map(Some),
    ]
}

fn tick() -> impl Strategy<Value = (i64, Vec<Row>)> {
    let row = (
        prop_oneof![0..5_u64, any::<u64>()],
        prop_oneof![Just(String::new()), "[a-c]/[\\PC]{0,12}"],
        prop::collection::vec(number(), width()),
    );
    // Steps forward, standing still, far jumps and a clock that is set back.
    let step = prop_oneof![900..1100_i64, Just(0), Just(-5_000), 0..3 * BATCH_MS];
    let rows = prop::collection::btree_map(row.0, (row.1, row.2), 0..6);
    let rows = rows.prop_map(|rows| rows.into_iter().map(|(id, (p, v))| (id, p, v)).collect());
    (step, rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_number_of_every_tick_comes_back(ticks in prop::collection::vec(tick(), 0..40)) {
        let columns = Column::all();
        let mut writer = Writer::new(Vec::new(), &info(), columns.clone()).expect("begins");
        let mut tick = writer.tick();
        let mut at = 1_700_000_000_000;
        let mut wanted: BTreeMap<(String, u64), Vec<Point>> = BTreeMap::new();
        let mut last = None;
        for (step, rows) in &ticks {
            at += step;
            tick.restart(at);
            for (id, cgroup, values) in rows {
                let mut row = tick.push(*id, cgroup);
                for (column, value) in columns.iter().zip(values) {
                    if let Some(value) = value {
                        prop_assert!(row.set(&column.name, *value));
                    }
                }
            }
            let new = writer.push(&tick).expect("takes it");
            prop_assert_eq!(new, last != Some(at));
            last = Some(at);
            if new {
                for (id, cgroup, values) in rows {
                    let series = wanted.entry((cgroup.clone(), *id)).or_default();
                    series.push((at, values.clone()));
                }
            }
        }
        let file = writer.finish().expect("ends");

        let mut reader = Reader::new(file.as_slice(), Path::new("memory")).expect("opens");
        prop_assert_eq!(reader.info(), &info());
        prop_assert_eq!(reader.columns(), columns.as_slice());
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_ref()).collect();
        let found = reader.series(&names, |_, _| true).expect("reads");
        prop_assert_eq!(reader.tail(), Some(&Tail::Whole));
        prop_assert_eq!(found.len(), wanted.len());
        for (series, ((cgroup, id), rows)) in found.iter().zip(&wanted) {
            prop_assert_eq!((&series.cgroup, series.workload), (cgroup, *id));
            let clocks: Vec<i64> = rows.iter().map(|(at, _)| *at).collect();
            prop_assert_eq!(&series.at_unix_ms, &clocks);
            for (column, values) in series.values.iter().enumerate() {
                for (value, (_, row)) in values.iter().zip(rows) {
                    let bits = |v: Option<f64>| v.map(f64::to_bits);
                    prop_assert_eq!(bits(*value), bits(row[column]));
                }
            }
        }
    }
}

#[test]
fn batches_end_after_a_minute_at_a_row_limit_and_when_the_clock_goes_back() {
    let write = |ticks: &[(i64, u64)]| {
        let columns = Column::all().into_iter().take(1).collect();
        let mut writer = Writer::new(Vec::new(), &info(), columns).expect("begins");
        let mut tick = writer.tick();
        for (at, rows) in ticks {
            tick.restart(*at);
            for id in 0..*rows {
                tick.push(id, "a");
            }
            writer.push(&tick).expect("takes it");
        }
        let file = writer.finish().expect("ends");
        let (batches, tail) = read_all(&file);
        assert_eq!(tail, Tail::Whole);
        batches
            .iter()
            .map(llmos_recording::Batch::len)
            .collect::<Vec<_>>()
    };
    let minute: Vec<(i64, u64)> = (0..=60).map(|s| (s * 1000, 2)).collect();
    assert_eq!(write(&minute), [120, 2]);
    assert_eq!(write(&[(5000, 1), (6000, 1), (5500, 1)]), [2, 1]);
    let half = BATCH_ROWS as u64 / 2;
    assert_eq!(
        write(&[(0, half), (1000, half), (2000, 1)]),
        [BATCH_ROWS, 1]
    );
    assert_eq!(write(&[]), [0; 0]);
}

#[test]
fn rows_come_by_tick_too_and_as_the_objects_of_the_status_json() {
    let file = common::small();
    let (batches, _) = read_all(&file);
    let ticks = batches[0].ticks();
    let clocks: Vec<i64> = ticks.iter().map(|(at, _)| *at).collect();
    assert_eq!(clocks, [1000, 2000, 3000].map(|ms| common::START_MS + ms));
    for (number, (at, rows)) in ticks.iter().enumerate() {
        assert!(rows.iter().all(|row| row.at_unix_ms() == *at));
        let ids: Vec<u64> = rows.iter().map(llmos_recording::Row::workload).collect();
        assert_eq!(
            ids,
            if number == 0 {
                vec![7]
            } else {
                vec![7, u64::MAX]
            }
        );
        let web = rows[0];
        assert_eq!(web.cgroup(), "a.slice/web.service");
        assert_eq!(web.usage().cpu_cores, Some(0.25 + number as f64));
        assert_eq!(web.usage().memory_bytes, Some(104_857_600));
        assert_eq!(web.usage().working_set_bytes, None);
        assert_eq!(web.limits().cpu_cores, Some(2.0));
        assert_eq!(web.limits().memory_max_bytes, None);
    }
}
