//! Reports to a real gRPC server: away, coming, going, too slow.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy's exception for tests does not reach their helpers"
)]

#[allow(dead_code, reason = "shared with tests that use more of it")]
mod common;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use llmos_agent::report::{Reporter, convert};
use llmos_proto::fleet::fleet_server::{Fleet, FleetServer};
use llmos_proto::fleet::{Ack, NodeReport};
use llmos_proto::status::Health;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// A coordinator that writes down what it gets, and acknowledges if it is told to.
#[derive(Clone, Default)]
struct Coordinator {
    got: Arc<Mutex<Vec<NodeReport>>>,
    silent: bool,
}

impl Coordinator {
    fn sequences(&self) -> Vec<u64> {
        self.got
            .lock()
            .expect("whole")
            .iter()
            .map(|r| r.sequence)
            .collect()
    }
}

#[tonic::async_trait]
impl Fleet for Coordinator {
    type ReportStream = Pin<Box<dyn Stream<Item = Result<Ack, Status>> + Send>>;

    async fn report(
        &self,
        request: Request<Streaming<NodeReport>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let mut reports = request.into_inner();
        let (send, receive) = tokio::sync::mpsc::channel(4);
        let this = self.clone();
        tokio::spawn(async move {
            while let Ok(Some(report)) = reports.message().await {
                let sequence = report.sequence;
                this.got.lock().expect("whole").push(report);
                if !this.silent && send.send(Ok(Ack { sequence })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }
}

struct Running {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Ends the server at once; open streams break.
    async fn kill(self) {
        drop(self.stop);
        self.task.await.expect("joined");
    }
}

async fn serve(coordinator: Coordinator, listener: TcpListener) -> Running {
    let (stop, stopped) = oneshot::channel::<()>();
    // Its own runtime, so that a kill also ends the connections.
    let listener = listener.into_std().expect("a socket");
    let task = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            let server = tonic::transport::Server::builder()
                .add_service(FleetServer::new(coordinator))
                .serve_with_incoming(TcpListenerStream::new(listener));
            tokio::select! {
                ended = server => ended.expect("serves"),
                _ = stopped => {}
            }
        });
        runtime.shutdown_background();
    });
    Running { stop, task }
}

async fn listen(address: SocketAddr) -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("set");
    socket.bind(address).expect("binds");
    socket.listen(16).expect("listens")
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

fn report(tick: u32) -> NodeReport {
    let board = common::board(tick - 1);
    let changes = board.publish(common::published(tick));
    let facts = convert::NodeFacts {
        machine_id: "machine".into(),
        boot_id: "boot".into(),
        cpu_used_cores: Some(1.5),
        memory_used_bytes: None,
    };
    let changes = changes.iter().map(AsRef::as_ref);
    convert::node_report(&facts, &board.status(), &board.workloads(), changes)
}

