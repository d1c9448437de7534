//! `GET /api/v1/events`: server-sent events, one small message per report of a node.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use tokio_stream::wrappers::{BroadcastStream, ReceiverStream};
use tokio_stream::{Stream, StreamExt};

use super::error::ApiError;
use crate::shared::Shared;

const MAX_PAGES: usize = 256;
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// A page that is behind by more is told to load everything anew.
const BUFFERED: usize = 64;

pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
) -> Result<impl IntoResponse, ApiError> {
    let page = Page::enter(&shared)?;
    let (sender, events) = tokio::sync::mpsc::channel::<Result<SseEvent, Infallible>>(BUFFERED);
    let mut source = BroadcastStream::new(shared.subscribe());
    let mut stopping = shared.stopping();
    tokio::spawn(async move {
        // Headers alone do not make a browser call the stream open through every proxy.
        let mut event = SseEvent::default().event("hello").data("{}");
        while sender.send(Ok(event)).await.is_ok() {
            let next = tokio::select! {
                next = source.next() => next,
                () = sender.closed() => break,
                _ = stopping.wait_for(|stop| *stop) => break,
            };
            event = match next {
                Some(Ok(one)) => match SseEvent::default().event(one.kind.name()).json_data(&one) {
                    Ok(event) => event,
                    Err(_) => break,
                },
                // The page missed some; it has to load everything anew.
                Some(Err(_)) => SseEvent::default().event("lagged").data("{}"),
                None => break,
            };
        }
    });
    let events = Counted {
        inner: ReceiverStream::new(events),
        _page: page,
    };
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// A place among the pages that listen; given back when dropped.
struct Page(Arc<Shared>);

impl Page {
    fn enter(shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let before = shared.metrics.pages.inc();
        let page = Self(Arc::clone(shared));
        if usize::try_from(before).is_ok_and(|pages| pages < MAX_PAGES) {
            return Ok(page);
        }
        Err(ApiError::TooManyPages(MAX_PAGES))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.0.metrics.pages.dec();
    }
}

/// A stream that holds its place for as long as it lives.
struct Counted<S> {
    inner: S,
    _page: Page,
}

impl<S: Stream + Unpin> Stream for Counted<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        Pin::new(&mut self.inner).poll_next(context)
    }
}
