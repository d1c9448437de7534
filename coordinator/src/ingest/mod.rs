//! gRPC in: one stream per agent. A bad report ends its own stream with a status that says what was
//! wrong; other nodes do not notice.

pub mod validate;

use std::sync::Arc;

use llmos_proto::fleet::fleet_server::{Fleet as FleetService, FleetServer};
use llmos_proto::fleet::{Ack, NodeReport};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::metrics::Refusal;
use crate::shared::{Event, EventKind, Shared};

/// Largest message taken from the wire, in bytes; a full report of 4,096 workloads is below 3 MiB.
const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// Acknowledgements that wait for a slow agent; then its next report waits too.
const ACKS_IN_FLIGHT: usize = 16;

/// The gRPC service.
#[derive(Debug, Clone)]
pub struct Ingest {
    shared: Arc<Shared>,
}

impl Ingest {
    /// A service over the shared state, with the limit on message size set.
    pub fn server(shared: Arc<Shared>) -> FleetServer<Self> {
        FleetServer::new(Self { shared }).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }
}

#[tonic::async_trait]
impl FleetService for Ingest {
    type ReportStream = ReceiverStream<Result<Ack, Status>>;

    async fn report(
        &self,
        request: Request<Streaming<NodeReport>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let peer = request
            .remote_addr()
            .map_or_else(|| "unknown".to_owned(), |a| a.to_string());
        let (acks, acked) = mpsc::channel(ACKS_IN_FLIGHT);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(follow(shared, peer, request.into_inner(), acks));
        Ok(Response::new(ReceiverStream::new(acked)))
    }
}

/// Takes reports off a stream until it ends, breaks, brings a bad report, or the coordinator stops.
async fn follow(
    shared: Arc<Shared>,
    peer: String,
    mut reports: Streaming<NodeReport>,
    acks: mpsc::Sender<Result<Ack, Status>>,
) {
    let mut stopping = shared.stopping();
    shared.metrics.streams.inc();
    tracing::debug!(peer, "agent connected");
    loop {
        let message = tokio::select! {
            message = reports.message() => message,
            _ = stopping.wait_for(|stop| *stop) => {
                // The agent may be gone already; then nobody needs the status.
                acks.try_send(Err(Status::unavailable("the coordinator is stopping"))).ok();
                break;
            }
        };
        let answer = match message {
            Ok(Some(report)) => take(&shared, &peer, report),
            Ok(None) => break,
            Err(status) => {
                if status.code() == tonic::Code::OutOfRange {
                    shared.metrics.refused(Refusal::TooLarge);
                }
                tracing::info!(peer, "stream of an agent broke: {:?}", status.message());
                acks.send(Err(status)).await.ok();
                break;
            }
        };
        let refused = answer.is_err();
        if acks.send(answer).await.is_err() || refused {
            break;
        }
    }
    shared.metrics.streams.dec();
}

fn take(shared: &Shared, peer: &str, report: NodeReport) -> Result<Ack, Status> {
    let sequence = report.sequence;
    let report = validate::report(report).map_err(|invalid| {
        shared.metrics.refused(Refusal::Invalid);
        tracing::warn!(peer, sequence, "report refused: {invalid}");
        Status::invalid_argument(format!("report {sequence}: {invalid}"))
    })?;
    let (node, at_unix_ms) = (report.node.machine_id.clone(), report.at_unix_ms);
    let name = report.node.name.clone();
    let (points, decisions) = (report.workloads.len(), report.decisions.len());
    let ingested = shared
        .fleet_mut()
        .ingest(report, shared.now())
        .map_err(|refused| {
            shared.metrics.refused(Refusal::NoRoom);
            tracing::warn!(peer, node, "report refused: {refused}");
            Status::resource_exhausted(refused.to_string())
        })?;
    if ingested.new_node {
        tracing::info!(peer, node, name = ?name, "new node");
    }
    shared.metrics.reports.inc();
    if ingested.duplicate {
        shared.metrics.duplicates.inc();
    } else {
        shared.metrics.samples.inc_by(points as u64);
        shared.metrics.decisions.inc_by(decisions as u64);
    }
    let kind = if ingested.new_node {
        EventKind::Joined
    } else {
        EventKind::Tick
    };
    shared.publish(Event {
        kind,
        node,
        at_unix_ms,
        health: "live",
    });
    Ok(Ack { sequence })
}
