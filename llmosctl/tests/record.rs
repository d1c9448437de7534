//! `record` against a real status server, and `recording` on what it wrote.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

#[path = "../../agent/tests/common/mod.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{CRON, WEB, published};
use llmos_agent::board::Board;
use llmos_agent::status::StatusServer;
use llmos_recording::{Batch, Column, Info, Reader, Row, Tail, Writer};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::Runtime;

const TICK_MS: u64 = 100;

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.expect("after 1970").as_millis()).expect("fits")
}

/// An agent that ticks: each tick's CPU use tells its number.
struct Agent {
    folder: tempfile::TempDir,
    socket: PathBuf,
    board: Arc<Board>,
    runtime: Runtime,
    server: Option<StatusServer>,
    stop: Arc<AtomicBool>,
    ticking: Option<JoinHandle<()>>,
}

impl Agent {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let mut status = common::status();
        status.tick_ms = TICK_MS;
        let board = Board::new(status);
        let stop = Arc::new(AtomicBool::new(false));
        let (shown, stopped) = (board.clone(), stop.clone());
        let ticking = std::thread::spawn(move || {
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                number += 1;
                let mut tick = published(number);
                tick.status.tick_ms = TICK_MS;
                tick.at_unix_ms = now_ms();
                shown.publish(tick);
                std::thread::sleep(Duration::from_millis(TICK_MS));
            }
        });
        let mut agent = Self {
            socket: folder.path().join("agent.sock"),
            folder,
            board,
            runtime,
            server: None,
            stop,
            ticking: Some(ticking),
        };
        agent.serve();
        agent
    }

    fn serve(&mut self) {
        let switch = common::switch_at(&self.socket);
        let start = StatusServer::start(&self.socket, None, self.board.clone(), switch);
        self.server = Some(self.runtime.block_on(start).expect("starts"));
    }

    fn go_away(&mut self) {
        let server = self.server.take().expect("serves");
        self.runtime.block_on(server.stop());
    }

    fn record(&self, more: &[&str]) -> (Child, PathBuf) {
        let file = self.folder.path().join("r.arrows");
        let child = ctl(&self.socket)
            .args(["record", "--out"])
            .arg(&file)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        (child, file)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ticking = self.ticking.take().expect("not joined yet");
        ticking.join().expect("ends");
    }
}

fn ctl(socket: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmosctl"));
    command.env("LLMOS_SOCKET", socket);
    command
}

