//! The handle that programs work with.

use std::fmt;
use std::sync::Arc;

use dunlin_protocol::encode::Publication;
use dunlin_protocol::{HeaderMap, Info, subject};
use tokio::sync::oneshot;

use crate::answers::{Answers, RequestMany};
use crate::command::{Confirmed, Ending};
use crate::error::{
    DrainError, DrainErrorKind, FlushError, FlushErrorKind, PublishError, PublishErrorKind,
    RequestError, SubscribeError, SubscribeErrorKind,
};
use crate::events::{EVENTS_MAX, Events};
use crate::handle::Handle;
use crate::message::{Message, Subject, has_no_blank};
use crate::outgoing::{DrainReport, Outgoing, Phase};
use crate::publish::{checked, say, send, when_there_is_room};
use crate::queue::Queue;
use crate::request::{Request, request};
use crate::statistics::Statistics;
use crate::subscribe::SubscribeOptions;
use crate::subscriber::Subscriber;

/// A connection to a NATS server, found again when it is lost. Clones are cheap and share it.
///
/// Made by [`connect`](crate::connect). When the last clone and the last [`Subscriber`] are dropped,
/// what was published is sent and the connection closed; that takes the runtime a moment, so call
/// [`Client::flush`] or [`Client::drain`] before a program ends.
///
/// No method needs `&mut`, and none holds a lock while it waits.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// Whether a client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Looking for the first connection.
    Pending,
    /// Connected.
    Connected,
    /// The connection is lost, another one is being looked for.
    Disconnected,
    /// Ending by [`Client::drain`].
    Draining,
    /// Closed for good.
    Closed,
}

/// Publishing.
impl Client {
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    /// Publishes a message.
    ///
    /// Returns when the message is in the outgoing buffer, which is at once unless the buffer is
    /// full; then it waits for room. The message is written without further ado, at once if the
    /// connection is idle and together with others if it is busy: [`Client::flush`] is only needed
    /// to know that it has arrived. While there is no connection messages are kept up to the
    /// [reconnect buffer's](crate::ConnectOptions::reconnect_buffer) bound.
    ///
    /// # Errors
    ///
    /// The subject is malformed, the message is larger than the server takes, the reconnect buffer
    /// is full, or the client is closed. That a server does not allow the subject is told later, by
    /// [`Event::ServerError`](crate::Event::ServerError); [`Client::publish_confirmed`] waits for it.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has published nothing.
    pub async fn publish(
        &self,
        subject: impl AsRef<str>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.send(subject.as_ref(), None, None, payload.as_ref())
            .await
    }

    /// Publishes a message that asks for answers on `reply`.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`]; the reply is checked like the subject.
    pub async fn publish_with_reply(
        &self,
        subject: impl AsRef<str>,
        reply: impl AsRef<str>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.send(
            subject.as_ref(),
            Some(reply.as_ref()),
            None,
            payload.as_ref(),
        )
        .await
    }

    /// Publishes a message with headers.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`], and if the server takes no headers.
    pub async fn publish_with_headers(
        &self,
        subject: impl AsRef<str>,
        headers: HeaderMap,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.send(subject.as_ref(), None, Some(&headers), payload.as_ref())
            .await
    }

    /// Publishes a message with headers that asks for answers on `reply`.
    ///
    /// # Errors
    ///
    /// As [`Client::publish_with_headers`]; the reply is checked like the subject.
    pub async fn publish_with_reply_and_headers(
        &self,
        subject: impl AsRef<str>,
        reply: impl AsRef<str>,
        headers: HeaderMap,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        let (subject, reply) = (subject.as_ref(), reply.as_ref());
        self.send(subject, Some(reply), Some(&headers), payload.as_ref())
            .await
    }

    /// Publishes a message and waits until the server has taken it: costs a round trip, which calls
    /// made at the same time share.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`], and: the server does not allow it
    /// ([`PermissionDenied`](crate::PublishErrorKind::PermissionDenied)); there is no connection, or
    /// it was lost before the server confirmed
    /// ([`Disconnected`](crate::PublishErrorKind::Disconnected)). Nothing waits for a connection.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may have published the message.
    pub async fn publish_confirmed(
        &self,
        subject: impl AsRef<str>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        let subject = subject.as_ref();
        let publication = Publication {
            subject: checked(subject)?,
            reply: None,
            headers: None,
            payload: payload.as_ref(),
        };
        let taken = send(&publication, &self.handle, Outgoing::confirm).await?;
        match taken.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(kind)) => Err(PublishError::with_detail(kind, format!("{subject:?}"))),
            Err(_) => Err(PublishErrorKind::Closed.into()),
        }
    }

    async fn send(
        &self,
        subject: &str,
        reply: Option<&str>,
        headers: Option<&HeaderMap>,
        payload: &[u8],
    ) -> Result<(), PublishError> {
        let publication = Publication {
            subject: checked(subject)?,
            reply: reply.map(checked).transpose()?,
            headers,
            payload,
        };
        say(&publication, &self.handle, Outgoing::publish).await
    }

    /// Waits until the server has handled everything published so far: what it delivers of that is
    /// then on its way to its readers.
    ///
    /// Without a connection it waits for the next one, and for room where the outgoing buffer is
    /// full. Has no timeout of its own.
    ///
    /// # Errors
    ///
    /// The connection was lost before the server confirmed: some of it may be lost. Or the client is
    /// closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future changes nothing.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let outgoing = &self.handle.shared.outgoing;
        let flushed = when_there_is_room(&self.handle, || outgoing.flush()).await?;
        match flushed.await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(FlushErrorKind::Closed.into()),
        }
    }
}

