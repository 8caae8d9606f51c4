//! Asking many: one request, a stream of answers, and where it ends.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dunlin_protocol::HeaderMap;
use dunlin_protocol::encode::Publication;
use futures_core::Stream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{RequestError, RequestErrorKind};
use crate::handle::Handle;
use crate::message::{Message, Subject};
use crate::outgoing::Outgoing;
use crate::publish::{checked, say};
use crate::queue::{End, Queue};
use crate::request::Request;

type Sentinel = Box<dyn Fn(&Message) -> bool + Send + Sync>;

/// A request to many, for [`Client::request_many`](crate::Client::request_many): what is asked, and
/// when the answers are enough. Whichever of its ends comes first holds.
///
/// ```no_run
/// # async fn example(client: dunlin::Client) -> Result<(), dunlin::RequestError> {
/// use std::time::Duration;
///
/// let request = dunlin::RequestMany::new()
///     .payload("who has it?")
///     .max(10)
///     .idle(Duration::from_millis(100));
/// let mut answers = client.request_many("stock.find", request).await?;
/// while let Some(answer) = answers.next().await {
///     println!("{:?}", answer?.payload);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct RequestMany {
    request: Request,
    max: Option<u64>,
    idle: Option<Duration>,
    sentinel: Option<Sentinel>,
}

impl RequestMany {
    /// An empty request that ends by its timeout alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is asked.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.request = self.request.payload(payload);
        self
    }

    /// Its headers.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.request = self.request.headers(headers);
        self
    }

    /// Ends behind this many answers. Default: any number.
    #[must_use]
    pub fn max(mut self, answers: u64) -> Self {
        self.max = Some(answers);
        self
    }

    /// Ends when this long after an answer no other has come; the first one is waited for until the
    /// timeout. Default: however long.
    #[must_use]
    pub fn idle(mut self, gap: Duration) -> Self {
        self.idle = Some(gap);
        self
    }

    /// Ends this long after the request was made, whatever came; none waits for ever. Default: what
    /// the client's options say for a request.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.request = self.request.timeout(timeout);
        self
    }

    /// Ends at the first answer that `is_last` holds for; that answer is not part of the stream.
    /// By custom it is an empty one: `|answer| answer.payload.is_empty()`.
    #[must_use]
    pub fn sentinel(mut self, is_last: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Self {
        self.sentinel = Some(Box::new(is_last));
        self
    }

    pub(crate) async fn send(
        self,
        subject: &str,
        handle: &Arc<Handle>,
    ) -> Result<Answers, RequestError> {
        let options = &handle.shared.options;
        let wait = self.request.wait(handle);
        let deadline = wait.and_then(|wait| Instant::now().checked_add(wait));
        let subject_bytes = checked(subject)?;
        let queue = Arc::new(Queue::new(options.queue));
        let replies = &handle.shared.replies;
        let mut answers = Answers {
            token: replies.register_many(subject, Arc::clone(&queue)),
            handle: Arc::clone(handle),
            subject: subject.into(),
            queue,
            max: self.max.unwrap_or(u64::MAX),
            idle: self.idle,
            sentinel: self.sentinel,
            deadline,
            timer: deadline.map(|deadline| Box::pin(sleep_until(deadline))),
            count: 0,
            end: None,
        };
        if answers.max == 0 {
            answers.end = Some(AnswersEnd::Max);
        }
        let mut reply = Vec::with_capacity(64);
        replies.write_subject(answers.token, &mut reply);
        let publication = Publication {
            subject: subject_bytes,
            reply: Some(&reply),
            headers: self.request.headers.as_ref(),
            payload: &self.request.payload,
        };
        // What finds no room until the deadline is not sent.
        let sending = say(&publication, handle, Outgoing::request);
        match deadline {
            None => sending.await?,
            Some(deadline) => match tokio::time::timeout_at(deadline, sending).await {
                Ok(sent) => sent?,
                Err(_) => return Err(answers.error(RequestErrorKind::TimedOut)),
            },
        }
        Ok(answers)
    }
}

