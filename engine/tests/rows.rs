//! Bookkeeping of the batch: whose state is whose, who drives, and what a bad model can do.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::collections::BTreeMap;

use common::{NODE, SECOND, UNLIMITED};
use llmos_engine::forecast::expert::Expert;
use llmos_engine::forecast::{
    Model, ModelError, OUTPUTS, Observation, Resource, SeriesForecaster, Source, StateRows, Told,
    features,
};
use llmos_engine::policy::Policy;
use llmos_engine::sample::{Limits, RawSample};
use llmos_engine::units::{Bytes, CgroupId, Cores, Timestamp};
use llmos_engine::{Engine, TickInput, WorkloadInput};

/// Counts its steps per row in the row's state and answers with one and a hundred-thousandth of
/// that count in every output: good enough to drive a constant series, and a forecast tells whose
/// state it came from. Fails on demand.
struct Counting {
    fail: bool,
    /// A row that gets a NaN.
    poison: Option<usize>,
}

impl Model for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn state_width(&self) -> usize {
        2
    }

    fn step(
        &mut self,
        rows: usize,
        features: &[f32],
        state: &mut StateRows,
        outputs: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        assert_eq!(features.len(), rows * features::COUNT);
        assert_eq!((state.h.len(), state.c.len()), (rows * 2, rows * 2));
        if self.fail {
            return Err(ModelError::Failed("out of luck".to_owned()));
        }
        outputs.clear();
        for row in 0..rows {
            state.h[row * 2] += 1.0;
            state.c[row * 2 + 1] += 1.0;
            assert!(
                (state.h[row * 2] - state.c[row * 2 + 1]).abs() < 1e-6,
                "h and c belong together"
            );
            let answer = if self.poison == Some(row) {
                f32::NAN
            } else {
                1.0 + state.h[row * 2] / 1e5
            };
            outputs.extend([answer; OUTPUTS]);
        }
        Ok(())
    }
}

const GOOD: Counting = Counting {
    fail: false,
    poison: None,
};

fn seen(id: u64, cpu: f64) -> Observation {
    Observation {
        id: CgroupId(id),
        cpu: Some(cpu),
        memory: None,
        network: None,
    }
}

/// The count in what the model says of a workload whose scale is 1 core.
fn count(series: &SeriesForecaster, id: u64) -> f64 {
    let (id, cpu) = (CgroupId(id), Resource::Cpu);
    let statements = series.statements(id, cpu).expect("statements");
    let model = statements[Expert::Model as usize].expect("a warm model");
    (model[0][0] - 1.0) * 1e5
}

#[test]
fn state_stays_with_its_workload_when_others_go() {
    let mut series = SeriesForecaster::with_statements(1.0);
    let mut model = GOOD;
    let all = |ids: &[u64]| ids.iter().map(|id| seen(*id, 1.0)).collect::<Vec<_>>();
    // Workloads come ten ticks apart, so each has a count of its own.
    let mut ids = Vec::new();
    for id in 1..=5 {
        ids.push(id);
        for _ in 0..10 {
            series
                .tick(&all(&ids), Some(&mut model))
                .expect("a good model");
        }
    }
    for _ in 0..50 {
        series
            .tick(&all(&ids), Some(&mut model))
            .expect("a good model");
    }
    // Counts are now 100, 90, 80, 70, 60.
    series
        .tick(&all(&[5, 3, 1]), Some(&mut model))
        .expect("a good model");
    assert_eq!(series.len(), 3);
    for (id, expected) in [(1, 101.0), (3, 81.0), (5, 61.0)] {
        assert!((count(&series, id) - expected).abs() < 0.1, "workload {id}");
    }
}

#[test]
fn a_young_row_is_driven_by_the_baseline() {
    let mut series = SeriesForecaster::with_statements(1.0);
    let mut model = GOOD;
    for tick in 0..29 {
        series
            .tick(&[seen(1, 0.2)], Some(&mut model))
            .expect("a good model");
        let forecast = series
            .forecast(CgroupId(1), Resource::Cpu)
            .expect("a forecast");
        assert_eq!(forecast.source, Source::Baseline, "tick {tick}");
    }
}

#[test]
fn a_failed_step_is_reported_and_the_baseline_takes_over() {
    let mut series = SeriesForecaster::with_statements(1.0);
    let mut model = GOOD;
    for _ in 0..100 {
        series
            .tick(&[seen(1, 1.0)], Some(&mut model))
            .expect("a good model");
    }
    assert!((count(&series, 1) - 100.0).abs() < 0.1);
    model.fail = true;
    let failed = series.tick(&[seen(1, 1.0)], Some(&mut model));
    assert_eq!(failed, Err(ModelError::Failed("out of luck".to_owned())));
    let forecast = series
        .forecast(CgroupId(1), Resource::Cpu)
        .expect("a forecast");
    assert_eq!(forecast.source, Source::Baseline);
    assert!((forecast.at(0, 0.95) - 1.0).abs() < 0.1, "{forecast:?}");
    // Back again, with a state that was taken through the last half minute.
    model.fail = false;
    series
        .tick(&[seen(1, 1.0)], Some(&mut model))
        .expect("a good model");
    assert!((count(&series, 1) - 31.0).abs() < 0.1);
    // One that fails again and again is not taken through it each time.
    model.fail = true;
    assert!(series.tick(&[seen(1, 1.0)], Some(&mut model)).is_err());
    model.fail = false;
    series
        .tick(&[seen(1, 1.0)], Some(&mut model))
        .expect("a good model");
    let statements = series.statements(CgroupId(1), Resource::Cpu);
    assert!(statements.is_some_and(|said| said[Expert::Model as usize].is_none()));
}

