//! Asking and waiting for the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dunlin_protocol::HeaderMap;
use dunlin_protocol::encode::Publication;
use tokio::time::timeout;

use crate::error::{RequestError, RequestErrorKind};
use crate::handle::Handle;
use crate::message::Message;
use crate::outgoing::Outgoing;
use crate::publish::{checked, say};
use crate::replies::Replies;

/// A request that says more than subject and payload, for
/// [`Client::send_request`](crate::Client::send_request).
///
/// ```
/// use std::time::Duration;
///
/// let request = dunlin::Request::new().payload("ping").timeout(Duration::from_millis(250));
/// # let _ = request;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub(crate) payload: Bytes,
    pub(crate) headers: Option<HeaderMap>,
    timeout: Option<Option<Duration>>, // None: what the client's options say.
}

impl Request {
    /// An empty request.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is asked.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Its headers.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = Some(headers);
        self
    }

    /// How long to wait for the answer; none waits for ever. Default: what the client's options say.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    pub(crate) async fn send(
        &self,
        subject: &str,
        handle: &Handle,
    ) -> Result<Message, RequestError> {
        let wait = self.wait(handle);
        request(subject, &self.payload, self.headers.as_ref(), wait, handle).await
    }

    /// How long to wait; none for ever.
    pub(crate) fn wait(&self, handle: &Handle) -> Option<Duration> {
        self.timeout
            .unwrap_or(handle.shared.options.request_timeout)
    }
}

/// Sends a request and waits for the first answer, `wait` long at most.
pub(crate) async fn request(
    subject: &str,
    payload: &[u8],
    headers: Option<&HeaderMap>,
    wait: Option<Duration>,
    handle: &Handle,
) -> Result<Message, RequestError> {
    let subject_bytes = checked(subject)?;
    let replies = &handle.shared.replies;
    let (token, answer) = replies.register(subject);
    let _entry = Entry { replies, token };
    let mut reply = Vec::with_capacity(64);
    replies.write_subject(token, &mut reply);
    let publication = Publication {
        subject: subject_bytes,
        reply: Some(&reply),
        headers,
        payload,
    };
    let exchange = async {
        say(&publication, handle, Outgoing::request).await?;
        match answer.await {
            Ok(Ok(message)) => Ok(message),
            Ok(Err(kind)) => Err(RequestError::with_detail(kind, format!("{subject:?}"))),
            Err(_) => Err(RequestErrorKind::Closed.into()),
        }
    };
    match wait {
        None => exchange.await,
        Some(wait) => match timeout(wait, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let detail = format!("{subject:?} after {wait:?}");
                Err(RequestError::with_detail(
                    RequestErrorKind::TimedOut,
                    detail,
                ))
            }
        },
    }
}

/// Takes the request out of the table, however its call ends.
struct Entry<'a> {
    replies: &'a Arc<Replies>,
    token: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.replies.forget(self.token);
    }
}
