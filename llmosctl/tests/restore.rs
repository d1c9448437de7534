//! `llmosctl restore` on a real journal and a folder that looks like a cgroup hierarchy.

use std::path::Path;
use std::process::{Command, Output};

fn restore(state: &Path, root: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_llmosctl"))
        .arg("restore")
        .arg("--state-dir")
        .arg(state)
        .arg("--cgroup-root")
        .arg(root)
        .args(more)
        .output()
        .expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn without_a_journal_there_is_nothing_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = restore(&folder.path().join("state"), folder.path(), &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("nothing to restore"));
    let output = restore(
        &folder.path().join("state"),
        folder.path(),
        &["--all", "--json"],
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["restored"], serde_json::json!([]));
}
