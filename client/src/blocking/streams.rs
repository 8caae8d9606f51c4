//! What comes one after the other, as iterators.

use std::time::Duration;

use tokio::runtime::Handle;

use super::park::{wait, wait_for};
use crate::answers::AnswersEnd;
use crate::error::{RequestError, SubscribeErrorKind, UnsubscribeError};
use crate::events::Event;
use crate::message::{Message, Subject};

/// The messages of one subscription: an iterator that waits for the next one, and ends when the
/// subscription has ended and all are read. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscriber {
    inner: crate::Subscriber,
    handle: Handle,
}

impl Subscriber {
    pub(super) fn new(inner: crate::Subscriber, handle: Handle) -> Self {
        Self { inner, handle }
    }

    /// Waits for the next message, no longer than `time`; none if there is none by then, or none
    /// will come.
    pub fn next_timeout(&mut self, time: Duration) -> Option<Message> {
        wait_for(&self.handle, time, self.inner.next()).flatten()
    }

    /// Takes the next message if one is there.
    pub fn try_next(&mut self) -> Option<Message> {
        self.inner.try_next()
    }

    /// Ends the subscription. What is queued can still be read.
    ///
    /// # Errors
    ///
    /// The connection is closed, and all subscriptions with it.
    pub fn unsubscribe(&mut self) -> Result<(), UnsubscribeError> {
        wait(&self.handle, self.inner.unsubscribe())
    }

    /// Ends the subscription after `max` messages, counted from its beginning.
    ///
    /// # Errors
    ///
    /// The connection is closed, and all subscriptions with it.
    pub fn unsubscribe_after(&mut self, max: u64) -> Result<(), UnsubscribeError> {
        wait(&self.handle, self.inner.unsubscribe_after(max))
    }

    /// Ends the subscription and waits until nothing more can come.
    ///
    /// # Errors
    ///
    /// The connection is closed or was lost meanwhile; the subscription has ended all the same.
    pub fn drain(&mut self) -> Result<(), UnsubscribeError> {
        wait(&self.handle, self.inner.drain())
    }

    /// What was subscribed to.
    pub fn subject(&self) -> &Subject {
        self.inner.subject()
    }

    /// How many messages found no room in the queue, or made it. Exact.
    pub fn dropped(&self) -> u64 {
        self.inner.dropped()
    }

    /// How many messages wait to be read, and how many bytes of headers and payload they are.
    pub fn queued(&self) -> (usize, usize) {
        self.inner.queued()
    }

    /// Why it has ended, if the server refused the subscription.
    pub fn refused(&self) -> Option<SubscribeErrorKind> {
        self.inner.refused()
    }
}

impl Iterator for Subscriber {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        wait(&self.handle, self.inner.next())
    }
}

/// The answers to a [`RequestMany`](crate::RequestMany), as an iterator that waits for the next one.
#[derive(Debug)]
pub struct Answers {
    inner: crate::Answers,
    handle: Handle,
}

impl Answers {
    pub(super) fn new(inner: crate::Answers, handle: Handle) -> Self {
        Self { inner, handle }
    }

    /// Why no more answers come, once the iterator has ended.
    pub fn end(&self) -> Option<AnswersEnd> {
        self.inner.end()
    }

    /// How many answers found no room in the queue. Exact.
    pub fn dropped(&self) -> u64 {
        self.inner.dropped()
    }
}

impl Iterator for Answers {
    type Item = Result<Message, RequestError>;

    fn next(&mut self) -> Option<Self::Item> {
        wait(&self.handle, self.inner.next())
    }
}

/// What happens to a connection, as an iterator that waits for the next event.
#[derive(Debug)]
pub struct Events {
    inner: crate::Events,
    handle: Handle,
}

impl Events {
    pub(super) fn new(inner: crate::Events, handle: Handle) -> Self {
        Self { inner, handle }
    }

    /// Waits for the next event, no longer than `time`; none if there is none by then, or none will
    /// come.
    pub fn next_timeout(&mut self, time: Duration) -> Option<Event> {
        wait_for(&self.handle, time, self.inner.next()).flatten()
    }

    /// How many events found no room, since the beginning.
    pub fn missed(&self) -> u64 {
        self.inner.missed()
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        wait(&self.handle, self.inner.next())
    }
}
