//! What happens to a connection besides messages.
//!
//! In: events, from the driver. Out: a stream per listener. Each listener's queue is bounded and
//! counts what it misses; a slow consumer and what went unconfirmed are kept as a state, not queued,
//! so they cannot be missed.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::message::Subject;
use crate::refusal::ServerError;

/// Something happened to the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first connection stands.
    Connected,
    /// The connection was lost; the text says why. The client is reconnecting, unless
    /// [`Event::Closed`] follows.
    Disconnected(Box<str>),
    /// A connection stands again; subscriptions are in force, what was buffered is on its way.
    Reconnected,
    /// The client has gone over to another server, as the one before was about to go; everything
    /// sent to that one was handled.
    Moved,
    /// So many messages were sent when the connection was lost and not confirmed by the server: they
    /// may have arrived or not. Follows [`Event::Disconnected`].
    Unconfirmed(u64),
    /// An attempt to connect failed: server and reason.
    ConnectFailed(Box<str>),
    /// The server refused something.
    ServerError(ServerError),
    /// A subscription's queue was full.
    SlowConsumer(SlowConsumer),
    /// The server is about to go: lame duck.
    LameDuck,
    /// The client is closed for good; this is the last event.
    Closed,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::Disconnected(reason) => write!(f, "disconnected: {reason}"),
            Self::Reconnected => f.write_str("reconnected"),
            Self::Moved => f.write_str("moved to another server"),
            Self::Unconfirmed(1) => f.write_str("1 message unconfirmed"),
            Self::Unconfirmed(messages) => write!(f, "{messages} messages unconfirmed"),
            Self::ConnectFailed(reason) => write!(f, "connecting failed: {reason}"),
            Self::ServerError(error) => write!(f, "server error: {error}"),
            Self::SlowConsumer(slow) => write!(
                f,
                "slow consumer on {:?} (sid {}): {} dropped",
                slow.subject, slow.sid, slow.dropped
            ),
            Self::LameDuck => f.write_str("server is about to go"),
            Self::Closed => f.write_str("closed"),
        }
    }
}

/// A subscription whose queue was full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowConsumer {
    /// The subscription, as [`Subscriber::sid`](crate::Subscriber::sid) names it.
    pub sid: u64,
    /// Its subject.
    pub subject: Subject,
    /// How many messages it has dropped since its beginning.
    pub dropped: u64,
}

/// The listeners of one client.
#[derive(Debug, Default)]
pub(crate) struct EventHub {
    state: Mutex<HubState>,
}

#[derive(Debug, Default)]
struct HubState {
    listeners: Vec<Weak<Inbox>>,
    is_closed: bool,
}

impl EventHub {
    /// A new listener: it hears what happens from now on.
    pub(crate) fn listen(&self, capacity: usize) -> Events {
        let inbox = Arc::new(Inbox {
            capacity: capacity.max(1),
            state: Mutex::default(),
        });
        let mut state = self.lock();
        state
            .listeners
            .retain(|listener| listener.strong_count() > 0);
        if state.is_closed {
            inbox.lock().is_closed = true;
        }
        state.listeners.push(Arc::downgrade(&inbox));
        Events { inbox }
    }

