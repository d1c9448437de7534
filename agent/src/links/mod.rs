//! The node's network links by rtnetlink: names, speed, drops, and up or down as it happens.
//!
//! The kernel tells of links that come, go, turn up or down, or change their name. It does not tell
//! of counters, so bytes and drops are asked for ([`Links::refresh`], at a low cadence), in one
//! request for all links. The speed is read when a line comes up.

mod decode;
mod known;
mod listen;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::StreamExt as _;
use llmos_proto::status::Link;
use rtnetlink::{MulticastGroup, new_multicast_connection};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use crate::probes::ProbeHealth;
use known::Known;

const NAME: &str = "links";

/// All links by index, kept up to date by a task of its own.
#[derive(Debug, Clone)]
pub struct Links {
    shared: Arc<Shared>,
    /// Ends the tasks with the last clone.
    _tasks: Arc<Tasks>,
}

/// What the task and its owners share.
#[derive(Debug, Default)]
struct Shared {
    known: Mutex<Known>,
    counters_wanted: Notify,
    /// The number of changes, for those who wait for the next.
    version: watch::Sender<u64>,
    /// Times that the kernel dropped messages, since nobody read them soon enough.
    lost: AtomicU64,
    failed: Mutex<Option<String>>,
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, Option<String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, cause: &str) {
        tracing::warn!(cause, "links cannot be followed");
        *self.failed() = Some(cause.to_owned());
    }

    fn works(&self) {
        *self.failed() = None;
    }
}

#[derive(Debug, Default)]
struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Links {
    /// Starts to listen in the network namespace of the calling thread, and lists all links.
    /// Without rtnetlink the links are unknown and the health says why.
    #[must_use]
    pub fn watch() -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = Tasks::default();
        match new_multicast_connection(&[MulticastGroup::Link]) {
            Ok((connection, handle, messages)) => {
                let messages = messages.map(|(message, _)| message);
                let listen = listen::listen(Arc::clone(&shared), handle, messages);
                tasks.0.push(tokio::spawn(connection).abort_handle());
                tasks.0.push(tokio::spawn(listen).abort_handle());
            }
            Err(error) => shared.fail(&format!("rtnetlink cannot be used: {error}")),
        }
        Self {
            shared,
            _tasks: Arc::new(tasks),
        }
    }

    /// Asks for the counters of all links, for a later [`Links::now`]; does not wait.
    pub fn refresh(&self) {
        self.shared.counters_wanted.notify_one();
    }

    /// All links, ordered by index.
    #[must_use]
    pub fn now(&self) -> Vec<Link> {
        self.shared.known().links()
    }

    /// The number of changes since the start: its `changed()` waits for the next one, be it a link
    /// that comes, goes, turns up or down, has a new name or a new speed. Counters do not count.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// How this source is.
    #[must_use]
    pub fn health(&self) -> ProbeHealth {
        let (links, up) = self.shared.known().count();
        match self.shared.failed().as_deref() {
            Some(cause) if links == 0 => return ProbeHealth::unsupported(NAME, cause),
            Some(cause) => return ProbeHealth::degraded(NAME, cause),
            None => {}
        }
        let mut text = format!("{links} links, {up} up, changes by rtnetlink as they happen");
        let lost = self.shared.lost.load(Ordering::Relaxed);
        if lost > 0 {
            text.push_str(&format!(", listed again {lost} times after a loss"));
        }
        ProbeHealth::healthy(NAME, text)
    }
}
