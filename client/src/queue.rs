//! The queue between the connection and one subscriber.
//!
//! In: messages, a run at a time. Out: one at a time, or a waker to be called. Bounded in messages
//! and in bytes; what happens at the bound is settled by [`WhenFull`], and what it costs is counted,
//! here and nowhere else.
//!
//! ```text
//! driver ──push(run)──▶ [ m m m m ] ──poll_next──▶ subscriber
//!    ▲                     │ full: dropped += 1
//!    └──── holds off ──────┘ or, with backpressure, nothing more is read
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::{RequestErrorKind, SubscribeErrorKind};
use crate::message::{Message, Subject};

mod reader;
#[cfg(test)]
mod tests;

pub(crate) use reader::Reader;

/// What a subscription does when its queue is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// What comes is dropped; what waits stays. The default.
    #[default]
    DropNewest,
    /// What has waited longest is dropped to make room.
    DropOldest,
    /// Of each subject only the latest message waits, in the place of the one before it; where the
    /// subjects alone are too many, what has waited longest is dropped.
    LatestPerSubject,
    /// Nothing is dropped: the client stops reading until half of the queue is read.
    ///
    /// That holds up everything on this connection: other subscriptions, answers to requests,
    /// flushes. A task that reads such a subscription must not wait for the same client in between.
    /// The queue may go over its bound by what one read brings, 64 KiB or one message. A server cuts
    /// a client that does not read for long: then the connection is lost, and with it what the
    /// server had for it.
    Backpressure,
}

/// The bounds of one subscription's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// How many messages may wait; at least 1.
    pub(crate) messages: usize,
    /// How many bytes of headers and payload may wait; one message may be larger on its own.
    pub(crate) bytes: usize,
    pub(crate) when_full: WhenFull,
}

#[derive(Debug)]
pub(crate) struct Queue {
    limits: QueueLimits,
    /// What the reader has taken out and not given away yet; it still counts. Relaxed: it grows
    /// under the lock alone, and to see it shrink late is to see the reader late.
    in_hand: AtomicUsize,
    in_hand_bytes: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize, // The sum of `length` over `messages`.
    /// How many are in the reader's hand, as seen when something was put in last.
    held: usize,
    held_bytes: usize,
    losses: Losses,
    end: Option<End>,
    /// The subscriber, while it waits for a message.
    waker: Option<Waker>,
    /// The driver, while it holds off.
    driver: Option<Waker>,
    /// Only with [`WhenFull::LatestPerSubject`].
    places: Option<Box<Places>>,
}

/// Where the message of each subject waits.
#[derive(Debug, Default)]
struct Places {
    /// Of all that wait and of no others, counted from the first message ever.
    by_subject: HashMap<Subject, u64>,
    /// The number of the message in front, counted in the same way.
    first: u64,
}

/// What did not reach the subscriber.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Found no room, or made it.
    pub(crate) dropped: u64,
    pub(crate) dropped_bytes: u64,
    /// A later message of the same subject took its place.
    pub(crate) replaced: u64,
}

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// By this run.
    pub(crate) dropped: u64,
    pub(crate) replaced: u64,
    /// Since the beginning.
    pub(crate) dropped_total: u64,
    /// Nothing more should be read for now; see [`Queue::holds_off`].
    pub(crate) is_full: bool,
}