/// Subscribing.
impl Client {
    /// Subscribes to a subject, which may have wildcards: `*` for one token, a last `>` for all that
    /// follow.
    ///
    /// Returns when the server has the subscription: what is published from then on, by anyone,
    /// arrives. That costs one round trip, which subscriptions made at the same time share;
    /// [`Client::subscribe_at_once`] does without.
    ///
    /// # Errors
    ///
    /// The subject is malformed, the server does not allow the subscription or no more of them, or
    /// the client is closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves no subscription behind.
    pub async fn subscribe(&self, subject: impl AsRef<str>) -> Result<Subscriber, SubscribeError> {
        self.subscribe_with(subject, SubscribeOptions::new()).await
    }

    /// Subscribes as a member of a queue group: of each message one member gets one copy.
    ///
    /// # Errors
    ///
    /// As [`Client::subscribe`], and if the name of the group is empty or has a blank.
    pub async fn queue_subscribe(
        &self,
        subject: impl AsRef<str>,
        group: impl AsRef<str>,
    ) -> Result<Subscriber, SubscribeError> {
        self.subscribe_with(subject, SubscribeOptions::new().queue(group))
            .await
    }

    /// Subscribes with a queue group or bounds of its own; otherwise as [`Client::subscribe`].
    ///
    /// # Errors
    ///
    /// As [`Client::queue_subscribe`].
    pub async fn subscribe_with(
        &self,
        subject: impl AsRef<str>,
        options: SubscribeOptions,
    ) -> Result<Subscriber, SubscribeError> {
        let subject = subject.as_ref();
        let (subscriber, confirmed) = loop {
            let (confirmed, receiver) = oneshot::channel();
            match self.make_subscriber(subject, &options, Some(confirmed)) {
                Err(error) if error.kind() == SubscribeErrorKind::BufferFull => {
                    // Behind what is written now there is room again; a flush is as long as that.
                    let _ = self.flush().await; // Should it fail, the next attempt says why.
                }
                made => break (made?, receiver),
            }
        };
        match confirmed.await {
            Ok(Ok(())) => Ok(subscriber),
            Ok(Err(kind)) => Err(SubscribeError::with_detail(kind, format!("{subject:?}"))),
            Err(_) => Err(SubscribeErrorKind::Closed.into()),
        }
    }

    /// Subscribes without waiting for the server: cheap, and in force for everything this client
    /// publishes afterwards, but others may publish before it is.
    ///
    /// A refusal shows as the end of the stream, in [`Subscriber::refused`] and as an
    /// [`Event::ServerError`](crate::Event::ServerError).
    ///
    /// # Errors
    ///
    /// The subject or group is malformed, the outgoing buffer is full, or the client is closed.
    pub fn subscribe_at_once(
        &self,
        subject: impl AsRef<str>,
        options: SubscribeOptions,
    ) -> Result<Subscriber, SubscribeError> {
        self.make_subscriber(subject.as_ref(), &options, None)
    }

    fn make_subscriber(
        &self,
        subject: &str,
        options: &SubscribeOptions,
        confirmed: Option<Confirmed>,
    ) -> Result<Subscriber, SubscribeError> {
        if !subject::is_valid_filter(subject.as_bytes()) || !has_no_blank(subject.as_bytes()) {
            let detail = format!("{subject:?}");
            return Err(SubscribeError::with_detail(
                SubscribeErrorKind::InvalidSubject,
                detail,
            ));
        }
        if let Some(group) = &options.group
            && !has_no_blank(group.as_bytes())
        {
            let detail = format!("{group:?}");
            return Err(SubscribeError::with_detail(
                SubscribeErrorKind::InvalidQueue,
                detail,
            ));
        }
        let shared = &self.handle.shared;
        let defaults = shared.options.queue;
        let queue = Arc::new(Queue::new(options.limits(defaults)));
        let (subject, group) = (Subject::from(subject), options.group.clone());
        let sid =
            shared
                .outgoing
                .subscribe(subject.clone(), group, Arc::clone(&queue), confirmed)?;
        Ok(Subscriber::new(
            Arc::clone(&self.handle),
            queue,
            sid,
            subject,
        ))
    }
}

