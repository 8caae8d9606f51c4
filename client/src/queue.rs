//! The queue between the connection and one subscriber.
//!
//! In: messages, a run at a time. Out: one at a time, or a waker to be called. Bounded in messages
//! and in bytes; what finds no room is dropped and counted, here and nowhere else.
//!
//! ```text
//! driver ──push(run)──▶ [ m m m m ] ──poll_next──▶ subscriber
//!                          │ full: dropped += 1
//! ```

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::SubscribeErrorKind;
use crate::message::Message;

/// The bounds of one subscription's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// How many messages may wait; at least 1.
    pub(crate) messages: usize,
    /// How many bytes of headers and payload may wait; one message may be larger on its own.
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize, // The sum of `length` over `messages`.
    dropped: u64,
    end: Option<End>,
    /// The subscriber, while it waits for a message.
    waker: Option<Waker>,
}

/// Why nothing more will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it was asked for: unsubscribed, drained, its count reached, or the connection closed.
    Done,
    /// The server refused the subscription.
    Refused(SubscribeErrorKind),
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    /// Takes what there is room for out of `run`, which is empty afterwards. Returns how many were
    /// dropped by this call and since the beginning.
    ///
    /// A queue that has ended takes nothing and drops nothing: nobody waits for these messages.
    pub(crate) fn push(&self, run: &mut Vec<Message>) -> (u64, u64) {
        let mut state = self.lock();
        let mut dropped = 0;
        if state.end.is_none() {
            for message in run.drain(..) {
                let bytes = state.bytes + message.length;
                let is_full = state.messages.len() >= self.limits.messages
                    || (bytes > self.limits.bytes && !state.messages.is_empty());
                if is_full {
                    dropped += 1;
                } else {
                    state.bytes = bytes;
                    state.messages.push_back(message);
                }
            }
        }
        state.dropped += dropped;
        let total = state.dropped;
        let waker = state.waker.take();
        drop(state);
        run.clear();
        if let Some(waker) = waker {
            waker.wake();
        }
        (dropped, total)
    }

    /// The next message; none when the queue has ended and everything is out.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut state = self.lock();
        if let Some(message) = state.pop() {
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

    /// Takes the next message if one is there.
    pub(crate) fn try_next(&self) -> Option<Message> {
        self.lock().pop()
    }

    /// Lets nothing more in; what is there can still be read. The first reason stays.
    pub(crate) fn end(&self, end: End) {
        let mut state = self.lock();
        state.end.get_or_insert(end);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Why nothing more will come, once that is so.
    pub(crate) fn ended(&self) -> Option<End> {
        self.lock().end
    }

    /// How many messages wait, and how many bytes they are.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let state = self.lock();
        (state.messages.len(), state.bytes)
    }

    /// How many messages found no room since the beginning.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.length;
        if self.messages.is_empty() && self.messages.capacity() > KEPT_CAPACITY {
            self.messages.shrink_to(KEPT_CAPACITY); // What a flood took is given back.
        }
        Some(message)
    }
}

/// How many slots an empty queue keeps, some 140 KiB: growing again costs a copy of all. A guess.
const KEPT_CAPACITY: usize = 1024;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::message::Subject;

    fn message(length: usize) -> Message {
        Message {
            subject: Subject::from("a"),
            reply: None,
            payload: Bytes::from(vec![0; length]),
            headers: None,
            status: None,
            description: None,
            length,
        }
    }

    fn queue(messages: usize, bytes: usize) -> Queue {
        Queue::new(QueueLimits { messages, bytes })
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let queue = queue(2, 100);
        assert_eq!(
            queue.push(&mut vec![message(1), message(1), message(1)]),
            (1, 1)
        );
        assert_eq!(queue.push(&mut vec![message(1)]), (1, 2));
        assert!(queue.try_next().is_some());
        assert_eq!(queue.push(&mut vec![message(1)]), (0, 2));
        assert_eq!((queue.dropped(), queue.queued()), (2, (2, 2)));
    }

    #[test]
    fn bytes_are_bounded_but_one_message_always_fits() {
        let queue = queue(10, 100);
        assert_eq!(queue.push(&mut vec![message(500), message(1)]), (1, 1));
        assert!(queue.try_next().is_some());
        assert_eq!(
            queue.push(&mut vec![message(60), message(60), message(40)]),
            (1, 2)
        );
        assert_eq!(queue.queued(), (2, 100));
    }

    #[test]
    fn an_ended_queue_gives_what_it_has_and_counts_nothing_more() {
        let queue = queue(1, 100);
        queue.push(&mut vec![message(1)]);
        queue.end(End::Done);
        queue.end(End::Refused(SubscribeErrorKind::Closed));
        assert_eq!(queue.push(&mut vec![message(1)]), (0, 0));
        assert_eq!(queue.ended(), Some(End::Done));
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(matches!(queue.poll_next(cx), Poll::Ready(Some(_))));
        assert!(matches!(queue.poll_next(cx), Poll::Ready(None)));
    }
}
