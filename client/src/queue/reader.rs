//! The reading end of a queue: takes all that waits at once, so that most messages cost no lock.
//!
//! What is in hand still counts as waiting: bounds, figures and drops are those of the queue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::{KEPT_CAPACITY, Queue, WhenFull};
use crate::message::Message;

#[derive(Debug)]
pub(crate) struct Reader {
    queue: Arc<Queue>,
    /// Taken out together; empty where the queue must be able to change what waits.
    pub(super) hand: VecDeque<Message>,
    hand_bytes: usize, // The sum of `length` over `hand`.
}

impl Reader {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            hand: VecDeque::new(),
            hand_bytes: 0,
        }
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The next message; none when the queue has ended and everything is out.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        match self.next_in_hand() {
            Some(message) => Poll::Ready(Some(message)),
            None => self.queue.poll_next(cx),
        }
    }

    /// Takes the next message if one is there.
    pub(crate) fn try_next(&mut self) -> Option<Message> {
        self.next_in_hand().or_else(|| self.queue.try_next())
    }

    fn next_in_hand(&mut self) -> Option<Message> {
        if self.hand.is_empty() {
            self.fill_hand();
        }
        let message = self.hand.pop_front()?;
        self.hand_bytes -= message.length;
        self.tell();
        if self.hand.is_empty() && self.hand.capacity() > KEPT_CAPACITY {
            self.hand = VecDeque::new(); // What a flood took is given back.
        }
        Some(message)
    }

    fn fill_hand(&mut self) {
        if self.queue.limits.when_full != WhenFull::DropNewest {
            return; // The oldest is to make room, the latest to take a place, the driver to be woken.
        }
        let mut state = self.queue.lock();
        if state.messages.len() > 1 {
            std::mem::swap(&mut state.messages, &mut self.hand);
            self.hand_bytes = std::mem::take(&mut state.bytes);
            self.tell();
        }
    }

    fn tell(&self) {
        let queue = &self.queue;
        queue.in_hand.store(self.hand.len(), Ordering::Relaxed);
        queue
            .in_hand_bytes
            .store(self.hand_bytes, Ordering::Relaxed);
    }
}
