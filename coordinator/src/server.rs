//! Sockets and tasks: binds both addresses, runs until told to stop, ends within a second.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

use crate::config::Config;
use crate::fleet::Bounds;
use crate::ingest::Ingest;
use crate::shared::Shared;
use crate::{api, web};

/// How long open connections may take to end after the word to stop.
const GRACE: Duration = Duration::from_millis(500);
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// An agent whose machine vanished is noticed after at most twice this.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Why the coordinator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {what}: {source}; choose another with {flag} ADDR")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What it is for.
        what: &'static str,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A server ended by itself.
    #[error("the {what} server ended: {cause}")]
    Ended {
        /// Which one.
        what: &'static str,
        /// Why.
        cause: String,
    },
}

/// A coordinator whose sockets are bound.
#[derive(Debug)]
pub struct Server {
    http: TcpListener,
    grpc: TcpListener,
    http_address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Binds both addresses; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ServerError::Listen`] names the address that cannot be had.
    pub async fn bind(config: &Config, bounds: Bounds) -> Result<Self, ServerError> {
        let (http, http_address) = listen(config.http, "the dashboard", "--http").await?;
        let (grpc, grpc_address) = listen(config.grpc, "reports of agents", "--grpc").await?;
        let shared = Arc::new(Shared::new(bounds, grpc_address));
        Ok(Self {
            http,
            grpc,
            http_address,
            shared,
        })
    }

    /// Where the dashboard is.
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// Where agents report to.
    pub fn grpc_address(&self) -> SocketAddr {
        self.shared.grpc_address
    }

    /// Serves until `stop` is ready, then ends every stream and returns.
    ///
    /// # Errors
    /// [`ServerError::Ended`] when a server breaks before it is told to stop.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let shared = self.shared;
        let router = api::router(Arc::clone(&shared)).merge(web::router());
        let http = axum::serve(self.http, router).with_graceful_shutdown(stopped(&shared));
        let http = tokio::spawn(http.into_future());
        let grpc = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .add_service(Ingest::server(Arc::clone(&shared)))
            .serve_with_incoming_shutdown(TcpIncoming::from(self.grpc), stopped(&shared));
        let grpc = tokio::spawn(grpc);
        let (mut http, mut grpc) = (Aborting(http), Aborting(grpc));
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = sweep.tick() => shared.sweep(),
                end = &mut http.0 => return Err(ended("HTTP", &end)),
                end = &mut grpc.0 => return Err(ended("gRPC", &end)),
            }
        }
        tracing::info!("stopping");
        shared.stop();
        let both = async { (&mut http.0).await.is_ok() && (&mut grpc.0).await.is_ok() };
        if tokio::time::timeout(GRACE, both).await.is_err() {
            tracing::info!("connections that were still open are cut");
        }
        Ok(())
    }
}

/// A task that does not outlive its handle.
struct Aborting<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn ended(what: &'static str, end: &impl std::fmt::Debug) -> ServerError {
    ServerError::Ended {
        what,
        cause: format!("{end:?}"),
    }
}

fn stopped(shared: &Shared) -> impl Future<Output = ()> + Send + 'static {
    let mut stopping = shared.stopping();
    async move {
        // An error means that the coordinator is gone, which is also a reason to stop.
        stopping.wait_for(|stop| *stop).await.ok();
    }
}

async fn listen(
    address: SocketAddr,
    what: &'static str,
    flag: &'static str,
) -> Result<(TcpListener, SocketAddr), ServerError> {
    let fail = |source| ServerError::Listen {
        address,
        what,
        flag,
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    if !bound.ip().is_loopback() {
        tracing::warn!(
            %bound,
            "there is no authentication yet: whoever reaches this address can use it for {what}"
        );
    }
    Ok((listener, bound))
}