#[test]
fn one_bad_row_does_not_harm_its_neighbours() {
    let mut series = SeriesForecaster::with_statements(1.0);
    let mut model = GOOD;
    let both = [seen(1, 1.0), seen(2, 1.0)];
    for _ in 0..100 {
        series.tick(&both, Some(&mut model)).expect("a good model");
    }
    model.poison = Some(0);
    assert_eq!(
        series.tick(&both, Some(&mut model)),
        Err(ModelError::NotFinite { row: 0 })
    );
    let bad = series
        .forecast(CgroupId(1), Resource::Cpu)
        .expect("a forecast");
    assert_eq!(bad.source, Source::Baseline);
    assert!((count(&series, 2) - 101.0).abs() < 0.1);
}

#[test]
fn a_workload_that_is_gone_leaves_nothing_behind() {
    let mut engine = Engine::new(1.0);
    let policy = Policy::default();
    let mut tick = |now_s: u64, ids: &[u64]| {
        let sample = RawSample {
            at: Timestamp(now_s * SECOND),
            cpu_ns: Some(now_s),
            ..Default::default()
        };
        let workload = |id: &u64| WorkloadInput {
            id: CgroupId(*id),
            sample: &sample,
            limits: UNLIMITED,
            memory_served: false,
            policy: &policy,
        };
        let workloads = ids.iter().map(workload).collect();
        let report = engine.tick(
            TickInput {
                now: Timestamp(now_s * SECOND),
                node: NODE,
                workloads,
            },
            None,
        );
        assert_eq!(
            report
                .workloads
                .iter()
                .map(|found| found.id.0)
                .collect::<Vec<_>>(),
            ids
        );
        engine.len()
    };
    assert_eq!(tick(1, &[3, 1, 2]), 3);
    assert_eq!(tick(2, &[2]), 1);
    assert_eq!(tick(3, &[]), 0);
}

/// One tick of an engine with these workloads, each with a wave of its own; the third has network
/// traffic from the tenth tick on.
fn waves(engine: &mut Engine, policy: &Policy, tick: u64, ids: &[u64]) -> BTreeMap<u64, String> {
    let now = Timestamp(tick * SECOND);
    let sample = |id: &u64| RawSample {
        at: now,
        cpu_ns: Some(tick * id * SECOND / 10 + (tick * 7919 * id) % SECOND),
        memory_current: Some(Bytes((id << 24) + (((tick * id) % 13) << 20))),
        rx_bytes: Some(if *id == 3 && tick > 10 {
            tick * 1000
        } else {
            0
        }),
        tx_bytes: Some(0),
        ..Default::default()
    };
    let samples: Vec<_> = ids.iter().map(sample).collect();
    let workload = |(id, sample)| WorkloadInput {
        id: CgroupId(id),
        sample,
        limits: Limits {
            cpu: Some(Cores(f64::INFINITY)),
            memory_high: Some(Bytes(u64::MAX)),
            ..UNLIMITED
        },
        memory_served: false,
        policy,
    };
    let workloads = ids.iter().copied().zip(&samples).map(workload).collect();
    let node = NODE;
    let input = TickInput {
        now,
        node,
        workloads,
    };
    let report = engine.tick(input, None);
    let found = report.workloads.iter();
    let found = found.map(|found| (found.id.0, format!("{found:?}")));
    let found = found.collect();
    engine.recycle(report);
    found
}

#[test]
fn what_is_found_does_not_depend_on_the_order_of_the_input() {
    let policy = Policy::default();
    let (mut straight, mut turned) = (Engine::new(1.0), Engine::new(1.0));
    for tick in 1..=60 {
        // Workload `id` is away every now and then; what it was is forgotten.
        let here = |id: &u64| !(tick + id).is_multiple_of(17);
        let ids: Vec<u64> = (1..=9).filter(here).collect();
        let mut others = ids.clone();
        match tick % 4 {
            0 => others.reverse(),
            1 => others.rotate_left(2),
            _ => {}
        }
        assert_eq!(
            waves(&mut straight, &policy, tick, &ids),
            waves(&mut turned, &policy, tick, &others),
            "tick {tick}"
        );
        assert_eq!(turned.len(), ids.len());
    }
}

#[test]
fn a_workload_that_is_there_twice_counts_once() {
    let mut series = SeriesForecaster::new(1.0);
    for (tick, network) in [None, Some(0.0), Some(5.0), Some(7.0)]
        .into_iter()
        .enumerate()
    {
        let one = Observation {
            network,
            ..seen(1, 1.0)
        };
        series.tick(&[one, one], None).expect("no model, no error");
        assert_eq!(series.len(), if tick < 2 { 1 } else { 2 });
        assert_eq!(series.told(0), series.told(1));
        assert!(series.told(0)[0].forecast.is_some());
    }
    assert_eq!(series.told(2), [Told::default(); 3], "there is no third");
}

#[test]
fn a_thousand_short_lives_leave_no_rows() {
    let mut series = SeriesForecaster::with_statements(1.0);
    let mut model = GOOD;
    for id in 0..1_000 {
        series
            .tick(&[seen(id, 1.0), seen(id + 1, 1.0)], Some(&mut model))
            .expect("a good model");
        assert_eq!(series.len(), 2);
    }
}

#[test]
fn a_value_that_is_no_number_counts_as_missing() {
    let mut series = SeriesForecaster::with_statements(1.0);
    for bad in [f64::NAN, f64::INFINITY, -1.0] {
        series
            .tick(&[seen(1, bad)], None)
            .expect("no model, no error");
        assert!(series.is_empty());
    }
}
