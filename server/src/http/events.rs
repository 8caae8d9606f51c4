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
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::answers::text;
use super::unhurried::unhurried;
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
    monitor: Arc<Monitor>,
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
        let watched = Arc::clone(&monitor);
        tokio::spawn(async move {
            let _alive = alive;
            loop {
                tokio::select! {
                    _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
                    () = tokio::time::sleep(SAMPLE_INTERVAL / 2) => {}
                }
                let is_watched = sender.receiver_count() > 1;
                let monitor = Arc::clone(&monitor);
                let look = unhurried(move || look(&monitor, is_watched));
                if let Some(Some(event)) = look.await {
                    sender.send_replace(event);
                }
            }
        });
        let places = Arc::new(Semaphore::new(STREAMS_MAX));
        Self {
            latest,
            monitor: watched,
            places,
        }
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
        let latest = self.latest.clone();
        let monitor = Arc::clone(&self.monitor);
        tokio::spawn(async move {
            let _place = place;
            pass_on(latest, sender, || monitor.note_missed(1)).await;
        });
        response(receiver)
    }
}

/// Passes each event on, or notes that it was missed, until the server or the reader has gone.
async fn pass_on(
    mut latest: watch::Receiver<Bytes>,
    sender: mpsc::Sender<Bytes>,
    note_missed: impl Fn(),
) {
    loop {
        let event = latest.borrow_and_update().clone();
        if !event.is_empty() {
            match sender.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => note_missed(),
                Err(TrySendError::Closed(_)) => return,
            }
        }
        tokio::select! {
            changed = latest.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_a_stream_does_not_take_is_counted_and_holds_nothing_up() {
        let (told, latest) = watch::channel(Bytes::new());
        let (sender, mut receiver) = mpsc::channel(2);
        let missed = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&missed);
        let note = move || _ = counted.fetch_add(1, Ordering::Relaxed);
        let passing = tokio::spawn(pass_on(latest, sender, note));
        for number in 0..5 {
            told.send_replace(event("now", number.to_string().as_bytes()));
            tokio::task::yield_now().await; // The other task runs until it waits.
        }
        assert_eq!(missed.load(Ordering::Relaxed), 3);
        for number in 0..2 {
            let expected = event("now", number.to_string().as_bytes());
            assert_eq!(receiver.recv().await, Some(expected));
        }
        drop(receiver);
        passing.await.unwrap();
    }
}
