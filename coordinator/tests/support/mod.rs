//! A real coordinator in this process, a real gRPC client, and a small HTTP client.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use llmos_coordinator::config::Config;
use llmos_coordinator::fleet::Bounds;
use llmos_coordinator::server::{Server, ServerError};
use llmos_proto::fleet::fleet_client::FleetClient;
use llmos_proto::fleet::{Ack, Node, NodeReport, WorkloadSample};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// No wait in these tests may be longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running coordinator.
pub struct Running {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServerError>>,
}

pub async fn start(bounds: Bounds) -> Running {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config {
        http: any,
        grpc: any,
        log: "info".to_owned(),
        check_config: false,
    };
    let server = Server::bind(&config, bounds).await.unwrap();
    let (http, grpc) = (server.http_address(), server.grpc_address());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.run(async {
        stopped.await.ok();
    }));
    Running {
        http,
        grpc,
        stop,
        task,
    }
}

impl Running {
    pub async fn stop(self) -> Result<(), ServerError> {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
    }

    pub async fn open(&self, path: &str) -> Response<Incoming> {
        let stream = TcpStream::connect(self.http).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::get(path)
            .header("host", "test")
            .body(Empty::<Bytes>::new());
        sender.send_request(request.unwrap()).await.unwrap()
    }

    pub async fn text(&self, path: &str) -> (StatusCode, String) {
        let response = self.open(path).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    pub async fn json(&self, path: &str) -> Value {
        let (status, body) = self.text(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub async fn agent(&self) -> Agent {
        let mut client = FleetClient::connect(format!("http://{}", self.grpc))
            .await
            .unwrap();
        let (reports, outgoing) = mpsc::channel(16);
        let acks = client
            .report(ReceiverStream::new(outgoing))
            .await
            .unwrap()
            .into_inner();
        Agent { reports, acks }
    }
}

/// The sending side of a stream.
pub struct Agent {
    reports: mpsc::Sender<NodeReport>,
    acks: Streaming<Ack>,
}

impl Agent {
    /// Sends a report and waits for its acknowledgement, or for the status that refuses it.
    pub async fn send(&mut self, report: NodeReport) -> Result<u64, tonic::Status> {
        self.reports.send(report).await.unwrap();
        let ack = tokio::time::timeout(PATIENCE, self.acks.message())
            .await
            .unwrap()?;
        Ok(ack.expect("the stream is open").sequence)
    }
}

/// A report with one workload, number 7.
pub fn report(machine_id: &str, sequence: u64, at_unix_ms: u64) -> NodeReport {
    NodeReport {
        sequence,
        node: Some(Node {
            name: format!("name of {machine_id}"),
            machine_id: machine_id.to_owned(),
            mode: "observe".to_owned(),
            cpu_cores: 4.0,
            memory_bytes: 8 << 30,
            tick_ms: 1_000,
            ..Node::default()
        }),
        at_unix_ms,
        workloads: vec![WorkloadSample {
            cgroup_id: 7,
            cgroup: "work/seven".to_owned(),
            name: "seven".to_owned(),
            cpu_cores: Some(0.5),
            ..WorkloadSample::default()
        }],
        ..NodeReport::default()
    }
}
