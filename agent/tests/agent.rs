//! The real binary on this machine, in `observe`: it runs with what there is, names what is
//! missing, refuses bad input in one line with the right exit code, and stops cleanly.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;

use llmos_cgroupfs::{CgroupRef, Journal, LimitWriter, WritePermit};
use llmos_engine::decide::Knob;
use llmos_engine::policy::Mode;
use nix::sys::signal::Signal;
use serde_json::Value;
use support::{Agent, Ended, Site};

/// The component of this name in `/v1/health`.
fn component(agent: &Agent, name: &str) -> (String, String) {
    let health = agent.get("/v1/health");
    let parts = health["components"].as_array().unwrap();
    let part = parts
        .iter()
        .find(|part| part["name"] == name)
        .unwrap_or_else(|| {
            panic!("no component {name} in {health}");
        });
    let text = |key: &str| part[key].as_str().unwrap().to_owned();
    (text("state"), text("cause"))
}

fn one_line(ended: &Ended) {
    let lines: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("llmos-agent:"))
        .collect();
    assert_eq!(
        lines.len(),
        1,
        "expected one line of error in:\n{}",
        ended.stderr
    );
}

#[test]
fn it_observes_this_machine_and_stops_cleanly() {
    let site = Site::new();
    let agent = Agent::start(&site, &["--tick-ms", "100"]);
    let status = agent.get("/v1/status");
    assert_eq!(status["api_version"], "v1");
    assert_eq!(status["mode"], "observe");
    assert!(status["node_cpu_cores"].as_f64().unwrap() >= 1.0);
    agent.wait_until("forecasts", |agent| {
        let all = agent.get("/v1/workloads");
        all["workloads"]
            .as_array()
            .unwrap()
            .iter()
            .any(|w| !w["cpu_forecast"].is_null())
    });
    assert_eq!(component(&agent, "coordinator").0, "off");
    let metrics = agent.get_text("/metrics");
    assert!(metrics.contains("llmos_build_info"), "{metrics}");
    let ended = agent.stop(Signal::SIGTERM);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!site.socket().exists(), "the socket file stays");
}

#[test]
fn one_that_is_stopped_while_it_starts_puts_back_first_what_was_left() {
    let site = Site::new();
    let (root, state) = (site.path("root"), site.path("state"));
    let file = root.join("a/cpu.max");
    fs::create_dir_all(root.join("a")).unwrap();
    fs::write(root.join("cgroup.controllers"), "cpu memory\n").unwrap();
    fs::write(&file, "max 100000\n").unwrap();
    // One that dies with a limit in force.
    let id = fs::metadata(root.join("a")).unwrap().ino();
    let permit = WritePermit::of(Mode::Enforce).unwrap();
    let journal = Journal::open(&state).unwrap();
    let mut writer = LimitWriter::new(permit, root.clone(), journal);
    let cgroup = CgroupRef { path: "a", id };
    writer.set(cgroup, Knob::CpuMax, 1.0).unwrap();
    drop(writer);
    // The next one has to wait for somebody who is just restoring.
    let other = fs::File::options()
        .write(true)
        .open(state.join("takeover.lock"))
        .unwrap();
    other.lock().unwrap();
    site.write_config(&format!("cgroup_root = {:?}\n", root.to_str().unwrap()));
    let agent = Agent::begin(&site, &[]);
    agent.signal(Signal::SIGTERM);
    other.unlock().unwrap();
    let ended = agent.stop(Signal::SIGTERM);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), "max 100000\n");
}

#[test]
fn what_is_known_of_the_series_survives_a_restart() {
    let site = Site::new();
    let args = ["--tick-ms", "100"];
    let agent = Agent::start(&site, &args);
    let covered = |agent: &Agent| {
        let all = agent.get("/v1/workloads");
        let workloads = all["workloads"].as_array().unwrap();
        workloads.iter().any(|w| {
            let forecast = &w["cpu_forecast"];
            forecast["driver"].is_string() && forecast["coverage"]["q90"].is_number()
        })
    };
    agent.wait_until("outcomes of forecasts", covered);
    let (state, cause) = component(&agent, "forecast_state");
    assert!(state == "healthy" && !cause.contains("restored"), "{cause}");
    let ended = agent.stop(Signal::SIGTERM);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(site.path("state").join("forecasts").exists());

    let agent = Agent::start(&site, &args);
    let (state, cause) = component(&agent, "forecast_state");
    assert!(state == "healthy" && cause.contains("restored"), "{cause}");
    // Before a new forecast could have an outcome.
    assert!(covered(&agent), "{}", agent.get("/v1/workloads"));
}