/// Asking.
impl Client {
    /// Publishes a request and waits for the first answer.
    ///
    /// All requests of a client share one subscription for their answers.
    ///
    /// # Errors
    ///
    /// Nobody is there to take it ([`NoResponders`](crate::RequestErrorKind::NoResponders), told by
    /// the server at once); no answer within the
    /// [request timeout](crate::ConnectOptions::request_timeout); the server does not allow it; the
    /// connection was lost after the request had been sent (one that was not yet sent waits for the
    /// next connection); or as [`Client::publish`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future may have sent the request; the answer is thrown away.
    pub async fn request(
        &self,
        subject: impl AsRef<str>,
        payload: impl AsRef<[u8]>,
    ) -> Result<Message, RequestError> {
        let wait = self.handle.shared.options.request_timeout;
        request(subject.as_ref(), payload.as_ref(), None, wait, &self.handle).await
    }

    /// Publishes a request with headers and waits for the first answer.
    ///
    /// # Errors
    ///
    /// As [`Client::request`], and if the server takes no headers.
    pub async fn request_with_headers(
        &self,
        subject: impl AsRef<str>,
        headers: HeaderMap,
        payload: impl AsRef<[u8]>,
    ) -> Result<Message, RequestError> {
        let wait = self.handle.shared.options.request_timeout;
        let (subject, payload) = (subject.as_ref(), payload.as_ref());
        request(subject, payload, Some(&headers), wait, &self.handle).await
    }

    /// Publishes a [`Request`], which may have a timeout of its own, and waits for the first answer.
    ///
    /// # Errors
    ///
    /// As [`Client::request_with_headers`].
    pub async fn send_request(
        &self,
        subject: impl AsRef<str>,
        request: Request,
    ) -> Result<Message, RequestError> {
        request.send(subject.as_ref(), &self.handle).await
    }

    /// Publishes a request that many may answer, and returns their answers as a stream: see
    /// [`RequestMany`] for where it ends.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`]. What becomes of the request afterwards is told by the stream.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may have sent the request; the answers are thrown away.
    pub async fn request_many(
        &self,
        subject: impl AsRef<str>,
        request: RequestMany,
    ) -> Result<Answers, RequestError> {
        request.send(subject.as_ref(), &self.handle).await
    }

    /// A subject that nobody else uses, for answers: `_INBOX.` and 22 letters and digits.
    pub fn new_inbox(&self) -> String {
        let shared = &self.handle.shared;
        format!("{}.{}", shared.options.inbox_prefix, shared.random.name())
    }
}

/// The connection.
impl Client {
    /// Ends in order: accepts nothing more, ends all subscriptions, waits until the server has
    /// handled everything published, and closes.
    ///
    /// What has arrived can still be read: each subscriber's stream ends behind it. Requests that
    /// wait fail. Without a connection what is buffered is thrown away, and told.
    ///
    /// # Errors
    ///
    /// The client is closed, or is being drained already.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the client ending.
    pub async fn drain(&self) -> Result<DrainReport, DrainError> {
        let closed = || DrainError::from(DrainErrorKind::Closed);
        let report = self.handle.shared.outgoing.drain().ok_or_else(closed)?;
        report.await.map_err(|_| closed())
    }

    /// What happens to the connection from now on, as a stream.
    pub fn events(&self) -> Events {
        self.handle.shared.events.listen(EVENTS_MAX)
    }

    /// 22 letters and digits that nobody else has.
    pub(crate) fn new_name(&self) -> String {
        self.handle.shared.random.name()
    }

    /// Ends the subscription with this sid in order; none if that is so now.
    pub(crate) async fn end(&self, sid: u64) -> Option<Ending> {
        let outgoing = &self.handle.shared.outgoing;
        when_there_is_room(&self.handle, || outgoing.drain_subscription(sid)).await
    }

    /// Counters since the client was made.
    pub fn statistics(&self) -> Statistics {
        self.handle.shared.statistics()
    }

    /// What the server said of itself last; all empty before the first connection.
    pub fn server_info(&self) -> Arc<Info> {
        self.handle.shared.info()
    }

    /// Whether the client is connected.
    pub fn state(&self) -> State {
        match self.handle.shared.outgoing.phase() {
            Phase::Pending => State::Pending,
            Phase::Connected | Phase::Moving => State::Connected,
            Phase::Disconnected => State::Disconnected,
            Phase::Draining => State::Draining,
            Phase::Closed => State::Closed,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.handle.shared.options.name)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
