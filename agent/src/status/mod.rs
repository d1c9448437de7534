//! The status server: HTTP on a unix socket for people and `llmosctl`, and, if asked for, a TCP
//! listener that serves the metrics and nothing else.

mod error;
mod freeze;
mod routes;
mod serve;
mod socket;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::board::Board;
use crate::freeze::Switch;

pub use error::StatusError;
use socket::SocketFile;

/// More than the bound that open answers get.
const STOP_TIME: Duration = Duration::from_secs(1);

/// A running status server. Dropping it stops it at once and removes the socket file.
#[derive(Debug)]
pub struct StatusServer {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    metrics: Option<SocketAddr>,
    // Last, so that the file goes after the listeners.
    _socket: SocketFile,
}

impl StatusServer {
    /// Listens on the unix socket at `socket` and, for `/metrics` alone, on `metrics`. `switch` is what
    /// `/v1/freeze` throws.
    ///
    /// A socket on which nobody answers is replaced. Fails when another agent answers there, when
    /// the path is something else, when it cannot be made, or when the address is taken.
    pub async fn start(
        socket: &Path,
        metrics: Option<SocketAddr>,
        board: Arc<Board>,
        switch: Arc<Switch>,
    ) -> Result<Self, StatusError> {
        // First TCP: a refused address must not leave a socket file behind for a moment.
        let tcp = match metrics {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let (unix, file) = socket::bind(socket)?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve::serve(
            unix,
            routes::all(board.clone(), switch),
            stopped.clone(),
        ));
        let mut bound = None;
        if let Some((tcp, address)) = tcp {
            tasks.spawn(serve::serve(tcp, routes::metrics_only(board), stopped));
            bound = Some(address);
        }
        Ok(Self {
            stop,
            tasks,
            metrics: bound,
            _socket: file,
        })
    }

    /// Where the metrics are served over TCP.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Stops within a second: open answers may end, then the socket file goes.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIME, ended).await.is_err() {
            tracing::warn!("status server did not stop in time; cut off");
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StatusError> {
    let failed = |source| StatusError::Metrics { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
