//! A windowed model gets the right window, in units of the newest scale, and its outputs fill the
//! cells that the engine wants.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::{echo, windowed};
use llmos_engine::forecast::features::{self, FeatureRow};
use llmos_engine::forecast::{Model, OUTPUTS, Resource, StateRows};
use llmos_forecaster::{LoadError, TractModel};
use serde_json::json;

/// Each output is named for one cell, so that the answer shows the window.
const CELLS: [&str; OUTPUTS] = [
    "h5_q0.5",
    "h5_q0.9",
    "h5_q0.95",
    "h5_q0.99",
    "h30_q0.5",
    "h30_q0.9",
    "h30_q0.95",
    "h30_q0.99",
];

fn zeros(model: &TractModel, rows: usize) -> StateRows {
    let width = model.state_width();
    StateRows {
        width,
        h: vec![0.0; rows * width],
        c: vec![0.0; rows * width],
    }
}

#[test]
fn the_window_holds_the_last_ticks_in_units_of_the_newest_scale() {
    let dir = windowed(&echo(4, 2), 4, &["value", "present"], &CELLS, |_| ());
    let mut model = TractModel::load(dir.path()).expect("a right model");
    let (mut state, mut y) = (zeros(&model, 1), Vec::new());
    let (mut row, mut x) = FeatureRow::start(Resource::Cpu, 1.0);
    let ticks = [Some(1.0), Some(2.0), None, Some(0.5), Some(8.0), Some(4.0)];
    // What each window holds in cores: before the first tick the series had always been so.
    let windows = [
        [1.0, 1.0, 1.0, 1.0],
        [1.0, 1.0, 1.0, 2.0],
        [1.0, 1.0, 2.0, 2.0],
        [1.0, 2.0, 2.0, 0.5],
        [2.0, 2.0, 0.5, 8.0],
        [2.0, 0.5, 8.0, 4.0],
    ];
    let present = [
        [1.0; 4],
        [1.0; 4],
        [1.0, 1.0, 1.0, 0.0],
        [1.0, 1.0, 0.0, 1.0],
        [1.0, 0.0, 1.0, 1.0],
        [0.0, 1.0, 1.0, 1.0],
    ];
    for (tick, value) in ticks.into_iter().enumerate() {
        if tick > 0 {
            x = row.step(value);
        }
        model.step(1, &x, &mut state, &mut y).expect("a step");
        let scale = row.scale();
        for at in 0..4 {
            let found = f64::from(y[2 * at]) * scale;
            assert!(
                (found - windows[tick][at]).abs() < 1e-5,
                "tick {tick}: {y:?}"
            );
            assert!(
                (y[2 * at + 1] - present[tick][at]).abs() < 1e-6,
                "tick {tick}: {y:?}"
            );
        }
    }
}

#[test]
fn rows_of_any_batch_have_windows_of_their_own() {
    let dir = windowed(&echo(8, 1), 8, &["value"], &CELLS, |_| ());
    let mut model = TractModel::load(dir.path()).expect("a right model");
    let n = 256 + 64 + 5;
    let (mut state, mut y) = (zeros(&model, n), Vec::new());
    for tick in 1..=9 {
        let mut x = vec![0.0; n * features::COUNT];
        for row in 0..n {
            x[row * features::COUNT] = (tick * 1_000 + row) as f32;
        }
        model.step(n, &x, &mut state, &mut y).expect("a step");
    }
    for row in 0..n {
        let expected: Vec<f32> = (2..=9).map(|tick| (tick * 1_000 + row) as f32).collect();
        assert_eq!(y[row * OUTPUTS..(row + 1) * OUTPUTS], expected, "row {row}");
    }
}

#[test]
fn a_point_forecast_fills_all_cells_and_claims_none() {
    let dir = windowed(&echo(1, 1), 1, &["value"], &["next"], |_| ());
    let mut model = TractModel::load(dir.path()).expect("a right model");
    assert_eq!(model.given(), [false; OUTPUTS]);
    let (mut state, mut y) = (zeros(&model, 1), Vec::new());
    let mut x = [0.0; features::COUNT];
    x[0] = 0.25;
    model.step(1, &x, &mut state, &mut y).expect("a step");
    assert_eq!(y, [0.25; OUTPUTS]);
}

#[test]
fn what_does_not_fit_a_windowed_contract_is_named() {
    let cases = [
        ("window", json!(0), "window is 0"),
        ("window", json!(1_025), "window is 1025"),
        (
            "window",
            json!(3),
            "input in is f32 [any, 4, 2], expected f32 [any, 3, 2]",
        ),
        ("features", json!([]), "features is []"),
        (
            "features",
            json!([{ "name": "value" }, { "name": "value" }]),
            "features is",
        ),
        ("features", json!([{ "name": "speed" }]), "features is"),
        (
            "features",
            json!([{ "name": "value" }, { "name": "ewma_slow" }]),
            "expected each once, of [\"value\", \"present\"",
        ),
        (
            "contract_version",
            json!(3),
            "contract_version is 3, expected one of [1, 2]",
        ),
        (
            "features",
            json!([{ "name": "value" }]),
            "input in is f32 [any, 4, 2], expected f32 [any, 4, 1]",
        ),
        ("output_order", json!([]), "output_order is []"),
        ("output_order", json!(["next", "next"]), "output_order is"),
        ("output_order", json!(["h5_q0.8"]), "output_order is"),
        (
            "output_order",
            json!(["next"]),
            "output out is f32 [any, 8], expected f32 [any, 1]",
        ),
    ];
    for (field, value, expected) in cases {
        let dir = windowed(&echo(4, 2), 4, &["value", "present"], &CELLS, |contract| {
            contract[field] = value.clone();
        });
        let error = TractModel::load(dir.path()).expect_err("it must be refused");
        let line = error.to_string();
        assert!(
            line.contains(expected) && !line.contains('\n'),
            "{field} {value}: {line}"
        );
        assert!(matches!(
            error,
            LoadError::Mismatch { .. } | LoadError::Tensor { .. }
        ));
    }
}

#[test]
fn a_window_means_the_same_in_each_version_of_the_contract() {
    for version in [1, 2] {
        let dir = windowed(&echo(4, 2), 4, &["value", "present"], &CELLS, |contract| {
            contract["contract_version"] = json!(version);
            // Only the scale is of a window's business.
            let scaling = contract["scaling"].as_object_mut().unwrap();
            scaling.retain(|name, _| ["half_life_ticks", "floors"].contains(&name.as_str()));
        });
        TractModel::load(dir.path()).expect("a right model");
    }
}

#[test]
fn another_scale_than_the_agents_is_refused() {
    for (field, value) in [
        ("/scaling/half_life_ticks", json!(120)),
        ("/scaling/floors/cpu", json!(0.1)),
    ] {
        let dir = windowed(&echo(4, 2), 4, &["value", "present"], &CELLS, |contract| {
            *contract.pointer_mut(field).unwrap() = value.clone();
        });
        let line = TractModel::load(dir.path())
            .expect_err("it must be refused")
            .to_string();
        assert!(
            line.contains("scaling") && line.contains("expected"),
            "{line}"
        );
    }
}