/// Why nothing more will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it was asked for: unsubscribed, drained, its count reached, or the connection closed.
    Done,
    /// The server refused the subscription.
    Refused(SubscribeErrorKind),
    /// No more answers to a request, for this reason.
    Failed(RequestErrorKind),
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        let is_latest = limits.when_full == WhenFull::LatestPerSubject;
        let state = State {
            places: is_latest.then(Box::default),
            ..State::default()
        };
        Self {
            limits,
            in_hand: AtomicUsize::new(0),
            in_hand_bytes: AtomicUsize::new(0),
            state: Mutex::new(state),
        }
    }

    /// Takes what there is room for out of `run`, which is empty afterwards.
    ///
    /// A queue that has ended takes nothing and drops nothing: nobody waits for these messages.
    pub(crate) fn push(&self, run: &mut VecDeque<Message>) -> Pushed {
        let (pushed, waker) = self.push_quietly(run);
        waker.into_iter().for_each(Waker::wake);
        pushed
    }

    /// The same; whoever waits for a message is woken by the caller, who may have more first.
    pub(crate) fn push_quietly(&self, run: &mut VecDeque<Message>) -> (Pushed, Option<Waker>) {
        let mut state = self.lock();
        let before = state.losses;
        state.held = self.in_hand.load(Ordering::Relaxed);
        state.held_bytes = self.in_hand_bytes.load(Ordering::Relaxed);
        if state.end.is_none() && !state.take_all(run, &self.limits) {
            for message in run.drain(..) {
                state.offer(message, &self.limits);
            }
        }
        let pushed = Pushed {
            dropped: state.losses.dropped - before.dropped,
            replaced: state.losses.replaced - before.replaced,
            dropped_total: state.losses.dropped,
            is_full: self.limits.when_full == WhenFull::Backpressure
                && state.end.is_none()
                && !state.has_room(&self.limits, 0),
        };
        let waker = state.waker.take();
        drop(state);
        run.clear();
        (pushed, waker)
    }

    /// Whether the queue is still more than half full; then `waker` is called when it no longer is.
    pub(crate) fn holds_off(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        let holds_off = state.end.is_none() && !state.is_relieved(&self.limits);
        state.driver = holds_off.then(|| waker.clone());
        holds_off
    }

    /// The next message; none when the queue has ended and everything is out.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut state = self.lock();
        if let Some(message) = state.pop() {
            self.relieve(state);
            return Poll::Ready(Some(message));
        }
        if state.end.is_some() {
            return Poll::Ready(None);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes the next message if one is there; whoever waits goes on waiting.
    pub(crate) fn try_next(&self) -> Option<Message> {
        let mut state = self.lock();
        let message = state.pop();
        self.relieve(state);
        message
    }

    /// Lets nothing more in; what is there can still be read. The first reason stays.
    pub(crate) fn end(&self, end: End) {
        let mut state = self.lock();
        state.end.get_or_insert(end);
        let wakers = [state.waker.take(), state.driver.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Why nothing more will come, once that is so.
    pub(crate) fn ended(&self) -> Option<End> {
        self.lock().end
    }

    /// How many messages wait, and how many bytes they are.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let state = self.lock();
        let in_hand = self.in_hand.load(Ordering::Relaxed);
        let in_hand_bytes = self.in_hand_bytes.load(Ordering::Relaxed);
        (state.messages.len() + in_hand, state.bytes + in_hand_bytes)
    }

    /// What did not reach the subscriber since the beginning.
    pub(crate) fn losses(&self) -> Losses {
        self.lock().losses
    }

    /// Lets go of the lock, and wakes the driver if it held off and need no longer.
    fn relieve(&self, mut state: MutexGuard<'_, State>) {
        let driver = match state.driver.is_some() && state.is_relieved(&self.limits) {
            true => state.driver.take(),
            false => None,
        };
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts all of `run` in, if there is room for all of it and nothing to be looked up.
    fn take_all(&mut self, run: &mut VecDeque<Message>, limits: &QueueLimits) -> bool {
        let bytes = self.bytes + run.iter().map(|message| message.length).sum::<usize>();
        let fits = self.count() + run.len() <= limits.messages
            && bytes + self.held_bytes <= limits.bytes
            && self.places.is_none();
        if fits {
            match self.messages.is_empty() && run.len() >= SWAPPED_MIN {
                true => std::mem::swap(&mut self.messages, run),
                false => self.messages.append(run),
            }
            self.bytes = bytes;
        }
        fits
    }

    /// Puts `message` in, or whatever the limits say of it when there is no room.
    fn offer(&mut self, message: Message, limits: &QueueLimits) {
        let has_room = self.has_room(limits, message.length);
        match limits.when_full {
            WhenFull::DropNewest if !has_room => return self.count_dropped(&message),
            WhenFull::DropNewest | WhenFull::Backpressure => {}
            WhenFull::DropOldest => self.make_room(limits, message.length),
            WhenFull::LatestPerSubject => match self.place(&message.subject) {
                Some(place) => return self.replace(place, message),
                None => {
                    self.make_room(limits, message.length);
                    if let Some(places) = &mut self.places {
                        let place = places.first + self.messages.len() as u64;
                        places.by_subject.insert(message.subject.clone(), place);
                    }
                }
            },
        }
        self.bytes += message.length;
        self.messages.push_back(message);
    }

    /// Where the message of `subject` waits, if one does.
    fn place(&self, subject: &Subject) -> Option<usize> {
        let places = self.places.as_ref()?;
        let place = places.by_subject.get(subject)?;
        Some((place - places.first) as usize) // It waits, so it is not before the first.
    }

    fn replace(&mut self, place: usize, message: Message) {
        self.bytes = self.bytes - self.messages[place].length + message.length;
        self.messages[place] = message;
        self.losses.replaced += 1;
    }

    /// Whether one more message of `length` bytes stays within the bounds. An empty queue takes any.
    fn has_room(&self, limits: &QueueLimits, length: usize) -> bool {
        let is_within = self.bytes + self.held_bytes + length <= limits.bytes;
        self.count() == 0 || (self.count() < limits.messages && is_within)
    }

    /// How many messages wait, those in the reader's hand included.
    fn count(&self) -> usize {
        self.messages.len() + self.held
    }

    fn make_room(&mut self, limits: &QueueLimits, length: usize) {
        while !self.has_room(limits, length) {
            if let Some(oldest) = self.pop() {
                self.count_dropped(&oldest);
            }
        }
    }

    /// Whether at most half of the bounds is used.
    fn is_relieved(&self, limits: &QueueLimits) -> bool {
        self.messages.len() <= limits.messages / 2 && self.bytes <= limits.bytes / 2
    }

    fn count_dropped(&mut self, message: &Message) {
        self.losses.dropped += 1;
        self.losses.dropped_bytes += message.length as u64;
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.length;
        if let Some(places) = &mut self.places {
            places.by_subject.remove(&message.subject);
            places.first += 1;
        }
        if self.messages.is_empty() && self.messages.capacity() > KEPT_CAPACITY {
            self.messages.shrink_to(KEPT_CAPACITY); // What a flood took is given back.
        }
        Some(message)
    }
}

/// From how many messages on a run is taken with its memory, not copied into the queue's own: fewer
/// would leave much unused memory in a queue that gets little.
const SWAPPED_MIN: usize = 8;
/// How many slots an empty queue keeps, some 140 KiB: growing again costs a copy of all. A guess.
const KEPT_CAPACITY: usize = 1024;
