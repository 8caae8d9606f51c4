//! What happened to connections, for whoever may subscribe to it.
//!
//! Noted where it happens, in a queue of fixed length that one task empties; what finds no room is
//! counted, and the next event says how many are missing. Where nobody asked for events, nothing
//! is noted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use parking_lot::Mutex;

use super::{Backlog, Busiest, Departure, Host, Party, Peer};

/// How many events may wait to be published.
pub(crate) const WAITING_MAX: usize = 1024;

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// It has said who it is, and was let in.
    Connected,
    /// It has gone, or was sent away.
    Left,
    /// It has made a subscription.
    Subscribed,
    /// It reads too slowly, does so no more, or was cut for it.
    Slow,
}

/// Which events are published, and where: `<prefix>.connected`, `.left`, `.subscribed` and `.slow`.
///
/// Not part of NATS. Source: protocol.md#events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOptions {
    pub(crate) prefix: String,
    kinds: Vec<Event>,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self::new("dunlin.event")
    }
}

impl EventOptions {
    /// All events, below `prefix`: whole tokens without wildcards.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            kinds: Vec::new(),
        }
    }

    /// These events alone; of none at all, all.
    pub fn only(mut self, kinds: impl IntoIterator<Item = Event>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Whether events of this kind are published.
    pub(crate) fn has(&self, kind: Event) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

impl Event {
    /// The last token of its subject.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Left => "left",
            Self::Subscribed => "subscribed",
            Self::Slow => "slow",
        }
    }
}

/// Something that has happened.
pub(crate) struct Happened {
    pub(crate) party: Arc<Party>,
    pub(crate) what: What,
}

pub(crate) enum What {
    Connected,
    Left(Departure, Instant),
    Subscribed {
        filter: Box<[u8]>,
        queue: Option<Box<[u8]>>,
        sid: Box<[u8]>,
    },
    /// The word says whether it begins or is over.
    Slow(&'static str, Backlog, Option<Busiest>),
    /// It was too slow.
    Cut(Departure),
}

/// Events that wait to be published.
#[derive(Default)]
pub(crate) struct Events {
    options: Option<EventOptions>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Happened>,
    /// For which there was no room since the last was taken, and ever.
    missed: u64,
    missed_ever: u64,
    taken_ever: u64,
    waker: Option<std::task::Waker>,
}

impl Events {
    pub(crate) fn options(&self) -> Option<&EventOptions> {
        self.options.as_ref()
    }

    fn wants(&self, kind: Event) -> bool {
        self.options
            .as_ref()
            .is_some_and(|options| options.has(kind))
    }

    fn note(&self, party: &Arc<Party>, what: What) {
        let mut state = self.state.lock();
        if state.queue.len() >= WAITING_MAX {
            state.missed += 1;
            state.missed_ever += 1;
            return;
        }
        state.queue.push_back(Happened {
            party: Arc::clone(party),
            what,
        });
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What has happened, the first first, and how much before it was missed; ready once there is
    /// something.
    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<(Vec<Happened>, u64)> {
        let mut state = self.state.lock();
        if state.queue.is_empty() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.taken_ever += state.queue.len() as u64;
        let missed = std::mem::take(&mut state.missed);
        Poll::Ready((state.queue.drain(..).collect(), missed))
    }

    /// How many events were taken to be published, and how many found no room.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.taken_ever, state.missed_ever)
    }
}

impl Host {
    /// The same, with events.
    pub(crate) fn with_events(mut self, options: Option<EventOptions>) -> Self {
        self.events.options = options;
        self
    }

    /// Takes `party` out of the table, and says so.
    pub(crate) fn leave(&self, party: &Arc<Party>, departure: Departure, now: Instant) {
        let reason = departure.reason;
        // Whoever was never let in has not left.
        let is_told = !reason.is_auth_failure() && party.greeting().is_some();
        if reason.is_slow_consumer() && self.events.wants(Event::Slow) {
            self.events.note(party, What::Cut(departure.clone()));
        }
        if is_told && self.events.wants(Event::Left) {
            self.events.note(party, What::Left(departure.clone(), now));
        }
        self.table.leave(party, departure, now);
    }

    /// Says that `party` has begun to read too slowly, or does so no more.
    pub(crate) fn note_slow(
        &self,
        party: &Arc<Party>,
        state: &'static str,
        backlog: Backlog,
        busiest: Option<Busiest>,
    ) {
        let what = What::Slow(state, backlog, busiest);
        self.events.note(party, what);
    }
}

impl Peer {
    /// Says that the party is here.
    pub(crate) fn announce(&self) {
        if self.host.events.wants(Event::Connected) {
            self.host.events.note(&self.party, What::Connected);
        }
    }

    /// Says that the party has subscribed, but for subscriptions to events.
    pub(super) fn note_subscribed(&self, filter: &[u8], queue: Option<&[u8]>, sid: &[u8]) {
        let Some(options) = self.host.events.options() else {
            return;
        };
        if options.has(Event::Subscribed) && !filter.starts_with(options.prefix.as_bytes()) {
            let what = What::Subscribed {
                filter: filter.into(),
                queue: queue.map(Into::into),
                sid: sid.into(),
            };
            self.host.events.note(&self.party, what);
        }
    }
}
