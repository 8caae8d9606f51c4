//! Payloads as JSON, by serde (feature `serde`).
//!
//! In: values, or messages that carry their text. Out: messages, or values.

use std::fmt;

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use crate::answers::RequestMany;
use crate::client::Client;
use crate::error::{PublishError, PublishErrorKind, RequestError, RequestErrorKind};
use crate::message::Message;
use crate::request::Request;

/// A payload is not the JSON that was wanted.
#[derive(Debug)]
pub struct JsonError(serde_json::Error);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payload is not the json that was wanted: {}", self.0)
    }
}

impl std::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Message {
    /// Reads the payload as JSON.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = dunlin_server::Server::builder().port(0).start().await?;
    /// # let client = dunlin::ConnectOptions::new().connect_with(server.connect()).await?;
    /// let mut points = client.subscribe("point").await?;
    /// client.publish_json("point", &(1, 2)).await?;
    /// let (x, y): (u32, u32) = points.next().await.ok_or("closed")?.json()?;
    /// assert_eq!((x, y), (1, 2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The payload is no JSON, or not that of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        serde_json::from_slice(&self.payload).map_err(JsonError)
    }
}

impl Client {
    /// Publishes `value` as JSON; otherwise as [`Client::publish`].
    ///
    /// # Errors
    ///
    /// As [`Client::publish`], and
    /// [`InvalidPayload`](crate::PublishErrorKind::InvalidPayload) if the value cannot be written:
    /// a map whose keys are no texts.
    pub async fn publish_json<T: Serialize + ?Sized>(
        &self,
        subject: impl AsRef<str>,
        value: &T,
    ) -> Result<(), PublishError> {
        self.publish(subject, written(value)?).await
    }

    /// Publishes `value` as JSON and reads the first answer as JSON; otherwise as
    /// [`Client::request`].
    ///
    /// # Errors
    ///
    /// As [`Client::request`], and
    /// [`InvalidPayload`](crate::RequestErrorKind::InvalidPayload) if the value cannot be written or
    /// the answer is not that of an `R`.
    pub async fn request_json<T: Serialize + ?Sized, R: DeserializeOwned>(
        &self,
        subject: impl AsRef<str>,
        value: &T,
    ) -> Result<R, RequestError> {
        let answer = self.request(subject, written(value)?).await?;
        let failed = |error| RequestError::with_source(RequestErrorKind::InvalidPayload, error);
        answer.json().map_err(failed)
    }
}

impl Request {
    /// Asks with `value` as JSON.
    ///
    /// # Errors
    ///
    /// The value cannot be written.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, RequestError> {
        Ok(self.payload(written(value)?))
    }
}

impl RequestMany {
    /// Asks with `value` as JSON.
    ///
    /// # Errors
    ///
    /// The value cannot be written.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, RequestError> {
        Ok(self.payload(written(value)?))
    }
}

fn written<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, PublishError> {
    let failed = |error| PublishError::with_source(PublishErrorKind::InvalidPayload, error);
    serde_json::to_vec(value).map_err(failed)
}
