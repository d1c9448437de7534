//! Rows do not depend on their neighbours, nor on the batch that they happen to be in.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::time::Duration;

use common::{HIDDEN, Small, released};
use llmos_engine::forecast::{Model, ModelError, OUTPUTS, StateRows, features};
use llmos_forecaster::TractModel;

fn zeros(model: &TractModel, rows: usize) -> StateRows {
    let width = model.state_width();
    StateRows {
        width,
        h: vec![0.0; rows * width],
        c: vec![0.0; rows * width],
    }
}

/// Features that differ from row to row.
fn rows(n: usize) -> Vec<f32> {
    (0..n * features::COUNT)
        .map(|i| (i * 37 % 101) as f32 / 101.0)
        .collect()
}

#[test]
fn a_small_right_model_loads_and_its_inputs_are_matched_by_name() {
    let dir = Small::default().folder();
    let mut model = TractModel::load(dir.path()).expect("nothing is wrong with it");
    assert_eq!((model.name(), model.state_width()), ("small", HIDDEN));
    let mut state = StateRows {
        width: HIDDEN,
        h: vec![1.0; 3],
        c: vec![2.0; 3],
    };
    let mut outputs = Vec::new();
    model
        .step(1, &[0.2; features::COUNT], &mut state, &mut outputs)
        .expect("a step");
    // y = sum over the features of 0.2 x 0.5; h stays; c doubles.
    let expected = 0.1 * features::COUNT as f32;
    assert!(
        outputs.iter().all(|y| (y - expected).abs() < 1e-5),
        "{outputs:?}"
    );
    assert_eq!(state.h, [1.0; 3]);
    assert_eq!(state.c, [4.0; 3]);
}

#[test]
fn a_row_gets_the_same_answer_in_any_batch() {
    let mut model = TractModel::load(&released()).expect("the released model");
    // Runs of 256, of 64, and of 16 with padding.
    let n = 256 + 64 + 5;
    let x = rows(n);
    let (mut together, mut outputs) = (zeros(&model, n), Vec::new());
    for _ in 0..3 {
        model
            .step(n, &x, &mut together, &mut outputs)
            .expect("a step");
    }
    assert_eq!(outputs.len(), n * OUTPUTS);
    let width = model.state_width();
    for row in [0, 100, 255, 256, 319, 320, n - 1] {
        let (mut alone, mut answer) = (zeros(&model, 1), Vec::new());
        let own = &x[row * features::COUNT..(row + 1) * features::COUNT];
        for _ in 0..3 {
            model.step(1, own, &mut alone, &mut answer).expect("a step");
        }
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(
            close(&answer, &outputs[row * OUTPUTS..(row + 1) * OUTPUTS]),
            "row {row}"
        );
        assert!(
            close(&alone.h, &together.h[row * width..(row + 1) * width]),
            "row {row}"
        );
        assert!(
            close(&alone.c, &together.c[row * width..(row + 1) * width]),
            "row {row}"
        );
    }
}

#[test]
fn the_released_model_runs_without_tract_and_a_strange_one_with_it() {
    let own = TractModel::load(&released()).expect("the released model");
    // Where the processor has no long vectors tract runs everything, and says so.
    assert!(
        own.why_tract().is_none_or(|why| why.contains("vectors")),
        "{:?}",
        own.why_tract()
    );
    let dir = Small::default().folder();
    let strange = TractModel::load(dir.path()).expect("nothing is wrong with it");
    assert!(strange.why_tract().is_some_and(|why| !why.is_empty()));
}

#[test]
fn a_step_that_takes_too_long_fails_and_the_model_is_left_out() {
    let model = TractModel::load(&released()).expect("the released model");
    let mut model = model.with_step_budget(Duration::ZERO);
    let (mut state, mut y) = (zeros(&model, 1), Vec::new());
    for expected in ["expected all within 0ns", "left out for 0 more"] {
        let result = model.step(1, &rows(1), &mut state, &mut y);
        let Err(ModelError::Failed(line)) = result else {
            panic!("no error")
        };
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn no_rows_give_no_outputs() {
    let mut model = TractModel::load(&released()).expect("the released model");
    let mut state = zeros(&model, 0);
    let mut outputs = vec![1.0];
    model
        .step(0, &[], &mut state, &mut outputs)
        .expect("nothing to do");
    assert!(outputs.is_empty());
}

#[test]
fn numbers_that_do_not_fit_the_rows_are_an_error() {
    let mut model = TractModel::load(&released()).expect("the released model");
    let mut state = zeros(&model, 2);
    let result = model.step(3, &rows(3), &mut state, &mut Vec::new());
    assert!(matches!(result, Err(ModelError::Failed(_))), "{result:?}");
}
