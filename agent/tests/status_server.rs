//! The status server as clients meet it: real sockets, real HTTP.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod common;

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{CRON, WEB, board, switch_at};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use llmos_agent::status::{StatusError, StatusServer};
use llmos_proto::status::{
    API_VERSION, Decisions, ErrorBody, FreezeReport, HealthReport, Schema, Status, WorkloadDetail,
    Workloads,
};
use serde::de::DeserializeOwned;

struct Answer {
    code: StatusCode,
    kind: String,
    body: Bytes,
}

impl Answer {
    fn json<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.kind, "application/json");
        serde_json::from_slice(&self.body).expect("JSON of this type")
    }

    fn error(&self) -> String {
        let body: ErrorBody = self.json();
        assert_eq!(body.api_version, API_VERSION);
        body.error
    }
}

async fn ask(socket: &Path, method: Method, path: &str) -> Answer {
    send(socket, method, path, "").await
}

async fn send(socket: &Path, method: Method, path: &str, body: &str) -> Answer {
    let stream = tokio::net::UnixStream::connect(socket)
        .await
        .expect("connects");
    let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("speaks HTTP");
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .expect("a request");
    let answer = send.send_request(request).await.expect("an answer");
    let code = answer.status();
    let kind = answer
        .headers()
        .get("content-type")
        .map_or("", |v| v.to_str().expect("text"));
    let kind = kind.to_owned();
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    connection.await.expect("joined").expect("a clean end");
    Answer { code, kind, body }
}

async fn get(socket: &Path, path: &str) -> Answer {
    ask(socket, Method::GET, path).await
}

struct Place {
    _folder: tempfile::TempDir,
    socket: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("run/agent.sock");
    Place {
        _folder: folder,
        socket,
    }
}

async fn start(socket: &Path) -> Result<StatusServer, StatusError> {
    StatusServer::start(socket, None, board(3), switch_at(socket)).await
}

#[tokio::test]
async fn every_endpoint_answers() {
    let place = place();
    let server = start(&place.socket).await.expect("starts");
    let at = &place.socket;

    let index: Schema = get(at, "/").await.json();
    assert!(index.fields.is_empty());
    for endpoint in &index.endpoints {
        let path = endpoint.path.replace("{id}", "4242");
        let answer = get(at, &path).await;
        assert_eq!(answer.code, StatusCode::OK, "{path}");
    }
    let schema: Schema = get(at, "/v1/schema").await.json();
    assert_eq!(schema, Schema::full());

    let status: Status = get(at, "/v1/status").await.json();
    assert_eq!((status.node.as_str(), status.workloads), ("node-1", 2));
    assert!(
        status.now_unix_ms > common::START_MS,
        "the clock of the answer, not of the tick"
    );
    let health: HealthReport = get(at, "/v1/health").await.json();
    assert_eq!(health.components, common::status().components);
    let workloads: Workloads = get(at, "/v1/workloads").await.json();
    let paths: Vec<_> = workloads
        .workloads
        .iter()
        .map(|w| w.cgroup.as_str())
        .collect();
    assert_eq!(paths, [CRON, WEB]);
    assert_eq!(workloads.at_unix_ms, common::START_MS + 3000);
    let decisions: Decisions = get(at, "/v1/decisions").await.json();
    assert_eq!(decisions.decisions.len(), 3, "holds are not listed");
    assert!(decisions.decisions[0].at_unix_ms > decisions.decisions[1].at_unix_ms);
    server.stop().await;
}

