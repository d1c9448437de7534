//! Series of which the right figures are known by hand, through the engine's own forecaster.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::convert::Infallible;
use std::path::Path;

use llmos_engine::forecast::{Model, ModelError, OUTPUTS, Resource, StateRows, features};
use llmos_forecaster::TractModel;
use llmos_replay::forecast::{Error, Options, run};
use llmos_replay::score::{Facts, Kind, SeriesScore, groups, report};
use llmos_replay::trace::{Series, Unit};
use serde_json::{Map, Value};

fn series(family: &str, values: impl IntoIterator<Item = f64>) -> Series {
    Series {
        family: family.to_owned(),
        name: "a".to_owned(),
        column: "cpu",
        resource: Resource::Cpu,
        step_s: 1.0,
        unit: Unit::Unknown,
        in_force: Vec::new(),
        values: values.into_iter().map(Some).collect(),
    }
}

fn without_model(series: &[Series], threads: usize) -> Vec<SeriesScore> {
    let load = || Ok::<_, Infallible>(None);
    run(series, Options { threads }, load, |_, _| ()).expect("runs")
}

fn figures(scores: &[SeriesScore], series: &[Series]) -> Map<String, Value> {
    let facts = Facts {
        model: None,
        horizons: vec![0, 1],
        series: series.len(),
        ticks: series.iter().map(|s| s.values.len()).sum(),
    };
    report(&groups(scores), &facts)
}

fn near(figures: &Map<String, Value>, name: &str, expected: f64) {
    let found = figures.get(name).and_then(Value::as_f64);
    let found = found.unwrap_or_else(|| panic!("no number {name}"));
    assert!(
        (found - expected).abs() <= 1e-5 * expected.abs().max(1e-3),
        "{name} is {found}, expected {expected}"
    );
}

/// Two ticks of each ten at 1, the others at 0.2; the evaluation part begins with a period.
fn pulses(n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(|t| if t % 10 < 2 { 1.0 } else { 0.2 })
}

#[test]
fn figures_of_a_pulse_are_those_found_by_hand() {
    // 1,000 ticks, scored are 700 to 994 at horizon 5 and 700 to 969 at horizon 30.
    let all = [series("pulse", pulses(1000))];
    let found = figures(&without_model(&all, 1), &all);
    // The window t+1 ..= t+5 holds a pulse unless t mod 10 is 1, 2, 3 or 4: peaks of 1 in 6 of 10
    // places. Of 295 ticks 29 periods are whole, the last half one adds places 0 to 4: 175 peaks
    // of 1, 120 of 0.2.
    let (high, low) = (175.0 / 295.0, 120.0 / 295.0);
    // The last value is 1 at places 0 and 1. At 0 the peak is 1, at 1 it is 0.2; elsewhere the
    // value is 0.2, with a peak of 1 at 5 to 9. Sum of the four quantiles: 3.34 above, 0.66 below.
    let (over, under) = (30.0 / 295.0, 145.0 / 295.0);
    near(
        &found,
        "families.pulse/cpu.losses.last",
        0.8 * (0.66 * over + 3.34 * under) / 4.0,
    );
    near(&found, "families.pulse/cpu.miss_rates.last", under);
    near(
        &found,
        "families.pulse/cpu.over_provisions.last",
        80.0 * (over - under),
    );
    // Twelve values always hold a pulse.
    near(
        &found,
        "families.pulse/cpu.losses.recent_max",
        0.8 * low * 0.66 / 4.0,
    );
    near(&found, "families.pulse/cpu.miss_rates.recent_max", 0.0);
    near(
        &found,
        "families.pulse/cpu.over_provisions.recent_max",
        80.0 * low,
    );
    // Six of ten past peaks are 1, so each quantile of them is.
    near(
        &found,
        "families.pulse/cpu.losses.past_peaks",
        0.8 * low * 0.66 / 4.0,
    );
    // At horizon 30 each peak is 1, and those who say so make no error.
    near(&found, "families.pulse/cpu.h30.losses.recent_max", 0.0);
    near(
        &found,
        "families.pulse/cpu.h30.losses.last",
        0.8 * 0.8 * 3.34 / 4.0,
    );
    assert_eq!(
        found["families.pulse/cpu.h30.pinball_ratio"],
        Value::Null,
        "nothing to beat"
    );
    assert!(high > low);
    // A family of one resource is that resource.
    for key in [
        "losses.last",
        "pinball_ratio",
        "best_baseline",
        "coverage_err_pp.q0.95",
    ] {
        let of = |group: &str| &found[&format!("families.{group}.{key}")];
        assert_eq!(of("pulse"), of("pulse/cpu"), "{key}");
    }
    near(&found, "ticks", 1000.0);
}

#[test]
fn a_constant_is_forecast_without_error_and_counts_as_no_copy() {
    let all = [series("flat", [0.4; 400])];
    let found = figures(&without_model(&all, 1), &all);
    near(&found, "families.flat/cpu.miss_rate", 0.0);
    near(&found, "families.flat/cpu.over_provision", 0.0);
    assert_eq!(found["copier_share"], Value::Null);
}