impl fmt::Debug for RequestMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMany")
            .field("payload", &self.request.payload)
            .field("max", &self.max)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

/// Why no more answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswersEnd {
    /// As many as were wanted have come.
    Max,
    /// No other came within the gap.
    Idle,
    /// The time is over.
    TimedOut,
    /// The answer that says so has come.
    Sentinel,
    /// The last item of the stream says why.
    Failed(RequestErrorKind),
}

/// The answers to a [`RequestMany`]: a stream.
///
/// They wait in a queue with the bounds of a subscription; what finds no room there is dropped and
/// counted in [`Answers::dropped`]. An error is the last item: that nobody is there to answer
/// ([`NoResponders`](RequestErrorKind::NoResponders)), that the time is over and none came
/// ([`TimedOut`](RequestErrorKind::TimedOut)), that the connection was lost after the request had
/// been sent, or that the server does not allow it. Dropping it forgets the request.
pub struct Answers {
    handle: Arc<Handle>,
    subject: Subject,
    token: u64,
    queue: Arc<Queue>,
    max: u64,
    idle: Option<Duration>,
    sentinel: Option<Sentinel>,
    deadline: Option<Instant>,
    /// Rings at the deadline, or before it at the end of a gap; none if there is neither.
    timer: Option<Pin<Box<Sleep>>>,
    /// How many were given out.
    count: u64,
    end: Option<AnswersEnd>,
}

impl Answers {
    /// Waits for the next answer; none behind the last one.
    ///
    /// # Errors
    ///
    /// See [`Answers`]. Nothing follows an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no answer.
    pub async fn next(&mut self) -> Option<Result<Message, RequestError>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Why no more answers come, once the stream has ended.
    pub fn end(&self) -> Option<AnswersEnd> {
        self.end
    }

    /// How many answers found no room in the queue. Exact.
    pub fn dropped(&self) -> u64 {
        self.queue.losses().dropped
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, RequestError>>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        match self.queue.poll_next(cx) {
            Poll::Ready(Some(answer)) => return Poll::Ready(self.take(answer).map(Ok)),
            Poll::Ready(None) => {
                let kind = match self.queue.ended() {
                    Some(End::Failed(kind)) => kind,
                    _ => RequestErrorKind::Closed,
                };
                self.end = Some(AnswersEnd::Failed(kind));
                return Poll::Ready(Some(Err(self.error(kind))));
            }
            Poll::Pending => {}
        }
        match self.timer.as_mut().map(|timer| timer.as_mut().poll(cx)) {
            None | Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(())) => Poll::Ready(self.time_is_over()),
        }
    }

    fn take(&mut self, answer: Message) -> Option<Message> {
        if self
            .sentinel
            .as_ref()
            .is_some_and(|is_last| is_last(&answer))
        {
            self.end = Some(AnswersEnd::Sentinel);
            return None;
        }
        self.count += 1;
        if self.count >= self.max {
            self.end = Some(AnswersEnd::Max);
        } else if let Some(idle) = self.idle {
            let gap_end = Instant::now() + idle;
            let rings_at = self
                .deadline
                .map_or(gap_end, |deadline| deadline.min(gap_end));
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(rings_at),
                None => self.timer = Some(Box::pin(sleep_until(rings_at))),
            }
        }
        Some(answer)
    }

    fn time_is_over(&mut self) -> Option<Result<Message, RequestError>> {
        if self.count == 0 {
            let kind = RequestErrorKind::TimedOut;
            self.end = Some(AnswersEnd::Failed(kind));
            return Some(Err(self.error(kind)));
        }
        let is_deadline = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        self.end = Some(match is_deadline {
            true => AnswersEnd::TimedOut,
            false => AnswersEnd::Idle,
        });
        None
    }

    fn error(&self, kind: RequestErrorKind) -> RequestError {
        RequestError::with_detail(kind, format!("{:?}", self.subject))
    }
}

impl Stream for Answers {
    type Item = Result<Message, RequestError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.handle.shared.replies.forget(self.token);
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("subject", &self.subject)
            .field("count", &self.count)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
