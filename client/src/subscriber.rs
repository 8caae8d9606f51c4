//! A subscription, as its reader holds it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::error::{FlushErrorKind, SubscribeErrorKind, UnsubscribeError, UnsubscribeErrorKind};
use crate::handle::Handle;
use crate::message::{Message, Subject};
use crate::publish::when_there_is_room;
use crate::queue::{End, Queue, Reader};

/// The messages of one subscription: a stream, made by
/// [`Client::subscribe`](crate::Client::subscribe).
///
/// Messages wait in a queue that is bounded in messages and in bytes
/// ([`subscription_capacity`](crate::ConnectOptions::subscription_capacity)); what finds no room is
/// dropped, counted in [`Subscriber::dropped`] and told by
/// [`Event::SlowConsumer`](crate::Event::SlowConsumer). The connection itself is not held up.
/// [`WhenFull`](crate::WhenFull) has other ways.
///
/// It lives on over reconnects. Dropping it unsubscribes; it can be dropped anywhere, also outside
/// of a runtime. As long as it lives the connection is kept, even when every
/// [`Client`](crate::Client) is gone.
pub struct Subscriber {
    handle: Arc<Handle>,
    reader: Reader,
    sid: u64,
    subject: Subject,
}

impl Subscriber {
    pub(crate) fn new(handle: Arc<Handle>, queue: Arc<Queue>, sid: u64, subject: Subject) -> Self {
        Self {
            handle,
            reader: Reader::new(queue),
            sid,
            subject,
        }
    }

    /// Waits for the next message; none when the subscription has ended and all are read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no message.
    pub async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|cx| self.reader.poll_next(cx)).await
    }

    /// Takes the next message if one is there.
    pub fn try_next(&mut self) -> Option<Message> {
        self.reader.try_next()
    }

    /// Ends the subscription. What is queued can still be read; what is on its way is not kept.
    ///
    /// Does not wait for the server.
    ///
    /// # Errors
    ///
    /// The connection is closed, and all subscriptions with it.
    pub async fn unsubscribe(&mut self) -> Result<(), UnsubscribeError> {
        self.end()
    }

    /// Ends the subscription after `max` messages, counted from its beginning; at once if there
    /// were as many already.
    ///
    /// Does not wait for the server, but for room where the outgoing buffer is full. Where a
    /// publisher is fast, more than `max` may be on their way already; no more than `max` are
    /// delivered here. The count goes on over reconnects.
    ///
    /// # Errors
    ///
    /// The connection is closed, and all subscriptions with it.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the subscription as it was.
    pub async fn unsubscribe_after(&mut self, max: u64) -> Result<(), UnsubscribeError> {
        if max == 0 {
            return self.end();
        }
        if self.reader.queue().ended().is_some() {
            return Ok(());
        }
        let (outgoing, sid) = (&self.handle.shared.outgoing, self.sid);
        let put = || outgoing.unsubscribe_after(sid, max);
        match when_there_is_room(&self.handle, put).await {
            true => Ok(()),
            false => Err(UnsubscribeErrorKind::Closed.into()),
        }
    }

    /// Ends the subscription and waits until nothing more can come: all that the server sent before
    /// it heard of the end is queued then, and the stream ends behind it.
    ///
    /// # Errors
    ///
    /// The connection is closed or was lost meanwhile; the subscription has ended all the same.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the subscription ending.
    pub async fn drain(&mut self) -> Result<(), UnsubscribeError> {
        if self.reader.queue().ended().is_some() {
            return Ok(());
        }
        let (outgoing, sid) = (&self.handle.shared.outgoing, self.sid);
        let put = || outgoing.drain_subscription(sid);
        let Some(flushed) = when_there_is_room(&self.handle, put).await else {
            return Ok(());
        };
        match flushed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(FlushErrorKind::Disconnected)) => Err(UnsubscribeErrorKind::Disconnected.into()),
            Ok(Err(FlushErrorKind::Closed)) | Err(_) => Err(UnsubscribeErrorKind::Closed.into()),
        }
    }

    /// What was subscribed to.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The number of the subscription, as in [`SlowConsumer::sid`](crate::SlowConsumer).
    pub fn sid(&self) -> u64 {
        self.sid
    }

    /// How many messages found no room in the queue, or made it, since the beginning. Exact.
    pub fn dropped(&self) -> u64 {
        self.reader.queue().losses().dropped
    }

    /// How many bytes of headers and payload they were.
    pub fn dropped_bytes(&self) -> u64 {
        self.reader.queue().losses().dropped_bytes
    }

    /// How many messages gave their place to a later one of the same subject, since the beginning:
    /// [`WhenFull::LatestPerSubject`](crate::WhenFull::LatestPerSubject).
    pub fn replaced(&self) -> u64 {
        self.reader.queue().losses().replaced
    }

    /// How many messages wait to be read, and how many bytes of headers and payload they are.
    pub fn queued(&self) -> (usize, usize) {
        self.reader.queue().queued()
    }

    /// Why the stream has ended or will, if the server refused the subscription: perhaps long after
    /// it was made, when permissions change.
    pub fn refused(&self) -> Option<SubscribeErrorKind> {
        match self.reader.queue().ended() {
            Some(End::Refused(kind)) => Some(kind),
            Some(End::Done | End::Failed(_)) | None => None,
        }
    }

    fn end(&self) -> Result<(), UnsubscribeError> {
        if self.reader.queue().ended().is_some() {
            return Ok(());
        }
        self.reader.queue().end(End::Done);
        match self.handle.shared.outgoing.unsubscribe(self.sid) {
            true => Ok(()),
            false => Err(UnsubscribeErrorKind::Closed.into()),
        }
    }
}

impl Stream for Subscriber {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().reader.poll_next(cx)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.end(); // Closed already: then there is nothing to end.
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("sid", &self.sid)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}
