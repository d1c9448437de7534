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

/// Tests a policy on a made-up trace: mostly idle, with bursts at a fixed rhythm.
fn test(policy: &str, more: &[&str]) -> Output {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("agent.toml"), policy).expect("writes");
    let rows = (0..900).map(|t| {
        let busy = t % 30 < 5;
        format!("a,{t},{}\n", if busy { 0.8 } else { 0.1 })
    });
    let trace = format!("series_id,t,cpu\n{}", rows.collect::<String>());
    std::fs::write(dir.path().join("waves.csv"), trace).expect("writes");
    Command::new(env!("CARGO_BIN_EXE_llmosctl"))
        .current_dir(dir.path())
        .args(["policy", "test", "agent.toml", "--trace", "waves.csv"])
        .arg("--without-model")
        .args(more)
        .output()
        .expect("runs")
}

#[test]
fn a_policy_is_tried_on_a_trace_and_held_to_limits() {
    let roomy = test("[policy]\npreset = \"latency\"\n", &["--max-stall", "0.9"]);
    assert_eq!(roomy.status.code(), Some(0), "{roomy:?}");
    let shown = text(&roomy.stdout);
    assert!(
        shown.contains("FAMILY") && shown.contains("waves/cpu"),
        "{shown}"
    );

    let strict = test("", &["--max-slack", "0.001"]);
    assert_eq!(strict.status.code(), Some(65), "{strict:?}");
    let shown = text(&strict.stdout);
    assert!(
        shown.contains("waves/cpu: slack ") && shown.contains("is above 0.001"),
        "{shown}"
    );
    assert_eq!(
        text(&strict.stderr),
        "llmosctl: agent.toml is over 1 limit\n"
    );
}

#[test]
fn the_rule_of_the_named_workload_is_what_is_tested() {
    let policy = "[[workload]]\nmatch = \"jobs/*\"\ncpu_floor_cores = 500\n";
    let slack = |more: &[&str]| {
        let out = test(policy, &[&["--json"], more].concat());
        assert_eq!(out.status.code(), Some(0), "{out:?}");
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
        json["rows"][0]["slack_ratio"].as_f64().expect("a number")
    };
    let (base, job) = (slack(&[]), slack(&["--workload", "/jobs/a"]));
    assert!(job > 3.0 * base, "{base} {job}");
}

#[test]
fn presets_are_tuned_on_the_training_part_of_a_trace() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("waves.csv");
    let tuned = |late: f64| {
        // What comes in the last 30 % is not looked at.
        let rows = (0..600).map(|t| {
            let cores = match t {
                420.. => late,
                _ if t % 30 < 5 => 0.8,
                _ => 0.1,
            };
            format!("a,{t},{cores}\n")
        });
        let trace = format!("series_id,t,cpu\n{}", rows.collect::<String>());
        std::fs::write(&path, trace).expect("writes");
        let out = Command::new(env!("CARGO_BIN_EXE_llmosctl"))
            .args(["--json", "policy", "tune", "--without-model", "--traces"])
            .arg(&path)
            .output()
            .expect("runs");
        assert_eq!(out.status.code(), Some(0), "{out:?}");
        out.stdout
    };
    let found = tuned(0.1);
    assert_eq!(text(&found), text(&tuned(0.7)));
    let json: serde_json::Value = serde_json::from_slice(&found).expect("JSON");
    let standard = &json["presets"][1];
    assert_eq!(standard["preset"], "standard");
    let price = &standard["numbers"][0];
    assert_eq!(price["key"], "cpu_stall_price");
    let tried = price["tried"].as_array().expect("values");
    let taken = |one: &&serde_json::Value| one["value"] == price["chosen"];
    assert_eq!(tried.iter().filter(taken).count(), 1, "{price}");
    assert!(tried.iter().all(|one| one["slack"].is_number()), "{price}");
}

#[test]
fn a_bad_policy_is_not_tried() {
    let out = test("[policy]\nquantil = 0.5\n", &[]);
    assert_eq!(out.status.code(), Some(65), "{out:?}");
    assert!(text(&out.stdout).contains("did you mean \"quantile\"?"));
    let out = test("", &["--max-stall", "-1"]);
    assert_eq!(out.status.code(), Some(64), "{out:?}");
}
