//! Real processes: a writer that is stopped or killed, and the watchdog that puts its limits back.
//!
//! The writer is this test program again, started for the one test that is no test then.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use llmos_cgroupfs::{CgroupRef, Journal, LimitWriter, SetError, WritePermit};
use llmos_engine::decide::Knob;
use llmos_engine::policy::Mode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Says to this program that it is the writer, and where.
const WRITER: &str = "LLMOS_TEST_WRITER";
const ORIGINAL: &str = "max 100000\n";
const LEASE: Duration = Duration::from_millis(500);
/// Far longer than anything here takes, also on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(60);

/// The writer: one new limit after another, a line for each try. Told to on its standard input, it
/// begins anew after a takeover.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(WRITER).map(PathBuf::from) else {
        return;
    };
    let (wishes, wish) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            wishes.send(line.unwrap()).unwrap();
        }
    });
    let mut journal = Journal::open(&folder.join("state")).unwrap();
    journal.set_lease(LEASE);
    let permit = WritePermit::of(Mode::Enforce).unwrap();
    let mut writer = LimitWriter::new(permit, folder.join("root"), journal);
    let id = fs::metadata(folder.join("root/a")).unwrap().ino();
    let cgroup = CgroupRef { path: "a", id };
    for step in 0_u32.. {
        // What the agent does at a tick.
        let renewed = writer.renew().is_ok();
        match writer.set(cgroup, Knob::CpuMax, f64::from(1 + step % 7)) {
            Ok(_) => println!("wrote, lease {renewed}"),
            Err(SetError::Fenced(_)) => println!("fenced, lease {renewed}"),
            Err(error) => println!("failed: {error}"),
        }
        if wish.try_recv().is_ok() {
            let report = writer.reopen(Duration::from_secs(10)).unwrap();
            println!("begun anew: {report}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Node {
    folder: tempfile::TempDir,
}

impl Node {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("a")).unwrap();
        fs::write(root.join("cgroup.controllers"), "cpu memory\n").unwrap();
        fs::write(root.join("a/cpu.max"), ORIGINAL).unwrap();
        Self { folder }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn limit(&self) -> String {
        fs::read_to_string(self.folder.path().join("root/a/cpu.max")).unwrap()
    }

    fn writer(&self) -> Running {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "writer", "--nocapture"])
            .env(WRITER, self.folder.path());
        Running::start(command, false)
    }

    fn watchdog(&self) -> Running {
        let watchdog = Running::start(self.command(), true);
        watchdog.wait("watching the limits of ");
        watchdog
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmos-watchdog"));
        command
            .args(["--poll-ms", "50", "--state-dir"])
            .arg(self.state())
            .arg("--cgroup-root")
            .arg(self.folder.path().join("root"));
        command
    }
}

