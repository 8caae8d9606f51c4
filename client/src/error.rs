//! What can go wrong, one type per verb.
//!
//! Each is an [`Error`] over the kinds that its verb knows: `kind()` to match on, `source()` for what
//! lies below, and a text that says what failed and with what.

use std::fmt;

/// A verb failed: a kind to match on, perhaps a detail, perhaps a cause.
pub struct Error<K> {
    kind: K,
    detail: Option<Box<str>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// [`connect`](crate::connect) failed.
pub type ConnectError = Error<ConnectErrorKind>;
/// [`Client::publish`](crate::Client::publish) failed.
pub type PublishError = Error<PublishErrorKind>;
/// [`Client::subscribe`](crate::Client::subscribe) failed.
pub type SubscribeError = Error<SubscribeErrorKind>;
/// [`Subscriber::unsubscribe`](crate::Subscriber::unsubscribe) failed.
pub type UnsubscribeError = Error<UnsubscribeErrorKind>;
/// [`Client::request`](crate::Client::request) failed.
pub type RequestError = Error<RequestErrorKind>;
/// [`Client::flush`](crate::Client::flush) failed.
pub type FlushError = Error<FlushErrorKind>;
/// [`Client::drain`](crate::Client::drain) failed.
pub type DrainError = Error<DrainErrorKind>;

impl<K> Error<K> {
    pub(crate) fn with_detail(kind: K, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            detail: Some(detail.into()),
            source: None,
        }
    }

    pub(crate) fn with_source(
        kind: K,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            detail: None,
            source: Some(source.into()),
        }
    }

    pub(crate) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    pub(crate) fn about(mut self, detail: impl Into<Box<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl<K: Copy> Error<K> {
    /// What kind of failure it is.
    pub fn kind(&self) -> K {
        self.kind
    }
}

impl<K> From<K> for Error<K> {
    fn from(kind: K) -> Self {
        Self {
            kind,
            detail: None,
            source: None,
        }
    }
}

impl<K: fmt::Display> fmt::Display for Error<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.kind),
            None => fmt::Display::fmt(&self.kind, f),
        }
    }
}

impl<K: fmt::Debug> fmt::Debug for Error<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error = f.debug_struct("Error");
        error.field("kind", &self.kind);
        if let Some(detail) = &self.detail {
            error.field("detail", detail);
        }
        if let Some(source) = &self.source {
            error.field("source", source);
        }
        error.finish()
    }
}

impl<K: fmt::Debug + fmt::Display> std::error::Error for Error<K> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// A server address is none of the forms of a [`ServerAddr`](crate::ServerAddr).
    InvalidAddress,
    /// The inbox prefix cannot be the beginning of a subject.
    InvalidOptions,
    /// The credentials could not be had: a seed or a file is malformed, a callback failed.
    Credentials,
    /// What the address or the server asks for needs a feature that this build is without.
    Unsupported,
    /// TLS could not be set up: a certificate that is not trusted, expired or for another name, one
    /// that could not be read, or a server without TLS where it is required.
    Tls,
    /// The name does not resolve, or the socket failed.
    Io,
    /// Not connected within the connection timeout.
    TimedOut,
    /// The server does not let these credentials in.
    Authentication,
    /// The server said no for another reason.
    Refused,
    /// What answered does not speak NATS.
    Protocol,
    /// As many attempts failed as were allowed.
    GaveUp,
}

impl fmt::Display for ConnectErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidAddress => "server address is malformed",
            Self::InvalidOptions => "inbox prefix cannot begin a subject",
            Self::Credentials => "no credentials to show",
            Self::Unsupported => "this build lacks a feature",
            Self::Tls => "tls failed",
            Self::Io => "socket failed",
            Self::TimedOut => "connecting took too long",
            Self::Authentication => "server refused the credentials",
            Self::Refused => "server refused the connection",
            Self::Protocol => "peer does not speak nats",
            Self::GaveUp => "gave up connecting",
        })
    }
}

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishErrorKind {
    /// The subject or reply is empty, has an empty token, a blank or a line end.
    InvalidSubject,
    /// Headers and payload are larger than the server takes.
    PayloadTooLarge,
    /// The server takes no headers.
    HeadersUnsupported,
    /// There is no connection and the reconnect buffer is full.
    BufferFull,
    /// A value could not be written as JSON.
    InvalidPayload,
    /// The server does not allow it; only where the call waits for the server.
    PermissionDenied,
    /// There is no connection, or it was lost before the server confirmed: then the message may
    /// arrive or not. Only where the call waits for the server.
    Disconnected,
    /// The connection is closed, or is being drained.
    Closed,
}