#[test]
fn every_part_of_the_status_is_a_named_state() {
    let site = Site::new();
    let agent = Agent::start(&site, &[]);
    for name in [
        "forecast_state",
        "probe.cpu",
        "probe.network",
        "probe.cgroup-events",
        "probe.oom-events",
        "cgroup.cpu",
        "cgroup.memory",
        "discovery",
        "links",
        "model",
        "coordinator",
    ] {
        let (state, cause) = component(&agent, name);
        assert!(
            ["healthy", "degraded", "unsupported", "off"].contains(&state.as_str()),
            "{state}"
        );
        assert!(!cause.is_empty(), "{name} says nothing");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name() {
    let site = Site::new();
    site.write_config("mode = \"observe\"\ntick_mss = 500\n");
    let ended = Agent::run_to_end(&site, &[]);
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    one_line(&ended);
    for part in ["tick_mss", "tick_ms", "agent.toml"] {
        assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
    }
}

#[test]
fn check_config_prints_what_is_in_force() {
    let site = Site::new();
    site.write_config("tick_ms = 700\n");
    let ended = Agent::run_to_end(&site, &["--check-config"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("tick_ms = 700"), "{}", ended.stdout);
    assert!(!site.socket().exists(), "nothing is started");
}

#[test]
fn a_bad_flag_is_a_usage_error() {
    let ended = Agent::run_to_end(&Site::new(), &["--no-such-flag"]);
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
}

#[test]
fn without_a_model_the_baseline_forecasts_and_says_so() {
    let site = Site::new();
    let nothing = site.path("no-model");
    fs::create_dir(&nothing).unwrap();
    let agent = Agent::start(
        &site,
        &["--model", nothing.to_str().unwrap(), "--tick-ms", "100"],
    );
    let (state, cause) = component(&agent, "model");
    assert_eq!(state, "degraded");
    assert!(
        cause.contains("baseline") && cause.contains("no-model"),
        "{cause}"
    );
    agent.wait_until("baseline forecasts", |agent| {
        let all = agent.get("/v1/workloads");
        let workloads = all["workloads"].as_array().unwrap();
        workloads
            .iter()
            .any(|w| w["cpu_forecast"]["source"] == "baseline")
    });
}

#[test]
fn an_unreadable_model_is_a_degraded_state() {
    let site = Site::new();
    let model = site.path("bad-model");
    fs::create_dir(&model).unwrap();
    fs::write(model.join("contract.json"), "{ not json").unwrap();
    fs::write(model.join("model.onnx"), [0_u8; 100]).unwrap();
    let agent = Agent::start(&site, &["--model", model.to_str().unwrap()]);
    let (state, cause) = component(&agent, "model");
    assert_eq!(state, "degraded");
    assert!(cause.contains("contract.json"), "{cause}");
}

#[test]
fn a_coordinator_that_is_away_is_a_degraded_state() {
    let site = Site::new();
    // A port that was free a moment ago: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("http://127.0.0.1:{port}");
    let agent = Agent::start(&site, &["--coordinator", &address, "--tick-ms", "100"]);
    agent.wait_until("the refusal", |agent| {
        let (state, cause) = component(agent, "coordinator");
        state == "degraded" && cause.contains("cannot reach") && cause.contains("queued")
    });
}

#[test]
fn a_taken_metrics_port_is_named() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Agent::run_to_end(&site, &["--metrics", &address]);
    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    one_line(&ended);
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
}

#[test]
fn a_socket_of_another_agent_is_left_alone() {
    let site = Site::new();
    let first = Agent::start(&site, &[]);
    // Another state directory: this is about the socket, not about the journal.
    let other = site.path("other-state");
    let ended = Agent::run_to_end(&site, &["--state-dir", other.to_str().unwrap()]);
    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    one_line(&ended);
    assert!(ended.stderr.contains("agent.sock"), "{}", ended.stderr);
    assert_eq!(
        first.get("/v1/status")["api_version"],
        "v1",
        "the first one still serves"
    );
}

#[test]
fn a_file_in_the_place_of_the_socket_is_not_overwritten() {
    let site = Site::new();
    fs::write(site.socket(), "precious").unwrap();
    let ended = Agent::run_to_end(&site, &[]);
    assert_ne!(ended.code, Some(0));
    one_line(&ended);
    assert_eq!(fs::read_to_string(site.socket()).unwrap(), "precious");
}

#[test]
fn a_stale_socket_is_replaced() {
    let site = Site::new();
    let agent = Agent::start(&site, &[]);
    agent.stop(Signal::SIGKILL);
    assert!(site.socket().exists(), "kill -9 leaves the file");
    let again = Agent::start(&site, &[]);
    assert_eq!(again.get("/v1/status")["api_version"], "v1");
}

#[test]
fn without_root_it_runs_and_names_what_it_lacks() {
    let site = Site::new();
    let Some(agent) = Agent::start_unprivileged(&site, &["--tick-ms", "100"]) else {
        // Run as an ordinary user, every test of this file is this test.
        return;
    };
    let (state, cause) = component(&agent, "probe.network");
    assert_eq!(state, "unsupported");
    assert!(cause.contains("root"), "{cause}");
    assert_ne!(component(&agent, "probe.cpu").0, "healthy");
    agent.wait_until("workloads", |agent| {
        agent.get("/v1/workloads")["workloads"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    });
    assert_eq!(agent.stop(Signal::SIGINT).code, Some(0));
}

#[test]
fn probes_that_are_switched_off_say_so() {
    let site = Site::new();
    site.write_config("[probes]\ncpu = false\nnetwork = false\nevents = false\n");
    let agent = Agent::start(&site, &[]);
    for name in [
        "probe.cpu",
        "probe.network",
        "probe.cgroup-events",
        "probe.oom-events",
    ] {
        assert_eq!(component(&agent, name).0, "off", "{name}");
    }
}

#[test]
fn the_tick_keeps_going_while_clients_misbehave() {
    use std::io::Write as _;
    let site = Site::new();
    let agent = Agent::start(&site, &["--tick-ms", "100"]);
    // Half a request on twenty connections, left open.
    let open: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = std::os::unix::net::UnixStream::connect(site.socket()).unwrap();
            stream.write_all(b"GET /v1/sta").unwrap();
            stream
        })
        .collect();
    let ticks = |agent: &Agent| match agent.get("/v1/status")["ticks"] {
        Value::Number(ref n) => n.as_u64().unwrap(),
        ref other => panic!("{other}"),
    };
    let before = ticks(&agent);
    agent.wait_until("further ticks", |agent| ticks(agent) > before + 3);
    drop(open);
}

#[test]
fn it_never_manages_its_own_cgroup() {
    let Ok(root) = llmos_cgroupfs::Root::find() else {
        return;
    };
    let name = |which: &str| format!("llmos-agent-test-{}-{which}", std::process::id());
    let (own, other) = (
        root.path().join(name("own")),
        root.path().join(name("other")),
    );
    if fs::create_dir(&own).is_err() {
        // Only root may make cgroups; as an ordinary user the agent cannot manage any.
        return;
    }
    fs::create_dir(&other).unwrap();
    let site = Site::new();
    site.write_config("[[workload]]\nmatch = \"**\"\nenforce = true\n");
    let agent = Agent::start_in(&site, &own, &[]);
    let all = agent.get("/v1/workloads");
    let managed = |which: &str| {
        let list = all["workloads"].as_array().unwrap();
        let found = list.iter().find(|w| w["cgroup"] == name(which).as_str());
        found.unwrap_or_else(|| panic!("no {which} in {all}"))["managed"]
            .as_bool()
            .unwrap()
    };
    let seen = (managed("own"), managed("other"));
    drop(agent);
    fs::remove_dir(&own).unwrap();
    fs::remove_dir(&other).unwrap();
    assert_eq!(seen, (false, true));
}
