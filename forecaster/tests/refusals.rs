//! Every way in which a model can be wrong ends in one clear line that names the file.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::fs;
use std::path::Path;

use common::{Small, folder, released, transposed, windowed};
use llmos_engine::forecast::OUTPUTS;
use llmos_engine::forecast::features::COUNT;
use llmos_forecaster::{LoadError, TractModel};
use serde_json::json;

/// The error of loading a folder; checks that it is one line and names the file.
fn refused(dir: &Path, file: &str) -> (LoadError, String) {
    let error = TractModel::load(dir).expect_err("this model must be refused");
    let line = error.to_string();
    assert!(!line.contains('\n'), "one line: {line}");
    assert!(
        line.contains(&dir.join(file).display().to_string()),
        "names the file: {line}"
    );
    (error, line)
}

#[test]
fn a_folder_that_is_not_there() {
    let (error, _) = refused(Path::new("/nonexistent/model"), "contract.json");
    assert!(matches!(error, LoadError::Read { .. }));
}

#[test]
fn a_model_that_cannot_be_read() {
    let dir = Small::default().folder();
    fs::remove_file(dir.path().join("model.onnx")).unwrap();
    let (error, _) = refused(dir.path(), "model.onnx");
    assert!(matches!(error, LoadError::Read { .. }));
    fs::create_dir(dir.path().join("model.onnx")).unwrap();
    let (error, _) = refused(dir.path(), "model.onnx");
    assert!(matches!(error, LoadError::NotAFile { .. }));
}

#[test]
fn a_file_that_is_too_large() {
    let dir = Small::default().folder();
    let file = fs::File::create(dir.path().join("model.onnx")).unwrap();
    file.set_len(64 * 1024 * 1024 + 1).unwrap();
    let (error, line) = refused(dir.path(), "model.onnx");
    assert!(matches!(error, LoadError::TooLarge { .. }));
    assert!(line.contains("67108864"), "{line}");
}

#[test]
fn other_bytes_than_the_contract_names() {
    let dir = Small::default().folder();
    let mut bytes = Small::default().onnx();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(dir.path().join("model.onnx"), bytes).unwrap();
    let (error, line) = refused(dir.path(), "model.onnx");
    assert!(matches!(error, LoadError::Hash { .. }));
    assert!(line.contains("SHA-256"), "{line}");
}

#[test]
fn a_truncated_model_even_if_its_hash_fits() {
    let whole = fs::read(released().join("model.onnx")).unwrap();
    for part in [0, 1, 10, whole.len() / 2, whole.len() - 1] {
        let dir = folder(&whole[..part], |_| ());
        let (error, line) = refused(dir.path(), "model.onnx");
        assert!(
            matches!(error, LoadError::Graph { .. }),
            "{part} bytes: {line}"
        );
    }
}

#[test]
fn bytes_that_are_no_onnx() {
    let dir = folder(b"#!/bin/sh\necho not a model\n", |_| ());
    let (error, _) = refused(dir.path(), "model.onnx");
    assert!(matches!(error, LoadError::Graph { .. }));
}

#[test]
fn an_operator_that_is_not_allowed() {
    let dir = Small {
        op: "Frobnicate",
        ..Small::default()
    }
    .folder();
    let (error, line) = refused(dir.path(), "model.onnx");
    assert!(matches!(error, LoadError::Limit { .. }), "{line}");
    assert!(line.contains("\"Frobnicate\""), "{line}");
}

#[test]
fn an_axis_that_comes_twice() {
    // Found by fuzzing: tract asks for memory without end.
    let dir = windowed(&transposed(&[1, 0, 1]), 4, &["value"], &["next"], |_| ());
    let (error, line) = refused(dir.path(), "model.onnx");
    assert!(matches!(error, LoadError::Limit { .. }), "{line}");
    assert!(line.ends_with("expected each axis once"), "{line}");
}

