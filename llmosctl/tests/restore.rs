//! `llmosctl restore` on a real journal and a folder that looks like a cgroup hierarchy.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use llmos_cgroupfs::{CgroupRef, Journal, LimitWriter, WritePermit};
use llmos_engine::decide::Knob;
use llmos_engine::policy::Mode;

struct Node {
    folder: tempfile::TempDir,
    root: PathBuf,
    state: PathBuf,
    file: PathBuf,
}

/// A hierarchy with one cgroup and its limit as somebody set it.
fn node() -> Node {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("cgroup");
    let cgroup = root.join("web.service");
    fs::create_dir_all(&cgroup).expect("made");
    fs::write(root.join("cgroup.controllers"), "cpu memory\n").expect("written");
    let file = cgroup.join("cpu.max");
    fs::write(&file, "max 100000\n").expect("written");
    Node {
        state: folder.path().join("state"),
        folder,
        root,
        file,
    }
}

/// What an agent does before it is killed: one limit changed, its original in the journal.
fn changed(node: &Node) -> LimitWriter {
    let journal = Journal::open(&node.state).expect("opens");
    let permit = WritePermit::of(Mode::Enforce).expect("a permit");
    let mut writer = LimitWriter::new(permit, node.root.clone(), journal);
    let id = fs::metadata(node.root.join("web.service"))
        .expect("there")
        .ino();
    let cgroup = CgroupRef {
        path: "web.service",
        id,
    };
    writer.set(cgroup, Knob::CpuMax, 0.5).expect("sets");
    assert_ne!(limit(node), "max 100000");
    writer
}

fn limit(node: &Node) -> String {
    fs::read_to_string(&node.file)
        .expect("read")
        .trim()
        .to_owned()
}

fn command(state: &Path, root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmosctl"));
    command
        .args(["restore", "--state-dir"])
        .arg(state)
        .arg("--cgroup-root")
        .arg(root);
    command
}

fn restore(node: &Node, more: &[&str]) -> Output {
    command(&node.state, &node.root)
        .args(more)
        .output()
        .expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn without_a_journal_there_is_nothing_to_do() {
    let node = node();
    let output = restore(&node, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("nothing to restore"));
    assert!(!node.state.exists(), "nothing is made");
    let output = restore(&node, &["--all", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["restored"], serde_json::json!([]));
}

#[test]
fn originals_come_back_after_a_kill() {
    let node = node();
    // Dropped without restoring, as a killed agent leaves it.
    drop(changed(&node));
    let output = restore(&node, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(limit(&node), "max 100000");
    let said = text(&output.stdout);
    assert!(said.contains("web.service/cpu.max"), "{said}");
    assert!(
        said.ends_with("1 restored, 0 skipped, 0 failed\n"),
        "{said}"
    );
    let again = text(&restore(&node, &[]).stdout);
    assert!(again.starts_with("nothing to restore"), "{again}");
}

#[test]
fn a_cgroup_that_is_gone_is_skipped() {
    let node = node();
    drop(changed(&node));
    fs::remove_dir_all(node.root.join("web.service")).expect("removed");
    let output = restore(&node, &["--json"]);
    assert!(output.status.success());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["skipped"][0]["why"], "the cgroup is gone");
}

#[test]
fn a_running_agent_is_named_and_nothing_is_touched() {
    let node = node();
    let running = changed(&node);
    let before = limit(&node);
    let output = restore(&node, &[]);
    assert_eq!(output.status.code(), Some(69));
    let error = text(&output.stderr);
    assert_eq!(error.lines().count(), 1, "{error}");
    let holder = format!("in use by process {}", std::process::id());
    assert!(
        error.contains(&holder) && error.contains("systemctl stop"),
        "{error}"
    );
    assert_eq!(limit(&node), before);
    drop(running);
}

#[test]
fn an_agent_that_hangs_is_fenced_off() {
    let node = node();
    let hanging = changed(&node);
    // As if its lease had run out.
    fs::remove_file(node.state.join("lease")).expect("removed");
    let output = restore(&node, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(limit(&node), "max 100000");
    let said = text(&output.stdout);
    let holder = format!("the agent (process {}) holds", std::process::id());
    assert!(said.starts_with(&holder), "{said}");
    let output = restore(&node, &["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["fenced_process"], std::process::id().to_string());
    drop(hanging);
    assert!(restore(&node, &[]).status.success());
}

#[test]
fn one_workload_is_restored_alone() {
    let node = node();
    drop(changed(&node));
    let output = restore(&node, &["other.service"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.starts_with("nothing to restore: no limit of other.service"),
        "{said}"
    );
    assert_ne!(limit(&node), "max 100000");
    assert!(restore(&node, &["web.service"]).status.success());
    assert_eq!(limit(&node), "max 100000");
    assert_eq!(
        restore(&node, &["web.service", "--all"]).status.code(),
        Some(64)
    );
}

#[test]
fn others_than_root_are_told_so() {
    /// The kernel's overflow id: `nobody` on every distribution.
    const NOBODY: u32 = 65_534;
    let node = node();
    drop(changed(&node));
    let anybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(node.folder.path(), anybody.clone()).expect("set");
    let binary = node.folder.path().join("llmosctl");
    fs::copy(env!("CARGO_BIN_EXE_llmosctl"), &binary).expect("copied");
    fs::set_permissions(&binary, anybody).expect("set");
    let mut command = Command::new(&binary);
    command
        .args(["restore", "--state-dir"])
        .arg(&node.state)
        .arg("--cgroup-root")
        .arg(&node.root)
        .current_dir("/");
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    } else {
        fs::set_permissions(&node.state, fs::Permissions::from_mode(0o000)).expect("set");
    }
    let output = command.output().expect("runs");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(77), "{error}");
    assert!(error.contains("run as root"), "{error}");
    assert_ne!(limit(&node), "max 100000");
}
