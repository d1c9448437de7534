//! `llmosctl top` on a real pseudo terminal: keys, resize, an agent that goes away, a clean end.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

#[path = "../../agent/tests/common/mod.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use llmos_agent::status::StatusServer;
use nix::pty::{OpenptyResult, Winsize, openpty};
use tokio::runtime::Runtime;

#[allow(
    missing_docs,
    reason = "the macros make public functions without comments"
)]
mod ioctl {
    nix::ioctl_write_ptr_bad!(set_size, nix::libc::TIOCSWINSZ, nix::pty::Winsize);
    nix::ioctl_write_int_bad!(take_terminal, nix::libc::TIOCSCTTY);
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// A program on a terminal of its own, and all that it wrote.
struct Terminal {
    child: Child,
    keys: File,
    written: Arc<Mutex<String>>,
}

impl Terminal {
    fn open(command: &mut Command, columns: u16, rows: u16) -> Self {
        let OpenptyResult { master, slave } =
            openpty(&size(columns, rows), None).expect("a terminal");
        let slave = File::from(slave);
        // SAFETY: both calls are system calls and nothing else, as a fresh fork wants it.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                // Standard input is the terminal by now; size and signals come from it alone.
                ioctl::take_terminal(0, 0)?;
                Ok(())
            });
        }
        let child = command
            .stdin(slave.try_clone().map(Stdio::from).expect("a copy"))
            .stdout(slave.try_clone().map(Stdio::from).expect("a copy"))
            .stderr(Stdio::from(slave))
            .spawn()
            .expect("runs");
        // Else our own copies would keep the terminal open after the program's end.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let keys = File::from(master);
        let mut screen = keys.try_clone().expect("a copy");
        let written = Arc::new(Mutex::new(String::new()));
        let all = written.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                all.lock().expect("whole").push_str(&text);
            }
        });
        Self {
            child,
            keys,
            written,
        }
    }

    fn press(&mut self, key: &str) {
        self.keys.write_all(key.as_bytes()).expect("pressed");
    }

    fn resize(&self, columns: u16, rows: u16) {
        // SAFETY: the file is a terminal and the size outlives the call.
        unsafe { ioctl::set_size(self.keys.as_raw_fd(), &size(columns, rows)) }.expect("resized");
    }

    /// Forgets what was written before.
    fn forget(&self) {
        self.written.lock().expect("whole").clear();
    }

    fn wait_for(&self, what: &str, seen: impl Fn(&str) -> bool) {
        let begin = Instant::now();
        loop {
            let text = self.written.lock().expect("whole").clone();
            if seen(&text) {
                return;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(15),
                "no {what} in {text:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(mut self) -> (Option<i32>, String) {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("waits") {
                std::thread::sleep(Duration::from_millis(50));
                let text = self.written.lock().expect("whole").clone();
                return (status.code(), text);
            }
            if begin.elapsed() > Duration::from_secs(10) {
                self.child.kill().expect("killed");
                panic!("did not end");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

struct Agent {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    runtime: Runtime,
}

fn agent() -> (Agent, StatusServer) {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("agent.sock");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let server = serve(&runtime, &socket);
    let agent = Agent {
        _folder: folder,
        socket,
        runtime,
    };
    (agent, server)
}

fn serve(runtime: &Runtime, socket: &Path) -> StatusServer {
    runtime
        .block_on(StatusServer::start(
            socket,
            None,
            common::board(3),
            common::switch_at(socket),
        ))
        .expect("starts")
}

fn top(agent: &Agent) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmosctl"));
    command
        .arg("--socket")
        .arg(&agent.socket)
        .arg("top")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR");
    command
}

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";
const HIDE_CURSOR: &str = "\u{1b}[?25l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

#[test]
fn the_table_lives_and_the_terminal_comes_back() {
    let (agent, _server) = agent();
    let mut terminal = Terminal::open(&mut top(&agent), 200, 24);
    terminal.wait_for("a table", |t| {
        t.contains("web.service") && t.contains("cron.service")
    });
    terminal.wait_for("its own screen", |t| {
        t.contains(ENTER) && t.contains(HIDE_CURSOR)
    });
    terminal.wait_for("help", |t| t.contains("c CPU  m memory  n network  q quit"));
    terminal.wait_for("a bold heading", |t| t.contains("\u{1b}[1mWORKLOAD"));

    terminal.forget();
    terminal.press("m");
    terminal.wait_for("a picture after a key", |t| t.contains("web.service"));

    terminal.forget();
    terminal.resize(60, 4);
    terminal.wait_for("a picture that fits", |t| t.contains("2 more workloads"));
    let text = terminal.written.lock().expect("whole").clone();
    assert!(!text.contains("LAST CHANGE"), "cut at 60 columns: {text:?}");

    terminal.press("q");
    let (code, text) = terminal.end();
    assert_eq!(code, Some(0), "{text:?}");
    assert!(
        text.contains(LEAVE) && text.contains(SHOW_CURSOR),
        "{text:?}"
    );
}

#[test]
fn an_agent_that_restarts_is_waited_for() {
    let (agent, server) = agent();
    let mut terminal = Terminal::open(&mut top(&agent), 200, 24);
    terminal.wait_for("a table", |t| t.contains("web.service"));
    agent.runtime.block_on(server.stop());
    terminal.forget();
    terminal.wait_for("the cause beside the last picture", |t| {
        t.contains("cannot reach the agent") && t.contains("web.service")
    });
    let _again = serve(&agent.runtime, &agent.socket);
    terminal.forget();
    terminal.wait_for("a fresh picture", |t| t.contains("node-1: observe"));
    terminal.press("\u{3}");
    let (code, text) = terminal.end();
    assert_eq!(code, Some(0), "ctrl-c ends it like q: {text:?}");
    assert!(text.contains(LEAVE), "{text:?}");
}

#[test]
fn no_color_is_obeyed() {
    let (agent, _server) = agent();
    let mut terminal = Terminal::open(top(&agent).env("NO_COLOR", "1"), 200, 24);
    terminal.wait_for("a table", |t| t.contains("web.service"));
    terminal.press("q");
    let (_, text) = terminal.end();
    assert!(
        !text.contains("\u{1b}[1m") && !text.contains("\u{1b}[2m"),
        "{text:?}"
    );
}

#[test]
fn without_an_agent_the_terminal_is_left_alone() {
    let (agent, server) = agent();
    agent.runtime.block_on(server.stop());
    let terminal = Terminal::open(&mut top(&agent), 80, 24);
    let (code, text) = terminal.end();
    assert_eq!(code, Some(69));
    assert!(
        text.contains("cannot reach the agent") && !text.contains(ENTER),
        "{text:?}"
    );
}