fn recording(args: &[&str], file: &Path) -> Output {
    let mut command = ctl(Path::new("/nonexistent/agent.sock"));
    command.arg("recording").args(args).arg(file);
    command.output().expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn read(file: &Path) -> (Vec<Batch>, Tail) {
    let mut reader = Reader::open(file).expect("opens");
    assert_eq!(reader.info().node, "node-1");
    assert_eq!(reader.info().tick_ms, TICK_MS);
    let batches = reader.by_ref().map(|batch| batch.expect("reads")).collect();
    (batches, reader.tail().cloned().expect("at the end"))
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !there() {
        assert!(begin.elapsed() < Duration::from_secs(30), "no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ended_by(signal: Signal, child: Child) -> Output {
    let pid = i32::try_from(child.id()).expect("fits");
    kill(Pid::from_raw(pid), signal).expect("sent");
    child.wait_with_output().expect("ends")
}

#[test]
fn every_number_of_the_socket_is_in_the_file() {
    let agent = Agent::start();
    let (child, file) = agent.record(&["--seconds", "2"]);
    let output = child.wait_with_output().expect("ends");
    let said = good(&output);
    let (batches, tail) = read(&file);
    assert_eq!(tail, Tail::Whole);
    let rows: Vec<_> = batches.iter().flat_map(Batch::rows).collect();
    let (cron, web): (Vec<Row<'_>>, Vec<Row<'_>>) =
        rows.into_iter().partition(|row| row.workload() == 77);
    assert!(web.len() >= 3, "{said}");
    assert_eq!(web.len(), cron.len());
    let ticks = format!("{} rows of {} ticks", web.len() + cron.len(), web.len());
    assert!(said.contains(&ticks), "{ticks:?} is not in {said}");
    assert!(said.starts_with(&file.display().to_string()), "{said}");

    let mut last = 0;
    for row in &web {
        assert_eq!(row.cgroup(), WEB);
        let (usage, limits) = (row.usage(), row.limits());
        // The use tells the tick: each once, and in order.
        let number = ((usage.cpu_cores.expect("known") - 0.5) * 100.0).round() as u32;
        assert!(number > last, "{number} after {last}");
        last = number;
        let shown = &common::workloads(number)[0];
        assert_eq!((usage, &limits), (shown.usage, &shown.limits));
    }
    assert!(
        web.windows(2)
            .all(|w| w[0].at_unix_ms() < w[1].at_unix_ms())
    );
    for row in &cron {
        assert_eq!(row.cgroup(), CRON);
        assert_eq!(
            row.usage(),
            common::workloads(1)[1].usage,
            "unknown stays unknown"
        );
        assert_eq!(row.limits(), common::workloads(1)[1].limits);
    }
}

#[test]
fn ctrl_c_and_termination_end_it_whole() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let agent = Agent::start();
        let (child, file) = agent.record(&["--json"]);
        wait_for("beginning of the file", || {
            std::fs::metadata(&file).is_ok_and(|file| file.len() > 0)
        });
        std::thread::sleep(Duration::from_millis(5 * TICK_MS));
        let said = good(&ended_by(signal, child));
        let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        let (batches, tail) = read(&file);
        assert_eq!(tail, Tail::Whole);
        let rows: usize = batches.iter().map(Batch::len).sum();
        assert!(rows > 0);
        assert_eq!(said["rows"], rows);
        assert_eq!(said["unanswered"], 0);
        assert_eq!(
            said["bytes"],
            std::fs::metadata(&file).expect("there").len()
        );
    }
}

#[test]
fn after_a_kill_the_file_opens_and_is_called_cut() {
    let agent = Agent::start();
    let (child, file) = agent.record(&[]);
    wait_for("beginning of the file", || {
        std::fs::metadata(&file).is_ok_and(|file| file.len() > 0)
    });
    ended_by(Signal::SIGKILL, child);
    let (batches, tail) = read(&file);
    assert!(batches.is_empty(), "the first minute was not over");
    assert!(matches!(tail, Tail::Cut { .. }));
    let shown = good(&recording(&["show"], &file));
    assert!(shown.contains("not whole: no mark of the end"), "{shown}");
    assert!(shown.contains("span       no tick"), "{shown}");
}

#[test]
fn an_agent_that_restarts_is_waited_for() {
    let mut agent = Agent::start();
    let (child, file) = agent.record(&["--json"]);
    wait_for("beginning of the file", || {
        std::fs::metadata(&file).is_ok_and(|file| file.len() > 0)
    });
    std::thread::sleep(Duration::from_millis(3 * TICK_MS));
    agent.go_away();
    let away = now_ms();
    std::thread::sleep(Duration::from_millis(5 * TICK_MS));
    agent.serve();
    let back = now_ms();
    std::thread::sleep(Duration::from_millis(5 * TICK_MS));
    let said = good(&ended_by(Signal::SIGINT, child));
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert!(said["unanswered"].as_u64() > Some(0), "{said}");
    assert!(said["missing_ticks"].as_u64() > Some(0), "{said}");
    let error = said["last_error"].as_str().expect("said");
    assert!(error.contains("cannot reach the agent"), "{error}");
    let (batches, _) = read(&file);
    let clocks: Vec<u64> = batches
        .iter()
        .flat_map(Batch::rows)
        .map(|row| u64::try_from(row.at_unix_ms()).expect("after 1970"))
        .collect();
    assert!(clocks.iter().any(|at| *at < away) && clocks.iter().any(|at| *at > back - TICK_MS));

    let shown: serde_json::Value =
        serde_json::from_str(&good(&recording(&["show", "--json"], &file))).expect("JSON");
    assert_eq!(shown["missing_ticks"], said["missing_ticks"]);
    assert_eq!(shown["rows"], said["rows"]);
    assert!(shown["cut"].is_null());
}

#[test]
fn a_file_that_is_there_is_left_alone() {
    let agent = Agent::start();
    let file = agent.folder.path().join("r.arrows");
    std::fs::write(&file, "precious").expect("written");
    let (child, _) = agent.record(&["--seconds", "1"]);
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.starts_with("llmosctl: cannot create ") && error.contains("exists"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("read"), "precious");
}

/// Ten ticks, three of them missing, in a file of known numbers.
fn known(folder: &Path) -> PathBuf {
    let info = Info {
        start_unix_ms: common::START_MS,
        ..Info::of(&common::status())
    };
    let mut writer = Writer::new(Vec::new(), &info, Column::all()).expect("begins");
    let mut tick = writer.tick();
    for number in [0, 1, 2, 6, 7, 8, 9] {
        tick.restart(i64::try_from(common::START_MS).expect("fits") + number * 1000);
        let mut row = tick.push(u64::MAX, "a,\"b\"");
        row.set("cpu_cores", 0.5);
        row.set("limit_memory_max_bytes", 1e15);
        tick.push(5, "b");
        writer.push(&tick).expect("takes it");
    }
    let file = folder.join("known.arrows");
    std::fs::write(&file, writer.finish().expect("ends")).expect("written");
    file
}

#[test]
fn show_tells_span_gaps_size_and_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = known(folder.path());
    let shown = good(&recording(&["show"], &file));
    for part in [
        "node       node-1, kernel 6.12.0, 4 CPUs, 8.0 GiB",
        "agent      0.1.0, tick 1000 ms",
        "span       2023-11-14 22:13:20 UTC to 2023-11-14 22:13:29 UTC, 9 s",
        "ticks      7, 3 missing in 1 gaps, the longest 4 s",
        "workloads  2",
        "rows       14 in 1 batches, ",
        "end        whole",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    let cpu = shown.lines().find(|line| line.starts_with("cpu_cores "));
    let words: Vec<_> = cpu.expect("a column").split_whitespace().collect();
    assert_eq!(words[1..4], ["50", "%", "cores"]);
}

#[test]
fn csv_has_every_row_and_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = known(folder.path());
    let csv = good(&recording(&["csv"], &file));
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 15);
    let names: Vec<&str> = lines[0].split(',').collect();
    assert_eq!(names[..3], ["at_unix_ms", "workload", "cgroup"]);
    let columns = Column::all();
    assert!(
        names[3..].iter().eq(columns.iter().map(|c| &c.name)),
        "{names:?}"
    );
    let numbers = |column: &str| match column {
        "cpu_cores" => ",0.5",
        "limit_memory_max_bytes" => ",1000000000000000",
        _ => ",",
    };
    let row: String = columns.iter().map(|c| numbers(&c.name)).collect();
    let id = u64::MAX;
    assert_eq!(lines[1], format!("1700000000000,{id},\"a,\"\"b\"\"\"{row}"));
    assert_eq!(
        lines[14],
        format!("1700000009000,5,b{}", ",".repeat(columns.len()))
    );

    // A file that was cut gives what is whole and says so, but not among the rows.
    let whole = std::fs::read(&file).expect("read");
    std::fs::write(&file, &whole[..whole.len() - 1]).expect("written");
    let output = recording(&["csv"], &file);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), csv);
    assert!(
        text(&output.stderr).contains("is not whole"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_is_no_recording_is_said_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trace.csv");
    std::fs::write(&file, "series_id,t,cpu\n").expect("written");
    for look in ["show", "csv"] {
        let output = recording(&[look], &file);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{error}");
        assert!(
            error.contains("trace.csv is no recording of llmosctl"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
        let output = recording(&[look], &folder.path().join("nothing"));
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.starts_with("llmosctl: cannot read "), "{error}");
    }
}
