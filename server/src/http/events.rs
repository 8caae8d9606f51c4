//! Streams of events for the dashboard: what happens now, a line a second, and the tap.
//!
//! One task looks at the server for everybody; each stream has a place, and there are only so
//! many. A reader that is slower than the events misses some and holds nothing up.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_core::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::pages::text;
use crate::monitor::{Monitor, SAMPLE_INTERVAL, compact};

/// The most streams at a time; one more is told so.
const STREAMS_MAX: usize = 64;
/// How many events may wait for one stream.
const QUEUE: usize = 16;
/// How many slow readers each event names.
const SLOW_SHOWN: usize = 20;
/// How much of what waits for them is looked at, in bytes: some milliseconds of each second.
const LOOK_MAX: usize = 4 * 1024 * 1024;

/// What happens now, for whoever looks.
#[derive(Clone)]
pub(super) struct Feed {
    latest: watch::Receiver<Bytes>,
    places: Arc<Semaphore>,
}

impl Feed {
    /// Begins to look at the server; `alive` lasts as long as it does.
    pub(super) fn start(
        monitor: Arc<Monitor>,
        mut stopped: watch::Receiver<bool>,
        alive: super::Alive,
    ) -> Self {
        let (sender, latest) = watch::channel(Bytes::new());
        tokio::spawn(async move {
            let _alive = alive;
            loop {
                tokio::select! {
                    _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
                    () = tokio::time::sleep(SAMPLE_INTERVAL / 2) => {}
                }
                let is_watched = sender.receiver_count() > 1;
                let monitor = Arc::clone(&monitor);
                let look = tokio::task::spawn_blocking(move || look(&monitor, is_watched));
                if let Ok(Some(event)) = look.await {
                    sender.send_replace(event);
                }
            }
        });
        let places = Arc::new(Semaphore::new(STREAMS_MAX));
        Self { latest, places }
    }

    /// A place for one stream, if there is one.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Box<Response>> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| {
            let why = format!("{STREAMS_MAX} event streams are open already");
            Box::new(text(StatusCode::SERVICE_UNAVAILABLE, why))
        })
    }

    /// A stream of what happens from now on.
    pub(super) fn stream(&self, place: OwnedSemaphorePermit) -> Response {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut latest = self.latest.clone();
        tokio::spawn(async move {
            let _place = place;
            // Ends with the server, or with the reader.
            loop {
                let event = latest.borrow_and_update().clone();
                if !event.is_empty() && sender.send(event).await.is_err() {
                    return;
                }
                tokio::select! {
                    changed = latest.changed() => if changed.is_err() { return },
                    () = sender.closed() => return,
                }
            }
        });
        response(receiver)
    }
}

/// One look: a sample for the history every second time, an event if somebody watches.
fn look(monitor: &Monitor, is_watched: bool) -> Option<Bytes> {
    let now = tokio::time::Instant::now().into_std();
    let sample = monitor.sample_if_due(now);
    if !is_watched {
        return None;
    }
    let slow = monitor.slow_now(SLOW_SHOWN, LOOK_MAX, now);
    let now_told = monitor.overview(now, slow, sample);
    Some(event("now", &compact(&now_told)))
}

/// One event: its name and one line of JSON.
pub(super) fn event(name: &str, json: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(json.len() + name.len() + 16);
    bytes.extend_from_slice(b"event: ");
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\ndata: ");
    bytes.extend_from_slice(json);
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}

/// The answer that streams what comes out of `receiver`.
pub(super) fn response(receiver: mpsc::Receiver<Bytes>) -> Response {
    let mut response = Response::new(Body::from_stream(Events(receiver)));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A pause between two events of a stream that has nothing to say; keeps proxies awake.
pub(super) const QUIET_MAX: Duration = Duration::from_secs(15);

struct Events(mpsc::Receiver<Bytes>);

impl Stream for Events {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|event| event.map(Ok))
    }
}
