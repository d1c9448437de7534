//! Reports to the coordinator: a bounded queue, one gRPC stream, and patience. Nothing here ever
//! blocks the loop; a coordinator that is away costs the node a bounded queue and nothing else.

mod backoff;
pub mod convert;
mod queue;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use llmos_proto::fleet::NodeReport;
use llmos_proto::status::{Component, Health};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tonic::transport::Endpoint;

use backoff::Backoff;
use queue::Queue;
use stream::End;

/// Name of the component in the status.
const COMPONENT: &str = "coordinator";
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// A peer that vanished without a word is noticed after this plus [`PING_TIME`].
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIME: Duration = Duration::from_secs(5);
/// The last flush has a second; the rest is for the task to end.
const STOP_TIME: Duration = Duration::from_millis(1500);

/// Why reports cannot go anywhere.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The address is none.
    #[error(
        "coordinator address {address:?} is not usable: {cause}; expected e.g. http://host:7781"
    )]
    Address {
        /// As configured.
        address: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// Sends reports in the background. Dropping it ends the sending at once; [`Reporter::stop`] flushes.
#[derive(Debug)]
pub struct Reporter {
    shared: Arc<Shared>,
    address: Option<String>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// What the handle and the task share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Rings when there is a new report.
    news: Notify,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    link: Link,
    /// True once the coordinator acknowledged something on this connection.
    proven: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Link {
    Trying,
    Open,
    Broken(String),
}

impl Reporter {
    /// Reports to `address` (`http://host:port` or `host:port`), keeping at most `queue_reports`
    /// that are not acknowledged. Without an address every report is thrown away and the component
    /// is off. Must run inside a tokio runtime.
    pub fn start(address: Option<&str>, queue_reports: usize) -> Result<Self, ReportError> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: Queue::new(queue_reports, queue::MOST_BYTES),
                link: Link::Trying,
                proven: false,
            }),
            news: Notify::new(),
        });
        let (stop, stopped) = watch::channel(false);
        let task = match address {
            Some(address) => {
                let endpoint = endpoint(address)?;
                Some(tokio::spawn(report(endpoint, shared.clone(), stopped)))
            }
            None => None,
        };
        Ok(Self {
            shared,
            address: address.map(str::to_owned),
            stop,
            task,
        })
    }

    /// Queues a report; its number and its count of dropped reports are set here. Never blocks.
    pub fn offer(&self, report: NodeReport) {
        if self.task.is_some() {
            self.shared.state().queue.push(report);
            self.shared.news.notify_one();
        }
    }

    /// True when there is an address to report to.
    pub fn is_on(&self) -> bool {
        self.task.is_some()
    }

    /// Reports that wait to be sent or acknowledged.
    pub fn queued(&self) -> usize {
        self.shared.state().queue.len()
    }

    /// Reports dropped since the start because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.shared.state().queue.dropped()
    }

    /// Reports that the coordinator acknowledged since the start.
    pub fn delivered(&self) -> u64 {
        self.shared.state().queue.delivered()
    }

    /// How the connection is, for the status.
    pub fn component(&self) -> Component {
        let state = self.shared.state();
        let (queued, dropped) = (state.queue.len(), state.queue.dropped());
        let (health, cause) = match (&self.address, &state.link) {
            (None, _) => (Health::Off, "no address configured".to_owned()),
            (Some(address), Link::Open) if dropped == 0 => (
                Health::Healthy,
                format!("connected to {address}, {queued} queued"),
            ),
            (Some(address), Link::Open) => (
                Health::Healthy,
                format!("connected to {address}, {queued} queued, {dropped} dropped before"),
            ),
            (Some(address), Link::Trying) => (
                Health::Degraded,
                format!("connecting to {address}; {queued} queued, {dropped} dropped"),
            ),
            (Some(address), Link::Broken(cause)) => (
                Health::Degraded,
                format!("cannot reach {address}: {cause}; {queued} queued, {dropped} dropped"),
            ),
        };
        Component {
            name: COMPONENT.to_owned(),
            state: health,
            cause,
        }
    }

    /// Sends what waits, for at most a second, and ends. Gives back how many reports stay unsent or
    /// unacknowledged.
    pub async fn stop(mut self) -> usize {
        self.stop.send_replace(true);
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(STOP_TIME, &mut task).await.is_err()
        {
            task.abort();
        }
        self.queued()
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is a report to send.
    async fn wait_for_next(&self) {
        while !self.state().queue.has_next() {
            self.news.notified().await;
        }
    }

    fn take_next(&self) -> Option<NodeReport> {
        self.state().queue.take_next()
    }

    fn in_flight(&self) -> usize {
        self.state().queue.in_flight()
    }

    fn acknowledge(&self, sequence: u64) {
        let mut state = self.state();
        state.queue.acknowledge(sequence);
        state.proven = true;
    }

    fn opened(&self) {
        self.state().link = Link::Open;
    }

    /// Notes the end of a connection; true when it had worked.
    fn broken(&self, cause: String) -> bool {
        let mut state = self.state();
        state.queue.rewind();
        state.link = Link::Broken(cause);
        std::mem::take(&mut state.proven)
    }
}

async fn report(endpoint: Endpoint, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut backoff = Backoff::default();
    let mut logged = None;
    loop {
        let cause = match stream::run(&endpoint, &shared, &mut stop).await {
            End::Stopped => return,
            End::Broken(cause) => cause,
        };
        if shared.broken(cause.clone()) {
            backoff.reset();
            logged = None;
        }
        // Each cause once, not once an attempt.
        if logged.as_ref() != Some(&cause) {
            tracing::warn!(coordinator = %endpoint.uri(), %cause, "reports wait: no coordinator");
            logged = Some(cause);
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(backoff.next()) => {}
        }
    }
}

fn endpoint(address: &str) -> Result<Endpoint, ReportError> {
    let failed = |cause: String| ReportError::Address {
        address: address.to_owned(),
        cause,
    };
    let full = match address.split_once("://") {
        None => format!("http://{address}"),
        Some(("http", _)) => address.to_owned(),
        Some(("https", _)) => return Err(failed("TLS is not built in".to_owned())),
        Some((scheme, _)) => return Err(failed(format!("scheme {scheme} is unknown"))),
    };
    let endpoint = Endpoint::from_shared(full).map_err(|error| failed(error.to_string()))?;
    if endpoint.uri().port().is_none() {
        return Err(failed("no port".to_owned()));
    }
    Ok(endpoint
        .connect_timeout(CONNECT_TIME)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIME)
        .keep_alive_while_idle(true))
}
