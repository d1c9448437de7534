//! `replay forecast` as people run it: what it prints and writes, and what goes wrong.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn replay(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmosctl"));
    command.args(["replay", "forecast"]).args(args);
    command.output().expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn good(args: &[&str]) -> String {
    let output = replay(args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Exit code and the one line that says what went wrong; nothing else is printed.
fn bad(args: &[&str]) -> (i32, String) {
    let output = replay(args);
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    let error = text(&output.stderr);
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.starts_with("llmosctl: "), "{error}");
    (output.status.code().expect("an exit code"), error)
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("reads");
        let names = entries.map(|entry| entry.expect("reads").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// Two ticks of each ten at 1, the others at 0.2, as CPU; memory is constant.
fn pulses() -> String {
    let rows = (0..1000).map(|t| format!("a,{t},{},0.5\n", if t % 10 < 2 { 1.0 } else { 0.2 }));
    std::iter::once("series_id,t,cpu,mem\n".to_owned())
        .chain(rows)
        .collect()
}

fn model() -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/artifacts/lstm-64-32");
    dir.display().to_string()
}

#[test]
fn the_table_and_the_file_have_the_figures_found_by_hand() {
    let folder = Folder::new();
    let traces = folder.file("pulse.csv", pulses());
    let out = folder.path("out.json").display().to_string();
    let shown = good(&["--traces", &traces, "--json", &out, "--model", &model()]);
    assert!(
        shown.starts_with("2 series, 2000 ticks, model lstm-64-32; scored"),
        "{shown}"
    );
    for part in [
        "Peak of the next 5 ticks\n",
        "Peak of the next 30 ticks\n",
        // Twelve values always hold a pulse: no peak is missed, and in 120 of 295 windows it is 0.8
        // too much.
        "0.0 % 32.5 %",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "no colours in a pipe");

    let written = std::fs::read_to_string(&out).expect("reads");
    let figures: Value = serde_json::from_str(&written).expect("JSON");
    let number = |name: &str| {
        figures[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no number {name}"))
    };
    assert_eq!(figures["model"], "lstm-64-32");
    let miss = number("families.pulse/cpu.miss_rates.last");
    assert!((miss - 145.0 / 295.0).abs() < 1e-5, "{miss}");
    let over = number("families.pulse/cpu.over_provisions.recent_max");
    assert!((over - 80.0 * 120.0 / 295.0).abs() < 1e-3, "{over}");
    for key in [
        "pinball_ratio",
        "coverage_err_pp_max",
        "miss_rate",
        "over_provision",
    ] {
        number(&format!("families.pulse/cpu.{key}"));
        number(&format!("families.pulse.{key}"));
        assert!(
            figures
                .get(format!("families.pulse/cpu.h30.{key}"))
                .is_some(),
            "{key}"
        );
    }
    assert!(figures["families.pulse/cpu.best_baseline"].is_string());
    assert!(number("pinball_ratio_geomean_cpu") > 0.0);
    assert!(figures.get("copier_share").is_some());
    assert_eq!(
        folder.names(),
        ["out.json", "pulse.csv"],
        "nothing is left behind"
    );
}

#[test]
fn json_goes_where_it_is_wanted() {
    let folder = Folder::new();
    let traces = folder.file("pulse.csv", pulses());
    let command = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmosctl"));
        let output = command.args(args).output().expect("runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_str::<Value>(&text(&output.stdout)).expect("JSON")
    };
    let after = [
        "forecast",
        "--without-model",
        "--horizon",
        "30",
        "--traces",
        &traces,
    ];
    let first = command(&[&["--json", "replay"], &after[..]].concat());
    assert_eq!(
        first,
        command(&[&["replay", "--json"], &after[..]].concat())
    );
    assert_eq!(first["model"], Value::Null);
    let keys: Vec<&String> = first.as_object().expect("an object").keys().collect();
    let of_groups = keys.iter().filter(|key| key.ends_with(".pinball_ratio"));
    assert!(of_groups.clone().count() == 3 && of_groups.clone().all(|key| key.contains(".h30.")));
}

#[test]
fn bad_traces_are_refused_with_one_line() {
    let folder = Folder::new();
    let garbage: Vec<u8> = (0..5000_u32).map(|i| (i * 197 % 251) as u8).collect();
    let falling = "series_id,t,cpu\n".to_owned() + &"a,1,1\na,0,1\n".repeat(150);
    let cases = [
        (
            folder.file("empty.csv", ""),
            "series_id,t, found an empty file",
        ),
        (
            folder.file("header.csv", "a,b\n1,2\n"),
            "series_id,t, found \"a,b\"",
        ),
        (
            folder.file("falling.csv", falling),
            "t must rise strictly within a series",
        ),
        (folder.file("garbage.csv", &garbage), "garbage.csv: line 1"),
        (folder.file("garbage.csv.gz", &garbage), "no gzip file"),
        (
            folder.file("garbage.arrows", &garbage),
            "no recording of llmosctl",
        ),
        (
            folder.file("other.parquet", &garbage),
            "expected one that ends in .csv",
        ),
        (
            folder.file("short.csv", "series_id,t,cpu\na,1,1\n"),
            "no usable series",
        ),
    ];
    for (path, expected) in cases {
        let (code, error) = bad(&["--without-model", "--traces", &path]);
        assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        assert_eq!(code, 65, "{error}");
    }
    let (code, error) = bad(&["--without-model", "--traces", "no/such/folder"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("cannot read no/such/folder: No such file"),
        "{error}"
    );
}

#[test]
fn a_bad_model_or_place_is_known_before_the_work_begins() {
    let folder = Folder::new();
    let traces = folder.file("pulse.csv", pulses());
    let here = folder.0.path().display().to_string();
    let (code, error) = bad(&["--traces", &traces, "--model", &here]);
    assert_eq!(code, 1);
    assert!(error.contains("cannot use the model: cannot read") && error.contains("contract.json"));
    folder.file("contract.json", "{}");
    let (code, error) = bad(&["--traces", &traces, "--model", &here]);
    assert_eq!(code, 65, "{error}");
    let nowhere = folder.path("no/such/out.json").display().to_string();
    for out in [&nowhere, &here] {
        let (code, error) = bad(&["--without-model", "--traces", &traces, "--json", out]);
        assert_eq!(code, 73);
        assert!(error.contains("cannot create"), "{error}");
    }
    // What was there stays when the replay fails.
    let out = folder.file("out.json", "mine");
    bad(&[
        "--traces",
        &folder.file("bad.csv", "x"),
        "--without-model",
        "--json",
        &out,
    ]);
    assert_eq!(std::fs::read_to_string(&out).expect("reads"), "mine");
    let left: Vec<String> = folder
        .names()
        .into_iter()
        .filter(|n| n.contains("part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for args in [
        &["--without-model"][..],
        &["--traces", "a.csv", "--horizon", "7"],
        &["--traces", "a.csv", "--model", "m", "--without-model"],
    ] {
        let output = replay(args);
        assert_eq!(output.status.code(), Some(64), "{args:?}");
    }
    let help = replay(&["--help"]);
    assert!(help.status.success());
    let help = text(&help.stdout);
    for part in [
        "--traces <PATH>...",
        "--json <OUT>",
        "--model <DIR>",
        "--horizon <TICKS>",
    ] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
}
