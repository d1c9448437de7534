//! A measuring program that is told to end leaves no cgroup and no process behind.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::common::can_run;
use llmos_cgroupfs::Root;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn a_crowd_that_is_told_to_end_leaves_nothing() {
    if !can_run("a_crowd_that_is_told_to_end_leaves_nothing") {
        return;
    }
    let mut crowd = Command::new(env!("CARGO_BIN_EXE_native-bench"))
        .args(["crowd", "5"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Held to the end: the crowd also ends when its input does.
    let _input = crowd.stdin.take();
    let mut line = String::new();
    BufReader::new(crowd.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line.trim(), "ready 5");
    let prefix = format!("llmos-native-{}-", crowd.id());
    assert_eq!(left(&prefix), 1);
    kill(
        Pid::from_raw(i32::try_from(crowd.id()).unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    let status = crowd.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
    assert_eq!(left(&prefix), 0);
}

fn left(prefix: &str) -> usize {
    std::fs::read_dir(Root::find().unwrap().path())
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with(prefix)
        })
        .count()
}