#[tokio::test]
async fn a_workload_is_found_by_id_and_by_encoded_path() {
    let place = place();
    let server = start(&place.socket).await.expect("starts");
    let by_id: WorkloadDetail = get(&place.socket, "/v1/workloads/4242").await.json();
    assert_eq!(by_id.workload.cgroup, WEB);
    assert_eq!(by_id.history.len(), 3);
    assert_eq!(by_id.current.len(), 2);
    assert_eq!(by_id.changes.len(), 3);
    for path in [
        "/v1/workloads/system.slice%2Fsystem-web%5Cx2dshop.slice%2Fweb.service",
        "/v1/workloads/system.slice/system-web%5Cx2dshop.slice/web.service",
        "/v1/workloads/%2Fsystem.slice/system-web%5cx2dshop.slice/web.service",
    ] {
        let detail: WorkloadDetail = get(&place.socket, path).await.json();
        assert_eq!(detail, by_id, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_requests_get_one_clear_line() {
    let place = place();
    let server = start(&place.socket).await.expect("starts");
    for (path, code, part) in [
        (
            "/v1/workloads/99",
            StatusCode::NOT_FOUND,
            "/v1/workloads lists",
        ),
        (
            "/v1/workloads/",
            StatusCode::NOT_FOUND,
            "nothing is at /v1/workloads/",
        ),
        ("/v1/workloads/%FF%FE", StatusCode::BAD_REQUEST, "UTF-8"),
        (
            "/v2/status",
            StatusCode::NOT_FOUND,
            "nothing is at /v2/status",
        ),
        (
            "/v1/../../etc/passwd",
            StatusCode::NOT_FOUND,
            "nothing is at",
        ),
    ] {
        let answer = get(&place.socket, path).await;
        assert_eq!(answer.code, code, "{path}");
        let error = answer.error();
        assert!(
            error.contains(part) && !error.contains('\n'),
            "{path}: {error}"
        );
    }
    for path in ["/v1/status", "/metrics", "/"] {
        let answer = ask(&place.socket, Method::POST, path).await;
        assert_eq!(answer.code, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(answer.error().contains("POST"), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_switch_is_thrown_here_and_nowhere_else() {
    let place = place();
    let any = "127.0.0.1:0".parse().expect("an address");
    let switch = switch_at(&place.socket);
    let server = StatusServer::start(&place.socket, Some(any), board(1), switch.clone())
        .await
        .expect("starts");
    let at = &place.socket;
    let read = async || get(at, "/v1/freeze").await.json::<FreezeReport>();
    assert!(!read().await.frozen);

    let body = r#"{"cause": "upgrade"}"#;
    let answer = send(at, Method::POST, "/v1/freeze", body).await;
    assert_eq!(answer.code, StatusCode::OK);
    let report: FreezeReport = answer.json();
    assert_eq!((report.frozen, report.not_kept.as_deref()), (true, None));
    assert_eq!(report.cause.as_deref(), Some("upgrade"));
    assert_eq!(read().await, report);
    assert!(switch.frozen().is_some() && switch.file().exists());

    for (body, code, part) in [
        ("cause", StatusCode::BAD_REQUEST, "expected a body such as"),
        (r#"{"why": "x"}"#, StatusCode::BAD_REQUEST, "unknown field"),
        (
            r#"{"cause": "a\nb"}"#,
            StatusCode::BAD_REQUEST,
            "of one line",
        ),
        (&"x".repeat(5000), StatusCode::PAYLOAD_TOO_LARGE, "limit"),
    ] {
        let answer = send(at, Method::POST, "/v1/freeze", body).await;
        assert_eq!(answer.code, code);
        assert!(answer.error().contains(part), "{}", answer.error());
    }
    assert_eq!(read().await, report, "as before");

    let address = server.metrics_address().expect("bound");
    let tcp = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).expect("connects");
        write!(stream, "DELETE /v1/freeze HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("read to the end");
        text
    });
    let tcp = tcp.await.expect("joined");
    assert!(tcp.starts_with("HTTP/1.1 404"), "{tcp}");
    assert!(read().await.frozen);

    let answer = ask(at, Method::DELETE, "/v1/freeze").await;
    assert!(!answer.json::<FreezeReport>().frozen);
    assert!(!switch.file().exists());
    let answer = send(at, Method::POST, "/v1/freeze", "").await;
    let cause = answer.json::<FreezeReport>().cause;
    assert_eq!(cause.as_deref(), Some("no cause given"));
    let answer = ask(at, Method::PUT, "/v1/freeze").await;
    assert_eq!(answer.code, StatusCode::METHOD_NOT_ALLOWED);
    server.stop().await;
}

#[tokio::test]
async fn the_socket_is_for_owner_and_group_and_goes_with_the_server() {
    let place = place();
    let server = start(&place.socket).await.expect("makes the folder too");
    let found = std::fs::metadata(&place.socket).expect("there");
    assert_eq!(found.permissions().mode() & 0o777, 0o660);
    server.stop().await;
    assert!(!place.socket.exists(), "removed on a clean stop");
    let server = start(&place.socket).await.expect("starts again");
    drop(server);
    assert!(!place.socket.exists(), "removed when dropped");
}

#[tokio::test]
async fn a_stale_socket_is_replaced() {
    let place = place();
    std::fs::create_dir_all(place.socket.parent().expect("a folder")).expect("made");
    // Dropping a listener of the standard library leaves the file, as a killed agent does.
    drop(std::os::unix::net::UnixListener::bind(&place.socket).expect("binds"));
    assert!(
        std::fs::metadata(&place.socket)
            .expect("there")
            .file_type()
            .is_socket()
    );
    let server = start(&place.socket).await.expect("replaces it");
    assert_eq!(get(&place.socket, "/v1/status").await.code, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_live_socket_is_refused_and_left_alone() {
    let place = place();
    let first = start(&place.socket).await.expect("starts");
    let error = start(&place.socket)
        .await
        .expect_err("two agents on one socket");
    assert!(matches!(error, StatusError::InUse { .. }), "{error}");
    assert_eq!(error.exit_code(), 69);
    assert!(
        error.to_string().contains("another agent answers at"),
        "{error}"
    );
    assert_eq!(
        get(&place.socket, "/v1/status").await.code,
        StatusCode::OK,
        "still the first"
    );
    first.stop().await;
}

#[tokio::test]
async fn what_is_no_socket_is_refused_and_left_alone() {
    let place = place();
    let folder = place.socket.parent().expect("a folder");
    std::fs::create_dir_all(folder).expect("made");
    std::fs::write(&place.socket, "precious").expect("written");
    let error = start(&place.socket).await.expect_err("a file");
    assert_eq!(error.exit_code(), 73);
    assert!(
        error.to_string().contains("is not a socket (a file)"),
        "{error}"
    );
    assert_eq!(std::fs::read(&place.socket).expect("there"), b"precious");

    let error = start(folder).await.expect_err("a folder");
    assert!(
        error.to_string().contains("is not a socket (a folder)"),
        "{error}"
    );

    let below = place.socket.join("agent.sock");
    let error = start(&below).await.expect_err("a folder that is a file");
    assert_eq!(error.exit_code(), 73);
    assert!(error.to_string().contains("make its folder"), "{error}");
}

#[tokio::test]
async fn metrics_over_tcp_and_nothing_else() {
    let place = place();
    let any = "127.0.0.1:0".parse().expect("an address");
    let server = StatusServer::start(&place.socket, Some(any), board(1), switch_at(&place.socket))
        .await
        .expect("starts");
    let address = server.metrics_address().expect("bound");

    let tcp = |path: &'static str| {
        tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).expect("connects");
            write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("read to the end");
            text
        })
    };
    let metrics = tcp("/metrics").await.expect("joined");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains("application/openmetrics-text"));
    assert!(metrics.trim_end().ends_with("# EOF"));
    let status = tcp("/v1/status").await.expect("joined");
    assert!(status.starts_with("HTTP/1.1 404"), "{status}");

    let other = self::place();
    let error = StatusServer::start(
        &other.socket,
        Some(address),
        board(1),
        switch_at(&other.socket),
    )
    .await
    .expect_err("the port is taken");
    assert_eq!(error.exit_code(), 69);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(!other.socket.exists(), "nothing is left behind");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_clients_cannot_keep_others_out() {
    let place = place();
    let server = start(&place.socket).await.expect("starts");

    // More silent connections than the server serves at once.
    let silent: Vec<_> = (0..40)
        .map(|_| StdStream::connect(&place.socket).expect("connects"))
        .collect();
    let begin = Instant::now();
    assert_eq!(get(&place.socket, "/v1/status").await.code, StatusCode::OK);
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "{:?}",
        begin.elapsed()
    );
    drop(silent);

    let socket = place.socket.clone();
    let huge = tokio::task::spawn_blocking(move || {
        let mut stream = StdStream::connect(&socket).expect("connects");
        let request = format!("GET /{} HTTP/1.1\r\n", "a".repeat(1 << 20));
        // The server may close before all is sent.
        let _ = stream.write_all(request.as_bytes());
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    });
    let answer = huge.await.expect("joined");
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(get(&place.socket, "/v1/status").await.code, StatusCode::OK);
    server.stop().await;
}