#[test]
fn wrong_shapes_name_tensor_found_and_expected() {
    for (small, expected) in [
        (
            Small {
                input_width: 7,
                ..Small::default()
            },
            format!("input x is f32 [any, 7], expected f32 [any, {COUNT}]"),
        ),
        (
            Small {
                declared_y: 4,
                ..Small::default()
            },
            format!("output y is f32 [any, 4], expected f32 [any, {OUTPUTS}]"),
        ),
        (
            Small {
                rows: Some(16),
                ..Small::default()
            },
            format!("input x is f32 [16, {COUNT}], expected f32 [any, {COUNT}]"),
        ),
        (
            Small {
                input: "features",
                ..Small::default()
            },
            "the list of inputs is [h, features, c], expected [x, h, c]".to_owned(),
        ),
        // Declared as the contract wants, and yet another one when it runs.
        (
            Small {
                real_y: 4,
                ..Small::default()
            },
            format!("output y is f32 [16, 4], expected f32 [16, {OUTPUTS}]"),
        ),
    ] {
        let dir = small.folder();
        let (error, line) = refused(dir.path(), "model.onnx");
        assert!(matches!(error, LoadError::Tensor { .. }), "{line}");
        assert!(line.ends_with(&expected), "{line}");
    }
}

#[test]
fn a_state_of_another_width_than_the_contract_says() {
    let dir = folder(&Small::default().onnx(), |contract| {
        contract["hidden"] = json!(5)
    });
    let (_, line) = refused(dir.path(), "model.onnx");
    assert!(
        line.ends_with("input h is f32 [any, 3], expected f32 [any, 5]"),
        "{line}"
    );
}

#[test]
fn weights_that_are_not_numbers() {
    for weight in [f32::NAN, f32::INFINITY] {
        let dir = Small {
            weight,
            ..Small::default()
        }
        .folder();
        let (error, line) = refused(dir.path(), "model.onnx");
        assert!(matches!(error, LoadError::Limit { .. }), "{line}");
        assert!(line.contains("constant \"w\""), "{line}");
    }
}

#[test]
fn answers_that_are_not_numbers() {
    // Nothing is wrong with the file; zero divided by zero is.
    let dir = Small {
        state_op: "Div",
        ..Small::default()
    }
    .folder();
    let (error, line) = refused(dir.path(), "model.onnx");
    let expected = LoadError::NotFinite {
        path: dir.path().join("model.onnx"),
        output: "c_next",
    };
    assert_eq!(error.to_string(), expected.to_string(), "{line}");
}

#[test]
fn a_contract_that_is_no_contract() {
    let dir = Small::default().folder();
    let whole = fs::read_to_string(dir.path().join("contract.json")).unwrap();
    let other = whole.replace("\"streaming\"", "\"batch\"");
    for text in ["", "{", "[]", "{\"contract_version\": 1}", other.as_str()] {
        fs::write(dir.path().join("contract.json"), text).unwrap();
        let (error, _) = refused(dir.path(), "contract.json");
        assert!(matches!(error, LoadError::Contract { .. }));
    }
}

#[test]
fn a_contract_of_other_numbers_names_the_field() {
    for (field, value) in [
        ("/contract_version", json!(99)),
        ("/name", json!("two\nlines")),
        ("/hidden", json!(0)),
        ("/sha256", json!("abc")),
        ("/features/0/name", json!("speed")),
        ("/features", json!([])),
        ("/resources", json!(["memory", "cpu", "network"])),
        ("/horizons_ticks", json!([5, 60])),
        ("/quantiles/3", json!(0.999)),
        ("/output_order/0", json!("h30_q0.5")),
        ("/scaling/floors/memory", json!(1000.0)),
        ("/scaling/half_life_ticks", json!(241)),
        ("/scaling/alpha_fast", json!(0.31)),
        ("/scaling/alpha_slow", json!(0.031)),
        ("/scaling/ring", json!(13)),
        ("/scaling/clip/1", json!(3.0)),
        ("/scaling/scale_jump_max", json!(6.0)),
    ] {
        let dir = folder(&Small::default().onnx(), |contract| {
            *contract.pointer_mut(field).unwrap() = value.clone();
        });
        let (error, line) = refused(dir.path(), "contract.json");
        let LoadError::Mismatch { field: named, .. } = error else {
            panic!("{field}: {line}")
        };
        let top = |path: &str| {
            path.trim_start_matches('/')
                .split(['/', '.'])
                .next()
                .unwrap()
                .to_owned()
        };
        assert_eq!(top(named), top(field), "{line}");
        assert!(line.contains("expected"), "{line}");
    }
}