impl fmt::Display for PublishErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidSubject => "subject cannot be published to",
            Self::PayloadTooLarge => "message is larger than the server takes",
            Self::HeadersUnsupported => "server takes no headers",
            Self::BufferFull => "not connected and the reconnect buffer is full",
            Self::InvalidPayload => "payload is not the json that was wanted",
            Self::PermissionDenied => "server does not allow the publish",
            Self::Disconnected => "no connection on which the server confirmed",
            Self::Closed => "connection is closed",
        })
    }
}

/// Why there is no subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeErrorKind {
    /// The subject is empty, has an empty token, a blank, or a `>` before its end.
    InvalidSubject,
    /// The queue group's name is empty or has a blank.
    InvalidQueue,
    /// The server does not allow it.
    PermissionDenied,
    /// The server allows no more subscriptions.
    TooMany,
    /// The outgoing buffer is full; only where the call does not wait for room.
    BufferFull,
    /// The connection is closed, or is being drained.
    Closed,
}

impl fmt::Display for SubscribeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidSubject => "subject cannot be subscribed to",
            Self::InvalidQueue => "queue group name is empty or has a blank",
            Self::PermissionDenied => "server does not allow the subscription",
            Self::TooMany => "server allows no more subscriptions",
            Self::BufferFull => "outgoing buffer is full",
            Self::Closed => "connection is closed",
        })
    }
}

/// Why a subscription could not be ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsubscribeErrorKind {
    /// The connection is closed, and the subscription with it.
    Closed,
    /// The connection was lost before the server confirmed; the subscription is ended here.
    Disconnected,
}

impl fmt::Display for UnsubscribeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "connection is closed",
            Self::Disconnected => "connection was lost",
        })
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestErrorKind {
    /// No answer within the timeout.
    TimedOut,
    /// The server says that nobody is there to take it.
    NoResponders,
    /// The server does not allow the publish, or not the subscription for the answer.
    PermissionDenied,
    /// The connection was lost after the request had been sent: whether it was handled is unknown.
    Disconnected,
    /// The subject cannot be published to.
    InvalidSubject,
    /// Headers and payload are larger than the server takes.
    PayloadTooLarge,
    /// The server takes no headers.
    HeadersUnsupported,
    /// There is no connection and the reconnect buffer is full.
    BufferFull,
    /// A value could not be written as JSON, or the answer not be read as what was wanted.
    InvalidPayload,
    /// The connection is closed, or is being drained.
    Closed,
}

impl fmt::Display for RequestErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "no answer within the timeout",
            Self::NoResponders => "nobody takes requests on this subject",
            Self::PermissionDenied => "server does not allow the request",
            Self::Disconnected => "connection was lost before the answer came",
            Self::InvalidSubject => "subject cannot be published to",
            Self::PayloadTooLarge => "message is larger than the server takes",
            Self::HeadersUnsupported => "server takes no headers",
            Self::BufferFull => "not connected and the reconnect buffer is full",
            Self::InvalidPayload => "payload is not the json that was wanted",
            Self::Closed => "connection is closed",
        })
    }
}

impl From<PublishError> for RequestError {
    fn from(error: PublishError) -> Self {
        Self {
            kind: match error.kind {
                PublishErrorKind::InvalidSubject => RequestErrorKind::InvalidSubject,
                PublishErrorKind::PayloadTooLarge => RequestErrorKind::PayloadTooLarge,
                PublishErrorKind::HeadersUnsupported => RequestErrorKind::HeadersUnsupported,
                PublishErrorKind::BufferFull => RequestErrorKind::BufferFull,
                PublishErrorKind::InvalidPayload => RequestErrorKind::InvalidPayload,
                PublishErrorKind::PermissionDenied => RequestErrorKind::PermissionDenied,
                PublishErrorKind::Disconnected => RequestErrorKind::Disconnected,
                PublishErrorKind::Closed => RequestErrorKind::Closed,
            },
            detail: error.detail,
            source: error.source,
        }
    }
}

/// Why it is not known that everything reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushErrorKind {
    /// The connection was lost before the server confirmed.
    Disconnected,
    /// The connection is closed.
    Closed,
}

impl fmt::Display for FlushErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "connection was lost before the server confirmed",
            Self::Closed => "connection is closed",
        })
    }
}

/// Why a drain did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrainErrorKind {
    /// The connection was closed, or is being drained already.
    Closed,
}

impl fmt::Display for DrainErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "connection is closed",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn an_error_has_a_kind_a_text_and_a_cause() {
        let error = PublishError::with_detail(PublishErrorKind::InvalidSubject, "\"a..b\"");
        assert_eq!(
            error.to_string(),
            "subject cannot be published to: \"a..b\""
        );
        assert_eq!(
            RequestError::from(error).kind(),
            RequestErrorKind::InvalidSubject
        );
        let error = ConnectError::with_source(ConnectErrorKind::Io, std::io::Error::other("x"));
        assert_eq!(error.source().map(ToString::to_string), Some("x".into()));
        assert_eq!(error.kind(), ConnectErrorKind::Io);
    }
}
