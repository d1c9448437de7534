//! The task that talks to rtnetlink: takes what the kernel tells, lists all links at the start and
//! after a loss, and asks for counters when somebody wants them.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::stream::{BoxStream, StreamExt as _};
use rtnetlink::Handle;
use rtnetlink::packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::stats::{StatsFilterMask, StatsMessage};

use super::Shared;
use super::decode;
use super::known::{Change, Known};

type Message = NetlinkMessage<RouteNetlinkMessage>;

/// What the running request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// All links with all their properties.
    Links,
    /// Counters of all links, and nothing else: a tenth of the bytes.
    Counters,
}

impl Ask {
    fn name(self) -> &'static str {
        match self {
            Self::Links => "links",
            Self::Counters => "counters",
        }
    }
}

/// Runs until the connection ends.
pub(super) async fn listen<M>(shared: Arc<Shared>, mut handle: Handle, mut messages: M)
where
    M: futures_util::Stream<Item = Message> + Unpin,
{
    let mut answer = ask(&mut handle, &shared, Ask::Links);
    loop {
        let took = tokio::select! {
            biased;
            // First what the kernel tells on its own; `Known::listed` relies on that.
            message = messages.next() => match message {
                Some(message) => told(&shared, message),
                None => {
                    shared.fail("the connection to rtnetlink ended; links are as last seen");
                    return;
                }
            },
            (what, message) = next(&mut answer) => match message {
                Some(message) => answered(&shared, what, message),
                None => {
                    ended(&shared, what);
                    Took::Ended
                }
            },
            () = shared.counters_wanted.notified(), if answer.is_none() => {
                answer = ask(&mut handle, &shared, Ask::Counters);
                Took::Taken
            }
        };
        match took {
            Took::Taken => {}
            Took::Lost => answer = ask(&mut handle, &shared, Ask::Links),
            Took::Ended => answer = None,
        }
        read_speeds(&shared).await;
    }
}

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Took {
    /// It was taken in.
    Taken,
    /// Messages were lost: all links have to be listed again.
    Lost,
    /// The answer is over.
    Ended,
}

type Answer = Option<(Ask, BoxStream<'static, Message>)>;

/// Sends a request; no answer when the connection is gone, which the messages will tell.
fn ask(handle: &mut Handle, shared: &Shared, what: Ask) -> Answer {
    let mut request = match what {
        Ask::Links => {
            shared.known().begin_listing();
            NetlinkMessage::from(RouteNetlinkMessage::GetLink(LinkMessage::default()))
        }
        Ask::Counters => {
            let mut message = StatsMessage::default();
            message.header.filter_mask = StatsFilterMask::Link64;
            NetlinkMessage::from(RouteNetlinkMessage::GetStats(message))
        }
    };
    request.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let answer = handle.request(request).ok()?;
    Some((what, answer.boxed()))
}

async fn next(answer: &mut Answer) -> (Ask, Option<Message>) {
    match answer {
        Some((what, messages)) => (*what, messages.next().await),
        None => std::future::pending().await,
    }
}

/// Takes what the kernel told on its own.
fn told(shared: &Shared, message: Message) -> Took {
    match message.payload {
        NetlinkPayload::InnerMessage(inner) => {
            if let Some(news) = decode::news(&inner) {
                shared.change(|known| vec![known.told(news)]);
            }
            Took::Taken
        }
        NetlinkPayload::Overrun(_) => shared.lost(),
        _ => Took::Taken,
    }
}

/// Takes a part of an answer.
fn answered(shared: &Shared, what: Ask, message: Message) -> Took {
    match message.payload {
        NetlinkPayload::InnerMessage(inner) => {
            let Some(news) = decode::news(&inner) else {
                return Took::Taken;
            };
            let mut took = Took::Taken;
            shared.change(|known| {
                let change = match what {
                    Ask::Links => known.listed(news),
                    Ask::Counters => known.told(news),
                };
                if change == Change::Stranger {
                    took = Took::Lost;
                }
                vec![change]
            });
            took
        }
        NetlinkPayload::Overrun(_) => shared.lost(),
        NetlinkPayload::Error(error) => {
            shared.fail(&format!("rtnetlink gives no {}: {error}", what.name()));
            Took::Ended
        }
        _ => Took::Taken,
    }
}

/// Ends an answer that was complete.
fn ended(shared: &Shared, what: Ask) {
    shared.works();
    if what == Ask::Links {
        shared.change(|known| known.end_listing().into_iter().map(Change::Went).collect());
    }
}

/// Reads the speeds that are due. The kernel waits for a lock there that others may hold for long,
/// so this is done beside the event loop. It happens when a line comes up, not at each refresh.
async fn read_speeds(shared: &Arc<Shared>) {
    let due = shared.known().speeds_due();
    if due.is_empty() {
        return;
    }
    let reading = tokio::task::spawn_blocking(move || {
        due.into_iter()
            .map(|(index, name)| {
                let speed = speed(&name);
                (index, name, speed)
            })
            .collect::<Vec<_>>()
    });
    match reading.await {
        Ok(speeds) => shared.change(|known| {
            for (index, name, speed) in speeds {
                known.speed(index, &name, speed);
            }
            Vec::new()
        }),
        Err(error) => tracing::warn!(%error, "the speeds of links could not be read"),
    }
}

/// Speed in Mbit/s; `None` where the driver knows none (most virtual links), or the line is down.
/// rtnetlink does not tell it.
fn speed(name: &str) -> Option<u64> {
    // A link name cannot hold a slash, so this stays inside the directory.
    let text = fs::read_to_string(format!("/sys/class/net/{name}/speed")).ok()?;
    u64::try_from(text.trim().parse::<i64>().ok()?)
        .ok()
        .filter(|speed| *speed > 0)
}

impl Shared {
    /// Messages were lost.
    fn lost(&self) -> Took {
        self.lost.fetch_add(1, Ordering::Relaxed);
        tracing::debug!("messages about links were lost; all links are listed again");
        Took::Lost
    }

    /// Applies changes, logs them as they happen, and wakes who waits for them.
    fn change(&self, apply: impl FnOnce(&mut Known) -> Vec<Change>) {
        let (changes, number) = {
            let mut known = self.known();
            (apply(&mut known), known.changes())
        };
        for change in changes {
            match change {
                Change::Up(link) => tracing::info!(link, "a link went up"),
                Change::Down(link) => tracing::info!(link, "a link went down"),
                Change::Renamed(link) => tracing::info!(link, "a link has a new name"),
                // Pairs of containers come and go all the time.
                Change::Appeared(link) => tracing::debug!(link, "a link appeared"),
                Change::Went(link) => tracing::debug!(link, "a link went away"),
                Change::None | Change::Stranger => {}
            }
        }
        self.version.send_if_modified(|version| {
            let changed = *version != number;
            *version = number;
            changed
        });
    }
}
