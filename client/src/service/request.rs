//! A request on its way through a service.

use std::fmt;
use std::sync::Arc;

use dunlin_protocol::HeaderMap;
use tokio::time::Instant;

use super::Error;
use super::endpoint::EndpointState;
use crate::client::Client;
use crate::error::PublishError;
use crate::message::Message;

/// A request to an [`Endpoint`](super::Endpoint).
///
/// The time until it is answered or dropped is what the endpoint's figures count as its processing.
pub struct Request {
    /// What was asked.
    pub message: Message,
    client: Client,
    endpoint: Arc<EndpointState>,
    began: Instant,
    error: Option<String>,
}

impl Request {
    pub(super) fn new(message: Message, client: Client, endpoint: Arc<EndpointState>) -> Self {
        Self {
            message,
            client,
            endpoint,
            began: Instant::now(),
            error: None,
        }
    }

    /// Answers with what was asked for, or with why not. Where no answer is wanted none is sent.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future has answered nothing.
    pub async fn respond(
        self,
        answer: Result<impl AsRef<[u8]>, Error>,
    ) -> Result<(), PublishError> {
        self.answer(answer, None).await
    }

    /// Answers with headers; otherwise as [`Request::respond`].
    ///
    /// # Errors
    ///
    /// As [`Client::publish_with_headers`].
    pub async fn respond_with_headers(
        self,
        answer: Result<impl AsRef<[u8]>, Error>,
        headers: HeaderMap,
    ) -> Result<(), PublishError> {
        self.answer(answer, Some(headers)).await
    }

    async fn answer(
        mut self,
        answer: Result<impl AsRef<[u8]>, Error>,
        headers: Option<HeaderMap>,
    ) -> Result<(), PublishError> {
        let reply = self.message.reply.clone();
        let (payload, headers) = match &answer {
            Ok(payload) => (payload.as_ref(), headers),
            Err(error) => {
                self.error = Some(format!("{}:{}", error.code, error.status));
                let mut headers = headers.unwrap_or_default();
                error.add_to(&mut headers);
                (&[][..], Some(headers))
            }
        };
        match (reply, headers) {
            (None, _) => Ok(()),
            (Some(reply), None) => self.client.publish(reply, payload).await,
            (Some(reply), Some(headers)) => {
                let client = &self.client;
                client.publish_with_headers(reply, headers, payload).await
            }
        }
    }
}

/// Counts it, however it ended.
impl Drop for Request {
    fn drop(&mut self) {
        let error = self.error.take();
        self.endpoint.count(self.began.elapsed(), error);
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}
