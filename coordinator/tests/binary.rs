//! The binary: exit codes, its lines, its end.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests; a failure here is a failed test"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

fn coordinator() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmos-coordinator"));
    for name in ["HTTP", "GRPC", "LOG"] {
        command.env_remove(format!("LLMOS_COORDINATOR_{name}"));
    }
    command
}

fn outcome(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_taken_port_ends_in_one_line_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, other) in [("--http", "--grpc"), ("--grpc", "--http")] {
        let (code, error) =
            outcome(coordinator().args([flag, &address, other, "127.0.0.1:0", "--log", "error"]));
        assert_eq!(code, Some(69), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(
            error.contains(&format!("cannot listen on {address}")),
            "{error}"
        );
        assert!(error.contains(flag), "{error}");
    }
}

#[test]
fn bad_flags_and_environment_are_usage_errors() {
    for args in [
        vec!["--htpt", "x"],
        vec!["--http", "nowhere"],
        vec!["--log", "a=b=c"],
    ] {
        assert_eq!(outcome(coordinator().args(&args)).0, Some(64), "{args:?}");
    }
    let (code, error) = outcome(coordinator().env("LLMOS_COORDINATOR_GRPC", "7781"));
    assert_eq!(code, Some(64), "{error}");
    assert_eq!(outcome(coordinator().arg("--help")).0, Some(0));
}

#[test]
fn check_config_starts_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = coordinator()
        .args(["--check-config", "--http", &address])
        .output()
        .unwrap();
    assert!(output.status.success());
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        line,
        format!("configuration is valid: http {address}, grpc 127.0.0.1:7781\n")
    );
}

fn wait_ready(child: &mut Child) -> (String, BufReader<std::process::ChildStderr>) {
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    (line, log)
}

#[test]
fn it_says_ready_with_both_addresses_and_ends_on_either_signal() {
    for signal in ["-TERM", "-INT"] {
        let mut child = coordinator()
            .args(["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (line, mut log) = wait_ready(&mut child);
        assert!(
            line.contains("ready") && line.matches("127.0.0.1:").count() == 2,
            "{line}"
        );
        let began = Instant::now();
        assert!(
            Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        assert!(began.elapsed().as_millis() < 1_000, "{:?}", began.elapsed());
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("stopping"), "{rest}");
    }
}
