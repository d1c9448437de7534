//! The accept loops, with bounds that keep a bad client from harming the agent: few connections at a
//! time, small headers, one request a connection, and a deadline for all of it.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections served at the same time on one listener; more wait in the kernel's queue.
const CONNECTIONS: usize = 32;
/// Time for a client to send its request.
const HEADER_TIME: Duration = Duration::from_secs(2);
/// Time for the whole connection, the answer included.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
/// Bytes of a request, line and headers; hyper's least is 8 KiB.
const BUFFER_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;
/// Pause after a failed accept (e.g. no file descriptor left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Time that open answers get when the server stops.
const STOP_TIME: Duration = Duration::from_millis(500);

/// What both kinds of listener can do.
pub trait Listener: Send + 'static {
    /// One accepted connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The next connection.
    fn next(&self) -> impl Future<Output = std::io::Result<Self::Stream>> + Send;
}

impl Listener for UnixListener {
    type Stream = tokio::net::UnixStream;
    async fn next(&self) -> std::io::Result<Self::Stream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Listener for TcpListener {
    type Stream = tokio::net::TcpStream;
    async fn next(&self) -> std::io::Result<Self::Stream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Serves until `stop` says true or its sender is gone.
pub async fn serve<L: Listener>(listener: L, router: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (listener.next().await, place)
        };
        let (stream, place) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accepted => accepted,
        };
        match stream {
            Ok(stream) => {
                let router = router.clone();
                open.spawn(async move {
                    answer(stream, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "status server could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    let rest = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIME, rest).await.is_err() {
        tracing::debug!(open = open.len(), "status connections cut off at the stop");
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(BUFFER_BYTES)
        .max_headers(HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match tokio::time::timeout(CONNECTION_TIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "status connection ended early"),
        Err(_) => tracing::debug!("status connection cut off: the client was too slow"),
    }
}