/// A process, its lines, and its end when this is dropped.
struct Running {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Running {
    /// Reads its standard output, or its standard error.
    fn start(mut command: Command, error: bool) -> Self {
        command.stdin(Stdio::piped());
        if error {
            command.stderr(Stdio::piped());
        } else {
            command.stdout(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            let stream: Box<dyn std::io::Read> = match (out, err) {
                (Some(out), _) => Box::new(out),
                (_, Some(err)) => Box::new(err),
                _ => return,
            };
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            input,
            lines,
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).unwrap();
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line from now on that has `wanted` in it.
    fn wait(&self, wanted: &str) -> String {
        let end = Instant::now() + LIMIT;
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(end - Instant::now()) {
            if line.contains(wanted) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {wanted:?} among {seen:?}");
    }

    /// Lines that are there already.
    fn said(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_stopped_writer_loses_its_limits_and_writes_nothing_until_it_has_begun_anew() {
    let node = Node::new();
    let mut writer = node.writer();
    writer.wait("wrote, lease true");
    let watchdog = node.watchdog();
    assert_ne!(node.limit(), ORIGINAL);

    writer.signal(Signal::SIGSTOP);
    let line = watchdog.wait("limits put back");
    let pid = writer.pid();
    let ran_out = format!("process {pid} has not renewed its lease: limits put back: 1 restored");
    let fenced = format!("process {pid} still holds the journal and is fenced off");
    assert!(line.contains(&ran_out) && line.contains(&fenced), "{line}");
    assert_eq!(node.limit(), ORIGINAL);

    writer.said();
    writer.signal(Signal::SIGCONT);
    // One write may have been under way; it is undone although the writer does not answer.
    writer.wait("fenced, lease false");
    until("a late write is undone", || node.limit() == ORIGINAL);
    for _ in 0..20 {
        assert_eq!(writer.wait("lease"), "fenced, lease false");
        assert_eq!(node.limit(), ORIGINAL);
    }

    writer.input.write_all(b"begin anew\n").unwrap();
    writer.wait("begun anew: 1 restored, 0 skipped, 0 failed");
    watchdog.wait("has begun anew or is gone");
    writer.wait("wrote, lease true");
    until("the writer goes on", || node.limit() != ORIGINAL);
    // And all of it once more, for a lease that was begun anew.
    writer.signal(Signal::SIGSTOP);
    watchdog.wait("limits put back");
    assert_eq!(node.limit(), ORIGINAL);
}

#[test]
fn a_late_write_of_a_stopped_writer_is_undone() {
    let node = Node::new();
    let writer = node.writer();
    writer.wait("wrote, lease true");
    let watchdog = node.watchdog();
    writer.signal(Signal::SIGSTOP);
    watchdog.wait("limits put back");
    // What the writer would do if it had been stopped after its look at the fence.
    fs::write(node.folder.path().join("root/a/cpu.max"), "5 100000\n").unwrap();
    let line = watchdog.wait("after a late write");
    assert!(line.contains("has not answered the fence"), "{line}");
    assert_eq!(node.limit(), ORIGINAL);
    // It dies without an answer: now the journal itself is cleared.
    writer.signal(Signal::SIGKILL);
    until("the journal is cleared", || {
        let journal = fs::read_to_string(node.state().join("journal")).unwrap();
        journal.lines().count() == 1
    });
    assert_eq!(node.limit(), ORIGINAL);
}

#[test]
fn a_killed_writer_loses_its_limits_when_its_lease_runs_out() {
    let node = Node::new();
    let writer = node.writer();
    writer.wait("wrote, lease true");
    let watchdog = node.watchdog();
    writer.signal(Signal::SIGKILL);
    let line = watchdog.wait("limits put back");
    assert!(!line.contains("fenced off"), "{line}");
    assert_eq!(node.limit(), ORIGINAL);
    assert!(Journal::open(&node.state()).unwrap().is_empty());
    // A person's value stays: nothing is owed any more.
    fs::write(node.folder.path().join("root/a/cpu.max"), "7 100000\n").unwrap();
    let next = node.writer();
    next.wait("wrote, lease true");
    next.signal(Signal::SIGKILL);
    watchdog.wait("limits put back");
    assert_eq!(node.limit(), "7 100000\n");
}

#[test]
fn a_writer_that_is_well_is_left_alone() {
    let node = Node::new();
    let watchdog = Running::start(node.command(), true);
    watchdog.wait("does not exist yet: nothing to watch");
    let writer = node.writer();
    watchdog.wait("watching the limits of ");
    let start = Instant::now();
    while start.elapsed() < LEASE * 4 {
        let line = writer.wait("lease");
        // On a machine that stands still for a lease a takeover is right.
        if line.starts_with("fenced") {
            return;
        }
        assert_eq!(line, "wrote, lease true");
    }
    assert_eq!(watchdog.said(), Vec::<String>::new());
}

#[test]
fn a_lease_that_cannot_be_read_is_named_and_ends() {
    for (text, named) in [
        ("rubbish\n", "the lease cannot be read (no checksum)"),
        (
            "01e43483\tlease\tb\t00000000000000000007\t00000000000000012345\t0000000042\n",
            "the lease is of another boot",
        ),
    ] {
        let node = Node::new();
        let writer = node.writer();
        writer.wait("wrote, lease true");
        writer.signal(Signal::SIGSTOP);
        fs::write(node.state().join("lease"), text).unwrap();
        let watchdog = node.watchdog();
        let line = watchdog.wait("if that stays so");
        assert!(line.contains(named), "{line}");
        watchdog.wait("limits put back");
        assert_eq!(node.limit(), ORIGINAL);
    }
}

#[test]
fn what_cannot_be_used_costs_one_line_and_its_code() {
    let node = Node::new();
    let file = node.folder.path().join("root/cgroup.controllers");
    let run = |state: &Path, root: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_llmos-watchdog"))
            .arg("--state-dir")
            .arg(state)
            .arg("--cgroup-root")
            .arg(root)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        (output.status.code().unwrap(), said)
    };
    let root = node.folder.path().join("root");
    let (code, said) = run(&file, &root);
    assert_eq!(code, 74, "{said}");
    assert!(said.contains("Not a directory"), "{said}");
    let (code, said) = run(&node.state(), node.folder.path());
    assert_eq!(code, 69, "{said}");
    assert!(
        said.contains("expected a cgroup.controllers file"),
        "{said}"
    );

    fs::create_dir(node.state()).unwrap();
    let first = node.watchdog();
    let (code, said) = run(&node.state(), &root);
    assert_eq!(code, 75, "{said}");
    assert!(said.contains(&format!("process {}", first.pid())), "{said}");

    let wrong = Command::new(env!("CARGO_BIN_EXE_llmos-watchdog"))
        .arg("--poll-ms=soon")
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(64));
}

#[test]
fn it_is_small() {
    let node = Node::new();
    let writer = node.writer();
    writer.wait("wrote, lease true");
    let watchdog = node.watchdog();
    writer.signal(Signal::SIGSTOP);
    watchdog.wait("limits put back");
    let status = fs::read_to_string(format!("/proc/{}/status", watchdog.pid())).unwrap();
    let rss = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    let kib: u64 = rss.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 8 * 1024, "{rss}");
}