async fn until(what: &str, true_now: impl Fn() -> bool) {
    let begin = Instant::now();
    while !true_now() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "waited too long: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_the_coordinator_is_away() {
    // A port that was ours a moment ago: nobody listens there now.
    let listener = listen(any()).await;
    let address = listener.local_addr().expect("bound");
    drop(listener);

    let reporter = Reporter::start(Some(&address.to_string()), 100).expect("starts");
    (1..=5).for_each(|tick| reporter.offer(report(tick)));
    until("the first attempt fails", || {
        reporter.component().cause.contains("cannot reach")
    })
    .await;
    let component = reporter.component();
    assert_eq!(
        (component.name.as_str(), component.state),
        ("coordinator", Health::Degraded)
    );
    assert!(
        component.cause.contains("onnection refused"),
        "{}",
        component.cause
    );
    assert!(
        component.cause.ends_with("5 queued, 0 dropped"),
        "{}",
        component.cause
    );

    let coordinator = Coordinator::default();
    let running = serve(coordinator.clone(), listen(address).await).await;
    until("all five arrive", || reporter.delivered() == 5).await;
    assert_eq!(coordinator.sequences(), [1, 2, 3, 4, 5]);
    let component = reporter.component();
    assert_eq!(component.state, Health::Healthy);
    assert_eq!(component.cause, format!("connected to {address}, 0 queued"));

    // It goes and comes back: what was offered in between arrives, in order.
    running.kill().await;
    until("the break is noticed", || {
        reporter.component().state == Health::Degraded
    })
    .await;
    (6..=8).for_each(|tick| reporter.offer(report(tick)));
    let again = serve(coordinator.clone(), listen(address).await).await;
    until("three more arrive", || reporter.delivered() == 8).await;
    assert_eq!(coordinator.sequences(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(reporter.dropped(), 0);
    assert_eq!(reporter.stop().await, 0);
    again.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_acknowledged_is_sent_again() {
    let listener = listen(any()).await;
    let address = listener.local_addr().expect("bound");
    let silent = Coordinator {
        silent: true,
        ..Coordinator::default()
    };
    let running = serve(silent.clone(), listener).await;
    let reporter = Reporter::start(Some(&format!("http://{address}")), 100).expect("starts");
    (1..=3).for_each(|tick| reporter.offer(report(tick)));
    until("the silent one has all", || silent.sequences().len() == 3).await;
    assert_eq!((reporter.queued(), reporter.delivered()), (3, 0));
    running.kill().await;

    let coordinator = Coordinator::default();
    let running = serve(coordinator.clone(), listen(address).await).await;
    until("acknowledged", || reporter.delivered() == 3).await;
    assert_eq!(coordinator.sequences(), [1, 2, 3]);
    reporter.stop().await;
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_drops_the_oldest_and_tells_how_many() {
    let listener = listen(any()).await;
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let reporter = Reporter::start(Some(&address.to_string()), 4).expect("starts");
    let begin = Instant::now();
    (1..=10).for_each(|tick| reporter.offer(report(tick)));
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "offering never waits"
    );
    assert_eq!((reporter.queued(), reporter.dropped()), (4, 6));

    let coordinator = Coordinator::default();
    let running = serve(coordinator.clone(), listen(address).await).await;
    until("the rest arrives", || reporter.delivered() == 4).await;
    assert_eq!(coordinator.sequences(), [7, 8, 9, 10]);
    reporter.offer(report(11));
    until("the next arrives", || reporter.delivered() == 5).await;
    let last = coordinator
        .got
        .lock()
        .expect("whole")
        .last()
        .cloned()
        .expect("one");
    assert_eq!(last.node.expect("a node").reports_dropped, 6);
    let cause = reporter.component().cause;
    assert!(cause.contains("6 dropped before"), "{cause}");
    reporter.stop().await;
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_flushes_for_at_most_a_second() {
    let listener = listen(any()).await;
    let address = listener.local_addr().expect("bound");
    let coordinator = Coordinator::default();
    let running = serve(coordinator.clone(), listener).await;
    let reporter = Reporter::start(Some(&address.to_string()), 100).expect("starts");
    until("connected", || {
        reporter.component().state == Health::Healthy
    })
    .await;
    (1..=20).for_each(|tick| reporter.offer(report(tick)));
    assert_eq!(reporter.stop().await, 0, "all went out");
    assert_eq!(coordinator.sequences(), (1..=20).collect::<Vec<_>>());
    running.kill().await;

    let listener = listen(any()).await;
    let address = listener.local_addr().expect("bound");
    let silent = Coordinator {
        silent: true,
        ..Coordinator::default()
    };
    let running = serve(silent, listener).await;
    let reporter = Reporter::start(Some(&address.to_string()), 100).expect("starts");
    until("connected", || {
        reporter.component().state == Health::Healthy
    })
    .await;
    reporter.offer(report(1));
    let begin = Instant::now();
    assert_eq!(reporter.stop().await, 1, "not acknowledged");
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    running.kill().await;
}

#[tokio::test]
async fn without_an_address_it_is_off() {
    let reporter = Reporter::start(None, 10).expect("starts");
    reporter.offer(report(1));
    assert_eq!(reporter.queued(), 0);
    assert_eq!(reporter.component().state, Health::Off);
    assert_eq!(reporter.stop().await, 0);
}

#[tokio::test]
async fn a_bad_address_is_one_clear_line() {
    for (address, part) in [
        ("https://c:7781", "TLS is not built in"),
        ("ftp://c:7781", "scheme ftp is unknown"),
        ("c", "no port"),
        ("http://a b:1", "invalid"),
    ] {
        let error = Reporter::start(Some(address), 10)
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains(part) && error.contains("http://host:7781"),
            "{error}"
        );
    }
}

#[test]
fn a_report_holds_what_the_status_shows_and_absent_stays_absent() {
    let report = report(2);
    let node = report.node.expect("a node");
    assert_eq!(
        (node.name.as_str(), node.mode.as_str(), node.tick_ms),
        ("node-1", "observe", 1000)
    );
    assert_eq!(
        (node.cpu_used_cores, node.memory_used_bytes),
        (Some(1.5), None)
    );
    assert_eq!(report.at_unix_ms, common::START_MS + 2000);
    let [cron, web] = &report.workloads[..] else {
        panic!("two workloads, by path");
    };
    assert_eq!((web.cgroup_id, web.cgroup.as_str()), (4242, common::WEB));
    assert_eq!(web.memory_high_bytes, Some(128 << 20));
    assert_eq!(web.memory_max_bytes, None);
    assert_eq!(web.memory_max_target_bytes, Some(160 << 20));
    assert_eq!(web.cpu_forecast.as_ref().map(|f| f.horizons.len()), Some(2));
    assert_eq!(web.network_forecast, None);
    assert_eq!((cron.cpu_cores, cron.memory_bytes), (Some(0.0), None));
    assert_eq!(report.components[2].state, "unsupported");
    assert_eq!(report.decisions[0].reasons.len(), 2);
}
