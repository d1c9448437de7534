//! `replay control` as people run it: what it prints and writes, and what goes wrong.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

fn control(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmosctl"));
    command.args(["replay", "control", "--without-model"]);
    command.args(args).output().expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Exit code and the one line that says what went wrong; nothing else is printed.
fn bad(args: &[&str]) -> (i32, String) {
    let output = control(args);
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

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).expect("written");
        self.path(name).display().to_string()
    }
}

/// CPU is 1 and memory 0.5 all the time, under limits of 4 and 1.
fn steady() -> String {
    let rows = (0..400).map(|t| format!("a,{},1,4,0.5,1\n", 60 * t));
    std::iter::once("series_id,t,cpu,cpu_limit,mem,mem_limit\n".to_owned())
        .chain(rows)
        .collect()
}

#[test]
fn the_table_the_file_and_the_pictures_have_the_figures_found_by_hand() {
    let folder = Folder::new();
    let traces = folder.file("steady.csv", steady());
    let out = folder.path("out.json").display().to_string();
    let pictures = folder.path("new/pictures").display().to_string();
    let output = control(&["--traces", &traces, "--json", &out, "--pictures", &pictures]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("2 series, 800 ticks, no model; scored"),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'), "no colours in a pipe");
    for title in ["steady/cpu, 1 series\n", "steady/memory, 1 series\n"] {
        assert!(shown.contains(title), "{title:?} is not in\n{shown}");
    }
    // Four times the use is three times the use too much.
    let row = shown.lines().find(|line| line.starts_with("in_force"));
    assert!(row.is_some_and(|row| row.contains("300.0 %")), "{shown}");

    let written = std::fs::read_to_string(&out).expect("reads");
    let figures: Value = serde_json::from_str(&written).expect("JSON");
    let number = |key: &str| {
        figures[key]
            .as_f64()
            .unwrap_or_else(|| panic!("no number {key}"))
    };
    for (key, expected) in [
        ("families.steady/cpu.static_mean2.slack_ratio", 1.0),
        ("families.steady/cpu.hpa_fast.slack_ratio", 1.0 / 0.6 - 1.0),
        ("families.steady/cpu.in_force.slack_ratio", 3.0),
        ("families.steady/memory.in_force.slack_ratio", 1.0),
        ("families.steady/cpu.llmos.stall_share", 0.0),
        ("families.steady/memory.llmos.kills", 0.0),
        ("families.steady/cpu.vpa.changes_per_hour", 0.0),
        ("kills_standard", 0.0),
    ] {
        assert!(
            (number(key) - expected).abs() < 1e-4,
            "{key}: {}",
            number(key)
        );
    }
    assert!(number("families.steady/cpu.llmos.slack_ratio") > 0.0);
    assert!(number("decide_ms_1000") >= 0.0 && number("tick_ms_1000") > 0.0);
    assert!(
        figures["jain_100pct"].is_null(),
        "no series has a thousand ticks"
    );
    for name in ["steady-cpu.svg", "steady-memory.svg"] {
        let path = folder.path("new/pictures").join(name);
        let drawn = std::fs::read_to_string(path).expect("a picture");
        assert!(drawn.starts_with("<svg") && drawn.contains("static_peak"));
    }
}

#[test]
fn what_cannot_be_controlled_is_refused_with_one_line() {
    let folder = Folder::new();
    let rows = (0..300).map(|t| format!("a,{t},1\n")).collect::<String>();
    let requests = folder.file("requests.csv", format!("series_id,t,rps\n{rows}"));
    let (code, error) = bad(&["--traces", &requests]);
    assert_eq!(code, 65);
    assert!(error.contains("expected a column cpu or mem"), "{error}");

    let limit = rows.replace(",1\n", ",1,many\n");
    let limit = folder.file("limit.csv", format!("series_id,t,cpu,cpu_limit\n{limit}"));
    let (code, error) = bad(&["--traces", &limit]);
    assert_eq!(code, 65);
    assert!(error.contains("line 2: cpu_limit is \"many\""), "{error}");

    let traces = folder.file("steady.csv", steady());
    let (code, error) = bad(&["--traces", &traces, "--pictures", &traces]);
    assert_eq!(code, 73);
    assert!(error.contains("cannot create"), "{error}");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for args in [&[][..], &["--traces", "a.csv", "--model", "m"]] {
        assert_eq!(control(args).status.code(), Some(64), "{args:?}");
    }
}
