//! `model check` as people run it, on models that are right, wrong, and hostile.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// What a run printed, and its exit code: a program that crashed has none.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn check(path: &Path, more: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmosctl"));
    command.args(["model", "check"]).arg(path).args(more);
    let output = command.output().expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran {
        code: output.status.code().expect("it ended by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// The lines that name something wrong; what is wrong must have been said in one line each.
fn wrong(path: &Path) -> Vec<String> {
    let ran = check(path, &["--batch", "1"]);
    assert_eq!(ran.code, 65, "{}{}", ran.out, ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("does not fit"), "{}", ran.err);
    let clear = |line: &&str| line.starts_with("fits ") || line.starts_with("wrong");
    for line in ran.out.lines() {
        assert!(clear(&line) || line.contains("--write-contract"), "{line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
    let wrong = ran.out.lines().filter(|line| line.starts_with("wrong"));
    wrong.map(str::to_owned).collect()
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

fn released() -> PathBuf {
    models().join("artifacts/lstm-64-32")
}

/// The files of a model, to be changed.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(model: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["model.onnx", "contract.json"] {
            fs::copy(model.join(name), dir.path().join(name)).expect("copied");
        }
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn onnx(&self) -> PathBuf {
        self.path().join("model.onnx")
    }

    fn contract(&self) -> PathBuf {
        self.path().join("contract.json")
    }

    fn change(&self, field: &str, value: Value) {
        let text = fs::read(self.contract()).expect("reads");
        let mut contract: Value = serde_json::from_slice(&text).expect("JSON");
        *contract.pointer_mut(field).expect("a field") = value;
        fs::write(self.contract(), contract.to_string()).expect("written");
    }
}

#[test]
fn the_released_model_and_both_examples_fit_and_have_a_speed() {
    for model in [
        released(),
        models().join("examples/pytorch/model"),
        models().join("examples/keras/model"),
    ] {
        let ran = check(&model, &["--batch", "1,16"]);
        let shown = format!("{}{}", ran.out, ran.err);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shown}");
        for about in [
            "file",
            "operators",
            "inputs",
            "outputs",
            "contract",
            "checksum",
            "runs",
        ] {
            let line = |line: &str| line.starts_with("fits ") && line.contains(about);
            assert!(ran.out.lines().any(line), "{about}: {shown}");
        }
        assert_eq!(
            ran.out.matches("us a series in batches of").count(),
            2,
            "{shown}"
        );
    }
}

#[test]
fn json_says_the_same() {
    let ran = check(&released(), &["--json", "--batch", "1,16"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let found: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(found["fits"], json!(true));
    for rows in ["1", "16"] {
        let us = found["step_us"][rows].as_f64().expect("a number");
        assert!(us > 0.0, "{found}");
        // Who runs it is said, and where it is not tract, what tract would take.
        let tract = found["tract_us"][rows].as_f64();
        assert_eq!(tract.is_some(), found["why_tract"].is_null(), "{found}");
    }

    let model = Copy::of(&released());
    model.change("/horizons_ticks", json!([5, 60]));
    let ran = check(model.path(), &["--json"]);
    assert_eq!(ran.code, 65, "{}", ran.err);
    let found: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(found["fits"], json!(false));
    assert_eq!(found["step_us"], json!({}), "it is not run");
    let wrong = found["findings"].as_array().expect("a list");
    let wrong: Vec<&Value> = wrong.iter().filter(|f| f["fits"] == json!(false)).collect();
    assert_eq!(wrong.len(), 1, "{found}");
    assert_eq!(wrong[0]["about"], json!("contract"));
}

#[test]
fn each_thing_that_is_wrong_has_a_line() {
    let model = Copy::of(&released());
    model.change("/sha256", json!("0".repeat(64)));
    model.change("/hidden", json!(95));
    let lines = wrong(model.path());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("SHA-256") && lines[0].contains("expected 000"),
        "{lines:?}"
    );
    assert!(lines[1].contains("expected f32 [any, 95]"), "{lines:?}");
}

#[test]
fn what_a_file_says_cannot_reach_the_terminal() {
    let model = Copy::of(&released());
    model.change("/name", json!("\u{1b}[2Jtwo\nlines"));
    let lines = wrong(model.path());
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("expected a name of one line"),
        "{lines:?}"
    );
}

#[test]
fn a_model_that_is_cut_anywhere_is_refused() {
    let model = Copy::of(&models().join("examples/pytorch/model"));
    let whole = fs::read(model.onnx()).expect("reads");
    for part in (0..20).map(|part| whole.len() * part / 20) {
        fs::write(model.onnx(), &whole[..part]).expect("written");
        assert!(!wrong(model.path()).is_empty(), "{part} bytes");
    }
}

#[test]
fn hostile_files_are_refused() {
    let model = Copy::of(&released());
    let length = 4_000_000_u32;
    // A graph of two million empty nodes: 4 MB that would become hundreds.
    let mut nodes = vec![0x3a, 0x80, 0x92, 0xf4, 0x01];
    nodes.extend([0x0a, 0x00].repeat(length as usize / 2));
    let mut endless = vec![0x3a];
    endless.extend([0xff; 200]);
    for (what, bytes, expected) in [
        ("nodes", nodes, "200000 fields"),
        ("lengths", endless, "not an ONNX model"),
        (
            "a script",
            b"#!/bin/sh\nexit 0\n".to_vec(),
            "not an ONNX model",
        ),
        ("nothing", Vec::new(), "not an ONNX model"),
    ] {
        fs::write(model.onnx(), bytes).expect("written");
        let lines = wrong(model.path()).join("\n");
        assert!(lines.contains(expected), "{what}: {lines}");
    }
    // A contract of brackets: a parser that recurses without bound would not come back.
    let model = Copy::of(&released());
    fs::write(model.contract(), "[".repeat(500_000)).expect("written");
    let lines = wrong(model.path());
    assert!(lines[0].contains("not a model contract"), "{lines:?}");
}

#[test]
fn a_contract_that_would_fit_is_written_once_and_never_over_another() {
    for model in [released(), models().join("examples/pytorch/model")] {
        let model = Copy::of(&model);
        fs::remove_file(model.contract()).expect("removed");
        let lines = wrong(model.path());
        assert!(lines[0].contains("is not there"), "{lines:?}");

        let ran = check(&model.onnx(), &["--write-contract"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        assert!(ran.out.contains("wrote "), "{}", ran.out);
        let ran = check(model.path(), &["--batch", "1"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);

        fs::write(model.contract(), "mine").expect("written");
        let ran = check(model.path(), &["--write-contract"]);
        assert_eq!(ran.code, 73, "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert_eq!(fs::read(model.contract()).expect("reads"), b"mine");
    }
}

#[test]
fn a_model_that_is_not_there_is_one_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let ran = check(dir.path(), &[]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("model.onnx"), "{}", ran.err);
}
