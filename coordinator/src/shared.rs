//! What the edges share: the fleet behind a lock, events for pages, metrics, clocks, and the word
//! to stop.

use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::{broadcast, watch};

use crate::fleet::{Bounds, Fleet, Health, Now};
use crate::metrics::Metrics;

/// Events that a slow page may be behind before it is told that it missed some.
const EVENTS_KEPT: usize = 1_024;

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Its first report.
    Joined,
    /// A report.
    Tick,
    /// Its health changed without a report.
    Health,
    /// It was forgotten.
    Gone,
}

impl EventKind {
    /// Name of the server-sent event.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Tick => "tick",
            Self::Health => "health",
            Self::Gone => "gone",
        }
    }
}

/// A small message to pages; they fetch what they need.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// What happened.
    #[serde(skip)]
    pub kind: EventKind,
    /// `machine_id` of the node.
    pub node: String,
    /// Node time of its last report, milliseconds since 1970.
    pub at_unix_ms: u64,
    /// `live`, `stale`, `lost` or `gone`.
    pub health: &'static str,
}

/// Shared by all tasks of one coordinator.
#[derive(Debug)]
pub struct Shared {
    fleet: RwLock<Fleet>,
    events: broadcast::Sender<Event>,
    stop: watch::Sender<bool>,
    started: Instant,
    /// Own metrics.
    pub metrics: Metrics,
    /// Where agents report to, for the hint on an empty page.
    pub grpc_address: SocketAddr,
}

impl Shared {
    /// An empty fleet that agents reach at `grpc_address`.
    pub fn new(bounds: Bounds, grpc_address: SocketAddr) -> Self {
        Self {
            fleet: RwLock::new(Fleet::new(bounds)),
            events: broadcast::Sender::new(EVENTS_KEPT),
            stop: watch::Sender::new(false),
            started: Instant::now(),
            metrics: Metrics::default(),
            grpc_address,
        }
    }

    /// Both clocks now.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            unix_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The fleet to read. Hold it for as long as a copy takes, not longer.
    pub fn fleet(&self) -> RwLockReadGuard<'_, Fleet> {
        // A panic while writing leaves at worst one half-taken report.
        self.fleet.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fleet to change.
    pub fn fleet_mut(&self) -> RwLockWriteGuard<'_, Fleet> {
        self.fleet.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells pages; that nobody listens is fine.
    pub fn publish(&self, event: Event) {
        self.events.send(event).ok();
    }

    /// Events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Becomes true when the coordinator stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Tells every task to end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Ages the fleet and tells pages what changed by silence.
    pub fn sweep(&self) {
        let now = self.now();
        let changes = self.fleet_mut().sweep(now);
        for change in changes {
            let kind = if change.health.is_some() {
                EventKind::Health
            } else {
                EventKind::Gone
            };
            let health = change.health.map_or("gone", Health::as_str);
            tracing::info!(node = change.node, health, "node changed by silence");
            let at_unix_ms = self
                .fleet()
                .node(&change.node)
                .map_or(0, |node| node.at_unix_ms());
            self.publish(Event {
                kind,
                node: change.node,
                at_unix_ms,
                health,
            });
        }
    }
}
