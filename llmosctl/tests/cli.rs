//! The binary against a real status server: what people see, and what goes wrong.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

#[path = "../../agent/tests/common/mod.rs"]
mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{WEB, board, switch_at};
use llmos_agent::status::StatusServer;
use tokio::runtime::Runtime;

struct Agent {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    _server: StatusServer,
    _runtime: Runtime,
}

fn agent(ticks: u32) -> Agent {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("agent.sock");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let server = runtime
        .block_on(StatusServer::start(
            &socket,
            None,
            board(ticks),
            switch_at(&socket),
        ))
        .expect("starts");
    Agent {
        _folder: folder,
        socket,
        _server: server,
        _runtime: runtime,
    }
}

fn ctl(socket: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmosctl"));
    command.env("LLMOS_SOCKET", socket).args(args);
    command
}

fn run(socket: &Path, args: &[&str]) -> Output {
    ctl(socket, args).output().expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn good(socket: &Path, args: &[&str]) -> String {
    let output = run(socket, args);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        text(&output.stderr)
    );
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Exit code and the error, which is one line unless it lists candidates.
fn bad(socket: &Path, args: &[&str]) -> (i32, String) {
    let output = run(socket, args);
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    let error = text(&output.stderr);
    assert!(error.starts_with("llmosctl: "), "{error}");
    (output.status.code().expect("an exit code"), error)
}

#[test]
fn status_shows_the_node_and_each_part_with_its_cause() {
    let agent = agent(2);
    let shown = good(&agent.socket, &["status"]);
    for part in [
        "node       node-1, kernel 6.12.0",
        "4 CPUs, 8.0 GiB",
        "observe (computes and shows, writes nothing)",
        "1000 ms, 60 run, 1 late, median work 2.5 ms",
        "0.4 % of one CPU, 30.0 MiB of memory",
        "2, 1 managed, 1 limits changed now",
        "frozen     no limit is lowered: all tasks stalled for input and output 61.0 % of the time",
        "others     changed limits of ours: 2 systemd_reload; left to them: cpu.max of \
         system.slice/cron.service for 10 min 0 s more",
        "3 at ring buffer",
        "probe.cpu      healthy      sched_switch",
        "probe.network  degraded     no egress program: EPERM",
        "cgroup.memory  unsupported  no memory controller",
        "coordinator    off          no address configured",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn limits_are_frozen_with_a_cause_and_unfrozen() {
    let agent = agent(1);
    let file = agent.socket.with_file_name("freeze");
    let shown = good(&agent.socket, &["freeze", "--cause", "upgrade"]);
    let expected = format!(
        "frozen: upgrade\nno limit is written, until \"llmosctl unfreeze\"; kept in {}\n",
        file.display()
    );
    assert_eq!(shown, expected);
    let kept = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(kept, "upgrade\n");
    let json = good(&agent.socket, &["freeze", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&json["frozen"], &json["cause"]),
        (&true.into(), &"no cause given".into())
    );
    let shown = good(&agent.socket, &["unfreeze"]);
    assert_eq!(shown, "not frozen: limits are written again\n");
    assert!(!file.exists());
    let (code, error) = bad(&agent.socket, &["freeze", "--cause", "two\nlines"]);
    assert_eq!(code, 1);
    assert!(error.contains("a cause of one line"), "{error}");
    std::fs::create_dir_all(file.join("inner")).expect("in the way");
    let (_, error) = bad(&agent.socket, &["unfreeze"]);
    assert!(error.contains("still frozen: cannot remove"), "{error}");
}

#[test]
fn json_is_the_answer_of_the_socket() {
    let agent = agent(2);
    for (args, key) in [
        (&["status", "--json"][..], "components"),
        (&["--json", "top"], "workloads"),
        (&["explain", "4242", "--json"], "history"),
    ] {
        let shown = good(&agent.socket, args);
        let json: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(json["api_version"], "v1");
        assert!(json[key].is_array(), "{args:?}");
    }
}

#[test]
fn top_once_prints_all_columns() {
    let agent = agent(3);
    for args in [&["top", "--once"][..], &["top"]] {
        let shown = good(&agent.socket, args);
        let lines: Vec<_> = shown.lines().collect();
        assert!(
            lines[0].contains("node-1: observe, 2 workloads, 1 managed"),
            "{shown}"
        );
        assert!(lines[0].contains("next 10 s (95 %)"), "{shown}");
        let words: Vec<_> = lines[2].split_whitespace().collect();
        assert_eq!(
            words,
            [
                "WORKLOAD", "MANAGED", "CPU", "P95", "LIMIT", "TARGET", "MEMORY", "P95", "HIGH",
                "MAX", "NET", "IN", "NET", "OUT", "LAST", "CHANGE"
            ]
        );
        let web: Vec<_> = lines[3].split_whitespace().take(18).collect();
        assert_eq!(
            web,
            [
                "web.service",
                "yes",
                "0.53",
                "0.80",
                "1.00",
                "1.20",
                "100",
                "MiB",
                "180",
                "MiB",
                "128",
                "MiB",
                "-",
                "1.0",
                "MB/s",
                "2.0",
                "kB/s",
                "raise"
            ],
            "{shown}"
        );
        assert!(
            lines[3].contains("raise cpu.max") && lines[3].ends_with("ago, applied"),
            "{shown}"
        );
        let cron: Vec<_> = lines[4].split_whitespace().collect();
        assert_eq!(cron[..4], ["cron.service", "no", "0.00", "-"]);
        assert_eq!(lines.len(), 5);
    }
    let by_memory = good(&agent.socket, &["top", "--once", "--sort", "memory"]);
    assert!(
        by_memory
            .lines()
            .nth(3)
            .expect("a row")
            .starts_with("web.service")
    );
}

#[test]
fn explain_gives_reasons_in_order_and_the_last_changes() {
    let agent = agent(3);
    for wanted in ["4242", WEB, "web.service", "shop.slice"] {
        let shown = good(&agent.socket, &["explain", wanted]);
        for part in [
            "web.service (managed)",
            "cpu 0.53 cores, memory 100 MiB, in 1.0 MB/s, out 2.0 kB/s, throttled in 10 % of periods",
            "cpu.max 1.00 cores, memory.high 128 MiB, memory.max none",
            "set by    cgroup files at once, then systemd, so that limits last",
            "cpu peak (95 %): 0.80 cores in 10 s, 1.00 cores in 60 s, by the model",
            "led by the model (62 % of it), 8.0 % better than the best simple rule; \
             the model alone 5.0 % better",
            "last peaks at or below each quantile: 50.0 % at 50 %, 91.0 % at 90 %, 94.0 % at 95 %",
            "cpu.max 1.00 -> 1.50 cores, raise, applied\n  \
             1. the model expects a peak of 0.80 cores in the next 10 ticks (quantile 0.95)\n  \
             2. a margin of 20.0 % makes it 1.50 cores\n",
            "memory.high 128 MiB -> 128 MiB, hold, held\n  \
             1. not below the working set plus room: 100.0 MiB\n",
            "last changes\n  22:13:23 UTC (",
            "cpu.max 1.00 -> 1.30 cores, raise, applied",
        ] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
    }
}

#[test]
fn explain_lists_the_candidates_of_an_ambiguous_name() {
    let agent = agent(1);
    let (code, error) = bad(&agent.socket, &["explain", "system.slice"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("2 workloads match \"system.slice\""),
        "{error}"
    );
    assert!(error.contains("4242  system.slice/system-web"), "{error}");
    assert!(error.contains("77  system.slice/cron.service"), "{error}");
    let (code, error) = bad(&agent.socket, &["explain", "nothing-like-it"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("no workload matches \"nothing-like-it\""),
        "{error}"
    );
}

fn one_line(error: &str) {
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn no_agent_is_said_plainly() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("agent.sock");
    for args in [
        &["status"][..],
        &["top"],
        &["explain", "x"],
        &["record", "--out", "/nonexistent/t.arrows"],
    ] {
        let (code, error) = bad(&nowhere, args);
        assert_eq!(code, 69);
        one_line(&error);
        assert!(error.contains(&format!("cannot reach the agent at {}", nowhere.display())));
        assert!(
            error.contains("no such socket") && error.contains("--socket"),
            "{error}"
        );
    }

    drop(UnixListener::bind(&nowhere).expect("binds"));
    let (code, error) = bad(&nowhere, &["status"]);
    assert_eq!(code, 69);
    assert!(error.contains("nobody listens on it"), "{error}");

    let file = folder.path().join("file");
    std::fs::write(&file, "text").expect("written");
    let (code, error) = bad(&file, &["status"]);
    assert_eq!(code, 69);
    one_line(&error);
    assert!(
        error.contains("is no status socket") && error.contains("not a socket"),
        "{error}"
    );
}

/// Answers one connection with `answer`, whatever is asked.
fn impostor(socket: &Path, answer: &'static str) -> std::thread::JoinHandle<()> {
    let listener = UnixListener::bind(socket).expect("binds");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).expect("reads");
        stream.write_all(answer.as_bytes()).expect("writes");
    })
}

#[test]
fn other_servers_and_other_versions_are_told_apart() {
    for (answer, code, part) in [
        ("220 mail.example ESMTP\r\n", 69, "does not speak HTTP"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            69,
            "its answer to /v1/status is not JSON",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            69,
            "has no api_version",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"api_version\":\"v2\"}",
            1,
            "speaks version v2 of the status interface, this llmosctl speaks v1",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"api_version\":\"v1\"}",
            69,
            "/v1/status has another form: missing field",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("agent.sock");
        let server = impostor(&socket, answer);
        let (found, error) = bad(&socket, &["status"]);
        assert_eq!(found, code, "{error}");
        one_line(&error);
        assert!(error.contains(part), "{part:?} is not in {error}");
        server.join().expect("served");
    }
}

/// User and group `nobody` on every distribution's kernel: the overflow id.
const NOBODY: u32 = 65_534;

#[test]
fn no_permission_has_its_own_words_and_code() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let agent = agent(1);
    if !nix::unistd::geteuid().is_root() {
        // Who is not root can take the permission from the own socket.
        std::fs::set_permissions(&agent.socket, PermissionsExt::from_mode(0o000)).expect("set");
    }
    // The folders above must let anybody through, else it is they that refuse. Only the copy of the
    // binary and the socket lie in it.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("set");
    std::fs::set_permissions(
        agent.socket.parent().expect("a folder"),
        PermissionsExt::from_mode(0o755),
    )
    .expect("set");
    let binary = folder.path().join("llmosctl");
    // By another process: a file that is open for writing here would be inherited by the programs
    // that other tests start meanwhile, and the kernel runs no program that somebody may write to.
    let copy = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_llmosctl"))
        .arg(&binary)
        .status();
    assert!(copy.expect("cp runs").success());
    let mut command = Command::new(&binary);
    command
        .arg("--socket")
        .arg(&agent.socket)
        .arg("status")
        .current_dir("/");
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().expect("runs");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(77), "{error}");
    one_line(&error);
    assert!(
        error.contains("no permission") && error.contains("run as root"),
        "{error}"
    );
}

#[test]
fn wrong_usage_is_64_and_help_is_0() {
    let nowhere = Path::new("/nonexistent/agent.sock");
    for args in [
        &["stauts"][..],
        &[],
        &["explain"],
        &["record"],
        &["record", "--out", "x", "--seconds", "0"],
        &["top", "--sort", "size"],
        &["recording"],
        &["recording", "show"],
    ] {
        assert_eq!(run(nowhere, args).status.code(), Some(64), "{args:?}");
    }
    let help = good(nowhere, &["--help"]);
    for command in ["status", "top", "explain", "restore", "record", "recording"] {
        assert!(help.contains(command));
    }
}