#[test]
fn each_series_counts_the_same_whatever_its_length() {
    let long = [series("f", pulses(5000))];
    let mut other = series("f", pulses(1000));
    other
        .values
        .iter_mut()
        .flatten()
        .for_each(|value| *value *= 7.0);
    let short = [other];
    let one = figures(&without_model(&long, 1), &long);
    let two = figures(&without_model(&short, 1), &short);
    let both = [long[0].clone(), short[0].clone()];
    let found = figures(&without_model(&both, 1), &both);
    for name in [
        "losses.last",
        "losses.system",
        "miss_rates.ewma_dev",
        "over_provision",
    ] {
        let name = format!("families.f/cpu.{name}");
        let mean =
            (one[&name].as_f64().expect("a number") + two[&name].as_f64().expect("a number")) / 2.0;
        near(&found, &name, mean);
    }
}

#[test]
fn the_state_is_that_of_the_whole_past_and_only_the_last_part_is_scored() {
    // Until shortly before the cut at 700 the series is as high as it ever gets; a forecaster that
    // began at the cut would not know.
    let calm = |t: usize| if t < 690 { 1.0 } else { 0.5 };
    let all = [series("step", (0..1000).map(calm))];
    let scores = without_model(&all, 1);
    let found = figures(&scores, &all);
    assert!(
        found["families.step/cpu.over_provisions.past_peaks"]
            .as_f64()
            .expect("a number")
            > 5.0
    );
    let ticks: Vec<u64> = scores[0].methods[0]
        .tallies
        .iter()
        .map(llmos_replay::score::Tally::ticks)
        .collect();
    assert_eq!(ticks, [295, 270]);
}

/// Says the newest value for each quantile: what the time-shift test is there to catch.
#[derive(Debug)]
struct Copier;

impl Model for Copier {
    fn name(&self) -> &str {
        "copier"
    }

    fn state_width(&self) -> usize {
        1
    }

    fn step(
        &mut self,
        rows: usize,
        inputs: &[f32],
        _state: &mut StateRows,
        outputs: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        outputs.clear();
        let rows = inputs.chunks(features::COUNT).take(rows);
        outputs.extend(rows.flat_map(|row| [row[0]; OUTPUTS]));
        Ok(())
    }
}

/// Use that wanders and jumps, different for each series.
fn restless(salt: u64, n: usize) -> impl Iterator<Item = f64> {
    let mut state = salt;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    let mut level = 1.0;
    (0..n).map(move |_| {
        level = (level + 0.2 * (next() - 0.5)).clamp(0.2, 3.0);
        level + if next() < 0.03 { 1.0 } else { 0.3 * next() }
    })
}

#[test]
fn a_model_that_copies_scores_as_the_last_value_and_is_caught() {
    let all: Vec<_> = (0..5)
        .map(|salt| series("walk", restless(salt, 900)))
        .collect();
    let load = || Ok::<_, Infallible>(Some(Box::new(Copier) as Box<dyn Model>));
    let scores = run(&all, Options { threads: 1 }, load, |_, _| ()).expect("runs");
    let found = figures(&scores, &all);
    let last = found["families.walk/cpu.losses.last"]
        .as_f64()
        .expect("a number");
    near(&found, "families.walk/cpu.losses.model", last);
    near(&found, "copier_share", 1.0);
    near(&found, "families.walk.copier_share", 1.0);
}

fn artifact() -> TractModel {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/artifacts/lstm-64-32");
    TractModel::load(&dir).expect("the released model loads")
}

#[test]
fn the_number_of_threads_changes_nothing() {
    // More than one block of 64, of different lengths.
    let all: Vec<_> = (0..70)
        .map(|salt| series("f", restless(salt, 240 + 3 * salt as usize)))
        .collect();
    let with = |threads: usize| {
        let load = || Ok::<_, Infallible>(Some(Box::new(artifact()) as Box<dyn Model>));
        let scores = run(&all, Options { threads }, load, |_, _| ()).expect("runs");
        let order: Vec<usize> = scores.iter().map(|s| s.ticks).collect();
        assert!(order.is_sorted(), "in the order of the series");
        assert!(
            scores
                .iter()
                .all(|s| s.methods.iter().any(|m| m.kind == Kind::Model))
        );
        figures(&scores, &all)
    };
    assert_eq!(with(1), with(2));
}

/// Fails after some steps.
#[derive(Debug)]
struct Failing(u32);

impl Model for Failing {
    fn name(&self) -> &str {
        "failing"
    }

    fn state_width(&self) -> usize {
        1
    }

    fn step(
        &mut self,
        rows: usize,
        _: &[f32],
        _: &mut StateRows,
        outputs: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        self.0 += 1;
        if self.0 > 100 {
            return Err(ModelError::Failed("out of ideas".to_owned()));
        }
        outputs.clear();
        outputs.resize(rows * OUTPUTS, 1.0);
        Ok(())
    }
}

#[test]
fn a_model_that_fails_on_the_way_ends_the_replay() {
    let all = [series("f", pulses(400))];
    let load = || Ok::<_, Infallible>(Some(Box::new(Failing(0)) as Box<dyn Model>));
    let ended = run(&all, Options { threads: 2 }, load, |_, _| ());
    let error = ended.expect_err("is not scored");
    assert!(matches!(error, Error::Model(_)));
    assert!(
        error.to_string().contains("ended early") && error.to_string().contains("out of ideas")
    );
    let refused = run(
        &all,
        Options { threads: 1 },
        || Err(std::fmt::Error),
        |_, _| (),
    );
    assert!(matches!(refused, Err(Error::Load(_))));
}
