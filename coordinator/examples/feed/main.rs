//! Test feeder: reports a synthetic fleet to a coordinator by gRPC, for tests of the dashboard and
//! for work on it. Nothing that it sends was measured anywhere.

mod demand;
mod synthetic;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use llmos_proto::fleet::fleet_client::FleetClient;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

/// Reports a synthetic fleet to a coordinator.
#[derive(Parser)]
struct Flags {
    /// Address of the coordinator's gRPC port
    #[arg(long, default_value = "http://127.0.0.1:7781")]
    grpc: String,
    /// Nodes to report
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// Seconds of the past to report first
    #[arg(long, default_value_t = 900)]
    history_s: u64,
    /// Length of a tick in milliseconds
    #[arg(long, default_value_t = 1_000)]
    tick_ms: u32,
    /// More workloads per node, for trying long tables
    #[arg(long, default_value_t = 0)]
    extra_workloads: usize,
    /// The last node falls silent after so many seconds
    #[arg(long)]
    silent_after_s: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let tick = Duration::from_millis(u64::from(flags.tick_ms.max(1)));
    let mut feeds = tokio::task::JoinSet::new();
    for index in 0..flags.nodes {
        let last = index + 1 == flags.nodes;
        let silent_after = flags
            .silent_after_s
            .filter(|_| last)
            .map(Duration::from_secs);
        let node = synthetic::Node::new(index, flags.tick_ms, flags.extra_workloads);
        feeds.spawn(feed(
            flags.grpc.clone(),
            node,
            tick,
            flags.history_s,
            silent_after,
        ));
    }
    while let Some(done) = feeds.join_next().await {
        done??;
    }
    Ok(())
}

/// Sends the past at once, then one report a tick.
async fn feed(
    grpc: String,
    mut node: synthetic::Node,
    tick: Duration,
    history_s: u64,
    silent_after: Option<Duration>,
) -> anyhow::Result<()> {
    let mut client = FleetClient::connect(grpc).await?;
    let (reports, outgoing) = tokio::sync::mpsc::channel(64);
    let mut acks = client
        .report(ReceiverStream::new(outgoing))
        .await?
        .into_inner();
    let name = node.name();
    let confirmed = tokio::spawn(async move {
        let mut last = 0;
        while let Some(ack) = acks.next().await {
            last = ack?.sequence;
        }
        Ok::<u64, tonic::Status>(last)
    });
    let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let tick_ms = u64::try_from(tick.as_millis())?;
    let past = history_s * 1_000 / tick_ms;
    for back in (1..=past).rev() {
        if let Some(report) = node.report(now_ms - back * tick_ms, back) {
            reports.send(report).await?;
        }
    }
    println!("{name}: {history_s} s of history sent");
    let started = tokio::time::Instant::now();
    let mut ticks = tokio::time::interval(tick);
    loop {
        ticks.tick().await;
        if silent_after.is_some_and(|after| started.elapsed() > after) {
            println!("{name}: silent from now on");
            std::future::pending::<()>().await;
        }
        let at = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        let Some(report) = node.report(at, 0) else {
            continue;
        };
        if reports.send(report).await.is_err() {
            break;
        }
    }
    let last = confirmed.await??;
    println!("{name}: the coordinator ended the stream after report {last}");
    Ok(())
}
