//! The freeze switch of the real binary: by a file, by the socket's file, by signals, over restarts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "clippy's exception for tests does not reach their helpers, which other tests share"
)]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;
use serde_json::Value;
use support::{Agent, Site};

const ARGS: [&str; 2] = ["--tick-ms", "100"];

/// State and cause of the component.
fn component(agent: &Agent) -> (String, String) {
    let health = agent.get("/v1/health");
    let parts = health["components"].as_array().unwrap();
    let part = parts.iter().find(|part| part["name"] == "freeze").unwrap();
    let text = |key: &str| part[key].as_str().unwrap().to_owned();
    (text("state"), text("cause"))
}

/// The entry of the status.
fn cause(agent: &Agent, name: &str) -> Value {
    let status = agent.get("/v1/status");
    let all = status["freeze"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap().clone()
}

fn wait_for(agent: &Agent, frozen: bool, why: &str) {
    agent.wait_until(why, |agent| {
        let now = cause(agent, "switch");
        now["active"] == frozen && now["cause"].as_str().unwrap().contains(why)
    });
    let metrics = agent.get_text("/metrics");
    let line = format!("llmos_frozen{{cause=\"switch\"}} {}.0", u8::from(frozen));
    assert!(metrics.contains(&line), "no {line} in {metrics}");
    let (state, said) = component(agent);
    assert_eq!(said.contains("no limit is written: "), frozen, "{said}");
    assert!(!frozen || state == "degraded", "{state}");
}

/// A request to the switch; its answer's body.
fn throw(site: &Site, method: &str, body: &str) -> Value {
    let mut stream = UnixStream::connect(site.socket()).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} /v1/freeze HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_file_freezes_while_it_is_there() {
    let site = Site::new();
    let file = site.path("stop-it");
    site.write_config(&format!("[freeze]\nfile = {:?}\n", file.to_str().unwrap()));
    fs::write(&file, "database upgrade\nmore\n").unwrap();
    let agent = Agent::start(&site, &ARGS);
    let now = cause(&agent, "switch");
    let expected = (Value::from(true), Value::from("database upgrade"));
    assert_eq!(
        (now["active"].clone(), now["cause"].clone()),
        expected,
        "from the first tick on"
    );
    wait_for(&agent, true, "database upgrade");
    fs::write(&file, "").unwrap();
    wait_for(&agent, true, "no cause given");
    fs::remove_file(&file).unwrap();
    wait_for(&agent, false, "is not there");
    let ended = agent.stop(Signal::SIGTERM);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for (line, times) in [
        ("frozen: no limit is written", 2),
        ("not frozen any more", 1),
    ] {
        assert_eq!(
            ended.stderr.matches(line).count(),
            times,
            "{line}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_freeze_by_the_socket_survives_a_restart() {
    let site = Site::new();
    let agent = Agent::start(&site, &ARGS);
    let report = throw(&site, "POST", r#"{"cause": "incident 7"}"#);
    assert_eq!(
        (&report["frozen"], &report["not_kept"]),
        (&true.into(), &Value::Null)
    );
    let file = site.path("state").join("freeze");
    assert_eq!(report["file"], file.to_str().unwrap());
    wait_for(&agent, true, "incident 7");
    assert_eq!(agent.stop(Signal::SIGKILL).code, None);

    let agent = Agent::start(&site, &ARGS);
    wait_for(&agent, true, "incident 7");
    assert_eq!(throw(&site, "DELETE", "")["frozen"], false);
    assert!(!file.exists());
    wait_for(&agent, false, "is not there");
    drop(agent);
    let agent = Agent::start(&site, &ARGS);
    wait_for(&agent, false, "is not there");
}

#[test]
fn signals_freeze_and_unfreeze_and_the_freeze_survives_a_restart() {
    let site = Site::new();
    let agent = Agent::start(&site, &ARGS);
    let file = site.path("state").join("freeze");
    agent.signal(Signal::SIGUSR1);
    wait_for(&agent, true, "by signal SIGUSR1");
    agent.wait_until("the file", |_| file.exists());
    agent.stop(Signal::SIGKILL);
    let agent = Agent::start(&site, &ARGS);
    wait_for(&agent, true, "by signal SIGUSR1");
    agent.signal(Signal::SIGUSR2);
    wait_for(&agent, false, "is not there");
    assert!(!file.exists());
    // The last one counts, however close.
    agent.signal(Signal::SIGUSR2);
    agent.wait_until("that it goes on", |agent| {
        agent.get("/v1/freeze")["frozen"] == false
    });
    assert_eq!(agent.stop(Signal::SIGTERM).code, Some(0));
}

#[test]
fn each_look_at_the_node_is_shown_with_what_it_saw() {
    let site = Site::new();
    site.write_config("[freeze]\nio_pressure = 0\n");
    let agent = Agent::start(&site, &ARGS);
    for name in [
        "memory-pressure",
        "state-full",
        "clock",
        "lost",
        "sched-ext",
    ] {
        let one = cause(&agent, name);
        let state = one["state"].as_str().unwrap();
        assert!(["healthy", "unsupported"].contains(&state), "{one}");
        assert!(!one["cause"].as_str().unwrap().is_empty(), "{one}");
    }
    assert_eq!(cause(&agent, "io-pressure")["state"], "off");
    // Room for originals can be told everywhere, the more so where there is none that suffices.
    assert_eq!(cause(&agent, "state-full")["state"], "healthy");
    drop(agent);
    site.write_config("[freeze]\nstate_free = \"1048576TiB\"\n");
    let agent = Agent::start(&site, &ARGS);
    let full = cause(&agent, "state-full");
    assert_eq!(
        (&full["active"], &full["stops"]),
        (&true.into(), &"lowering".into())
    );
    let (state, said) = component(&agent);
    assert_eq!(state, "degraded");
    assert!(
        said.contains("no limit is lowered: ") && said.contains("MiB free"),
        "{said}"
    );
}
