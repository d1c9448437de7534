//! One connection to the coordinator: sends what waits, takes acknowledgements, until it breaks or
//! the agent stops.

use std::pin::pin;
use std::time::Duration;

use llmos_proto::fleet::fleet_client::FleetClient;
use llmos_proto::fleet::{Ack, NodeReport};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Status, Streaming};

use super::Shared;

/// Time for the coordinator to open the stream.
const OPEN_TIME: Duration = Duration::from_secs(10);
/// A report that is not acknowledged for this long means a dead peer.
const ACK_TIME: Duration = Duration::from_secs(30);
/// Time for the last reports when the agent stops.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// How a connection ended.
pub enum End {
    /// The agent stops.
    Stopped,
    /// It broke; the text says how.
    Broken(String),
}

/// Runs one connection.
pub async fn run(endpoint: &Endpoint, shared: &Shared, stop: &mut watch::Receiver<bool>) -> End {
    let channel = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return End::Stopped,
        connected = endpoint.connect() => match connected {
            Ok(channel) => channel,
            Err(error) => return End::Broken(causes(&error)),
        },
    };
    // One place: what waits stays in the bounded queue, not in a second one behind it.
    let (send, receive) = mpsc::channel(1);
    let mut client = FleetClient::new(channel);
    let mut call = pin!(client.report(ReceiverStream::new(receive)));
    let mut acks: Option<Streaming<Ack>> = None;
    let mut deadline = Instant::now() + OPEN_TIME;
    let end = loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break End::Stopped,
            opened = &mut call, if acks.is_none() => match opened {
                Ok(answer) => {
                    acks = Some(answer.into_inner());
                    shared.opened();
                    deadline = Instant::now() + ACK_TIME;
                }
                Err(status) => break End::Broken(describe(&status)),
            },
            ack = next_ack(&mut acks) => match ack {
                Ok(ack) => {
                    shared.acknowledge(ack.sequence);
                    deadline = Instant::now() + ACK_TIME;
                }
                Err(cause) => break End::Broken(cause),
            },
            sent = send_next(&send, shared) => match sent {
                // The time for an answer begins when there is something to answer.
                Some(first) if first && acks.is_some() => deadline = Instant::now() + ACK_TIME,
                Some(_) => {}
                None => break End::Broken("the stream was closed".to_owned()),
            },
            () = sleep_until(deadline), if acks.is_none() || shared.in_flight() > 0 => {
                let cause = if acks.is_none() { "it did not open the stream" } else { "it acknowledged nothing for 30 s" };
                break End::Broken(cause.to_owned());
            }
        }
    };
    if let (End::Stopped, Some(acks)) = (&end, &mut acks)
        && timeout(FLUSH_TIME, flush(send, acks, shared))
            .await
            .is_err()
    {
        tracing::debug!("last reports did not go out in time");
    }
    end
}

/// Sends the next report when there is one; `true` when it is the only one in flight. `None` when
/// nobody takes reports any more.
async fn send_next(send: &mpsc::Sender<NodeReport>, shared: &Shared) -> Option<bool> {
    shared.wait_for_next().await;
    let place = send.reserve().await.ok()?;
    // Taken and sent in one step, without a wait between: a cancelled call loses nothing.
    if let Some(report) = shared.take_next() {
        place.send(report);
    }
    Some(shared.in_flight() == 1)
}

async fn flush(send: mpsc::Sender<NodeReport>, acks: &mut Streaming<Ack>, shared: &Shared) {
    while let Some(report) = shared.take_next() {
        if send.send(report).await.is_err() {
            return;
        }
    }
    // The end of the stream tells the coordinator that no more comes.
    drop(send);
    while let Ok(Some(ack)) = acks.message().await {
        shared.acknowledge(ack.sequence);
    }
}

async fn next_ack(acks: &mut Option<Streaming<Ack>>) -> Result<Ack, String> {
    let Some(acks) = acks else {
        return std::future::pending().await;
    };
    match acks.message().await {
        Ok(Some(ack)) => Ok(ack),
        Ok(None) => Err("it ended the stream".to_owned()),
        Err(status) => Err(describe(&status)),
    }
}

fn describe(status: &Status) -> String {
    match status.message() {
        "" => status.code().to_string(),
        message => format!("{}: {message}", status.code()),
    }
}

/// The error and what is behind it: the outer one alone says only "transport error".
fn causes(error: &tonic::transport::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
