//! `llmosctl policy`, as people and their checks use it.

#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::process::{Command, Output};

fn check(text: &str, more: &[&str]) -> Output {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("agent.toml"), text).expect("writes");
    Command::new(env!("CARGO_BIN_EXE_llmosctl"))
        .current_dir(dir.path())
        .args(["policy", "check", "agent.toml"])
        .args(more)
        .output()
        .expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn a_good_policy_ends_with_0() {
    let out = check(
        "mode = \"enforce\"\n[[workload]]\nmatch = \"jobs/*\"\npreset = \"batch\"\n",
        &["--cpus", "4", "--memory", "8GiB"],
    );
    assert_eq!(out.status.code(), Some(0), "{out:?}");
    assert_eq!(text(&out.stdout), "agent.toml: nothing is wrong\n");
}

#[test]
fn a_bad_one_ends_with_65_and_a_line_for_each_problem() {
    let out = check(
        "[policy]\ncpu_floor_cores = 8\n[[workload]]\nmatch = \"a\"\ncpu_ceiling_cores = 2\n",
        &["--cpus", "4"],
    );
    assert_eq!(out.status.code(), Some(65), "{out:?}");
    assert_eq!(
        text(&out.stdout),
        "workload[0].cpu_ceiling_cores = 2 (agent.toml line 5): expected at least \
         cpu_floor_cores, which is 8\n\
         policy.cpu_floor_cores = 8 (agent.toml line 2): the node has only 4 CPUs, so it cannot \
         be kept\n"
    );
    assert_eq!(text(&out.stderr), "llmosctl: agent.toml has 2 problems\n");
}

#[test]
fn json_holds_the_same_lines() {
    let out = check("[policy]\nquantil = 0.5\n", &["--json"]);
    assert_eq!(out.status.code(), Some(65));
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(json["file"], "agent.toml");
    assert_eq!(
        json["problems"][0],
        "agent.toml line 2: unknown key \"policy.quantil\", did you mean \"quantile\"?"
    );
}

#[test]
fn what_cannot_be_asked_ends_with_64_and_no_file_with_1() {
    let out = check("", &["--cpus", "none"]);
    assert_eq!(out.status.code(), Some(64), "{out:?}");
    let out = check("", &["--memory", "8GB"]);
    assert_eq!(out.status.code(), Some(64), "{out:?}");
    let out = Command::new(env!("CARGO_BIN_EXE_llmosctl"))
        .args(["policy", "check", "/no/such/file.toml"])
        .output()
        .expect("runs");
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    assert!(text(&out.stderr).contains("cannot read /no/such/file.toml: "));
}
