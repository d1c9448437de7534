//! The node's network links by rtnetlink: names, speed, drops, and up or down as it happens.

mod decode;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use llmos_proto::status::Link;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::{Handle, MulticastGroup, new_multicast_connection};

use crate::probes::ProbeHealth;

const NAME: &str = "links";

/// All links by index, kept up to date by a task of its own.
#[derive(Debug, Clone)]
pub struct Links {
    known: Arc<Mutex<BTreeMap<u32, Link>>>,
    handle: Option<Handle>,
    failed: Option<String>,
}

impl Links {
    /// Starts to listen. Without rtnetlink the links are unknown and the health says why.
    #[must_use]
    pub fn watch() -> Self {
        let known = Arc::new(Mutex::new(BTreeMap::new()));
        let (connection, handle, mut messages) =
            match new_multicast_connection(&[MulticastGroup::Link]) {
                Ok(parts) => parts,
                Err(error) => {
                    let failed = Some(format!("rtnetlink cannot be used: {error}"));
                    return Self {
                        known,
                        handle: None,
                        failed,
                    };
                }
            };
        tokio::spawn(connection);
        let sink = Arc::clone(&known);
        tokio::spawn(async move {
            while let Some((message, _)) = messages.next().await {
                if let NetlinkPayload::InnerMessage(inner) = message.payload {
                    take(&sink, inner);
                }
            }
        });
        Self {
            known,
            handle: Some(handle),
            failed: None,
        }
    }

    /// Asks for all links with their counters, for the next [`Links::now`]; does not wait.
    pub fn refresh(&self) {
        let Some(handle) = self.handle.clone() else {
            return;
        };
        let sink = Arc::clone(&self.known);
        tokio::spawn(async move {
            let mut links = handle.link().get().execute();
            loop {
                match links.try_next().await {
                    Ok(Some(link)) => take(&sink, RouteNetlinkMessage::NewLink(link)),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::debug!(%error, "the links could not be listed");
                        break;
                    }
                }
            }
        });
    }

    /// All links, ordered by index.
    #[must_use]
    pub fn now(&self) -> Vec<Link> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// How this source is.
    #[must_use]
    pub fn health(&self) -> ProbeHealth {
        match &self.failed {
            Some(cause) => ProbeHealth::unsupported(NAME, cause),
            None => {
                let links = self.now();
                let up = links.iter().filter(|l| l.up).count();
                ProbeHealth::healthy(
                    NAME,
                    format!("{} links, {up} up, by rtnetlink", links.len()),
                )
            }
        }
    }
}

/// Takes one message in; a change of up and down is logged as it happens.
fn take(known: &Mutex<BTreeMap<u32, Link>>, message: RouteNetlinkMessage) {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    match message {
        RouteNetlinkMessage::NewLink(message) => {
            let Some((index, link)) = decode::link(&message) else {
                return;
            };
            if known.get(&index).is_some_and(|old| old.up != link.up) {
                tracing::info!(link = link.name, up = link.up, "a link changed");
            }
            known.insert(index, link);
        }
        RouteNetlinkMessage::DelLink(message) => {
            if let Some(link) = known.remove(&message.header.index) {
                tracing::info!(link = link.name, "a link went away");
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn sees_the_loopback_link() {
        let links = Links::watch();
        links.refresh();
        for _ in 0..200 {
            if links.now().iter().any(|l| l.name == "lo") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no link lo among {:?}", links.now());
    }
}