    pub(crate) fn emit(&self, event: &Event) {
        let mut state = self.lock();
        state.is_closed |= *event == Event::Closed;
        let listeners: Vec<_> = state.listeners.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        for listener in listeners {
            listener.push(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Inbox {
    capacity: usize, // At least 1.
    state: Mutex<InboxState>,
}

#[derive(Debug, Default)]
struct InboxState {
    /// At most `capacity`, and one more for `Closed`.
    queue: VecDeque<Event>,
    /// The latest state by sid, of subscriptions not heard of yet; at most `SLOW_MAX`.
    slow: BTreeMap<u64, SlowConsumer>,
    /// The sum of what was not heard of yet.
    unconfirmed: u64,
    missed: u64,
    is_closed: bool,
    waker: Option<Waker>,
}

impl Inbox {
    fn push(&self, event: &Event) {
        let mut state = self.lock();
        match event {
            Event::SlowConsumer(slow) => {
                state.slow.insert(slow.sid, slow.clone());
                if state.slow.len() > SLOW_MAX {
                    state.slow.pop_first(); // The oldest subscription, most likely long gone.
                    state.missed += 1;
                }
            }
            Event::Unconfirmed(messages) => state.unconfirmed += messages,
            Event::Closed if state.is_closed => return,
            Event::Closed => {
                state.is_closed = true;
                state.queue.push_back(Event::Closed);
            }
            _ if state.queue.len() < self.capacity => state.queue.push_back(event.clone()),
            Event::ConnectFailed(_) | Event::ServerError(_) => state.missed += 1,
            _ => {
                // Where the client stands must be heard; what failed before it need not.
                let failure = |event: &Event| {
                    matches!(event, Event::ConnectFailed(_) | Event::ServerError(_))
                };
                let least = state.queue.iter().position(failure).unwrap_or(0);
                state.queue.remove(least);
                state.queue.push_back(event.clone());
                state.missed += 1;
            }
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InboxState {
    /// `Closed` stays for the end; what is kept as a state goes before it.
    fn pop(&mut self) -> Option<Event> {
        if self.queue.len() > 1 || (self.queue.len() == 1 && !self.is_closed) {
            return self.queue.pop_front();
        }
        if let Some((_, slow)) = self.slow.pop_first() {
            return Some(Event::SlowConsumer(slow));
        }
        if self.unconfirmed > 0 {
            return Some(Event::Unconfirmed(std::mem::take(&mut self.unconfirmed)));
        }
        self.queue.pop_front()
    }
}

/// A stream of [`Event`]s, made by [`Client::events`](crate::Client::events).
///
/// Holds 128 events that were not read yet. Beyond that, failed attempts and refusals are not kept,
/// and give way to events that say where the client stands; what is missing is counted in
/// [`Events::missed`]. Slow consumers are not queued but kept as a state, the latest per subscription, and so is
/// the sum of what went unconfirmed: they are always heard. Ends after [`Event::Closed`].
#[derive(Debug)]
pub struct Events {
    inbox: Arc<Inbox>,
}

impl Events {
    /// Waits for the next event; none after the last one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// How many events found no room, since the beginning.
    pub fn missed(&self) -> u64 {
        self.inbox.lock().missed
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.inbox.lock();
        if let Some(event) = state.pop() {
            return Poll::Ready(Some(event));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx)
    }
}

/// How many unread events a listener keeps: many reconnects. A guess.
pub(crate) const EVENTS_MAX: usize = 128;

/// How many different slow subscriptions a listener keeps in mind while nobody reads it. A guess.
const SLOW_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(sid: u64, dropped: u64) -> Event {
        Event::SlowConsumer(SlowConsumer {
            sid,
            subject: Subject::from("a"),
            dropped,
        })
    }

    fn heard(events: &Events) -> Vec<Event> {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut heard = Vec::new();
        while let Poll::Ready(Some(event)) = events.poll(cx) {
            heard.push(event);
        }
        heard
    }

    #[test]
    fn a_full_listener_counts_what_it_misses_but_never_misses_a_slow_consumer() {
        let hub = EventHub::default();
        let events = hub.listen(2);
        for _ in 0..5 {
            hub.emit(&Event::ConnectFailed("x".into()));
        }
        for dropped in 1..10 {
            hub.emit(&slow(7, dropped));
        }
        hub.emit(&slow(3, 1));
        hub.emit(&Event::Closed);
        let expected = vec![
            Event::ConnectFailed("x".into()),
            Event::ConnectFailed("x".into()),
            slow(3, 1),
            slow(7, 9),
            Event::Closed,
        ];
        assert_eq!(heard(&events), expected);
        assert_eq!(events.missed(), 3);
    }

    #[test]
    fn failures_do_not_push_out_where_the_client_stands() {
        let hub = EventHub::default();
        let events = hub.listen(3);
        let failed = |text: &str| Event::ConnectFailed(text.into());
        hub.emit(&Event::Disconnected("x".into()));
        for text in ["1", "2", "3", "4"] {
            hub.emit(&failed(text));
        }
        hub.emit(&Event::Reconnected);
        hub.emit(&Event::Unconfirmed(2));
        hub.emit(&Event::LameDuck);
        hub.emit(&Event::Unconfirmed(3));
        let lost = Event::Disconnected("x".into());
        let expected = [
            lost,
            Event::Reconnected,
            Event::LameDuck,
            Event::Unconfirmed(5),
        ];
        assert_eq!(heard(&events), expected);
        assert_eq!(events.missed(), 4);
        for _ in 0..5 {
            hub.emit(&Event::Reconnected);
        }
        assert_eq!((heard(&events).len(), events.missed()), (3, 6));
    }

    #[test]
    fn a_listener_that_comes_after_the_end_hears_the_end() {
        let hub = EventHub::default();
        hub.emit(&Event::Closed);
        let events = hub.listen(2);
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(events.poll(cx), Poll::Ready(None));
    }
}
