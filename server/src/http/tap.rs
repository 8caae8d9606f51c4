//! The tap: messages that pass, as somebody may see them who may subscribe to them.
//!
//! It is a subscription like any other, checked by the same rules, but it never counts as a
//! reader: who asks a question that only a tap hears is told that nobody is there. It takes a
//! message only where there is room, so that publishers pay a moment and wait for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::answers::text;
use super::events::{self, QUIET_MAX};
use super::gate::Visitor;
use crate::monitor::{Monitor, compact};
use crate::peer::{Delivery, Message, Peer, Refusal, Sink, Subscription, Wakes};

/// How many messages may wait to be shown.
const WAITING_MAX: usize = 64;
/// How many are shown at a time, and how often: two hundred a second, which nobody can read.
const BATCH: usize = 20;
const PACE: Duration = Duration::from_millis(100);
/// How much of a payload is shown, in bytes.
const SHOWN_MAX: usize = 512;

/// A message as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reply: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    headers: String,
    /// The beginning of it, as text; what is none is shown as such.
    payload: String,
    /// Header block and payload together, in bytes.
    size: usize,
}

/// What becomes of messages on the side of their publishers.
struct Tap {
    number: u64,
    shown: mpsc::Sender<Shown>,
    /// For which there was no room.
    missed: Arc<AtomicU64>,
}

/// Opens a tap on `filter` for `visitor`.
pub(super) fn open(
    monitor: &Arc<Monitor>,
    visitor: &Visitor,
    filter: &str,
    place: OwnedSemaphorePermit,
) -> Response {
    let (shown, waiting) = mpsc::channel(WAITING_MAX);
    let missed = Arc::<AtomicU64>::default();
    let party = monitor.visitor(tokio::time::Instant::now().into_std());
    let tap = Arc::new(Tap {
        number: party.id,
        shown,
        missed: Arc::clone(&missed),
    });
    let mut peer = Peer::new(monitor.host(), tap, party);
    peer.identify(visitor.identity.as_deref());
    if let Err(refusal) = peer.subscribe(filter.as_bytes(), None, b"tap") {
        _ = peer.leave(); // It has none.
        return match refusal {
            Refusal::InvalidFilter => text(
                StatusCode::BAD_REQUEST,
                format!("invalid filter: {filter:?}"),
            ),
            _ => text(
                StatusCode::FORBIDDEN,
                format!("no permission to subscribe to {filter:?}"),
            ),
        };
    }
    let (sender, receiver) = mpsc::channel(4);
    let counted = Arc::clone(monitor);
    tokio::spawn(async move {
        show(waiting, &missed, &counted, &sender).await;
        counted.note_missed(missed.load(Ordering::Relaxed));
        _ = peer.leave(); // It has one subscription.
        drop(place);
    });
    events::response(receiver)
}

/// Passes messages on at a pace that a browser can take, until the browser is gone.
async fn show(
    mut waiting: mpsc::Receiver<Shown>,
    missed: &AtomicU64,
    monitor: &Monitor,
    sender: &mpsc::Sender<Bytes>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            () = sender.closed() => return,
            _ = waiting.recv_many(&mut batch, BATCH) => {}
            () = tokio::time::sleep(QUIET_MAX) => {}
        }
        let missed = missed.swap(0, Ordering::Relaxed);
        monitor.note_missed(missed);
        let told = serde_json::json!({ "messages": batch, "missed": missed });
        batch.clear();
        if sender
            .send(events::event("messages", &compact(&told)))
            .await
            .is_err()
        {
            return;
        }
        tokio::time::sleep(PACE).await;
    }
}

impl Sink for Tap {
    fn deliver(
        &self,
        _subscription: &Arc<Subscription>,
        message: &Message<'_>,
        _wakes: &mut Wakes,
    ) -> Delivery {
        match self.shown.try_reserve() {
            Ok(place) => place.send(Shown::new(message)),
            Err(_) => _ = self.missed.fetch_add(1, Ordering::Relaxed),
        }
        Delivery::Skipped // A tap is nobody.
    }

    fn owner(&self) -> u64 {
        self.number
    }

    fn limit(&self, subscription: &Subscription, max: u64) -> bool {
        subscription.limit(max)
    }
}

impl Shown {
    fn new(message: &Message<'_>) -> Self {
        let lossy = |bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_MAX)]).into_owned()
        };
        Self {
            subject: lossy(message.subject),
            reply: message.reply.map(lossy).unwrap_or_default(),
            headers: lossy(message.headers),
            payload: lossy(message.payload),
            size: message.size(),
        }
    }
}
