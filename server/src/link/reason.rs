//! Why a connection ended, in the words that monitoring and logs use.

use std::fmt;

/// Why a connection ended; the first reason given counts.
///
/// The texts are the reference server's, which tools match on. Source: protocol.md#closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// The peer closed its side.
    ClientClosed,
    /// More was queued for the peer than it may leave unread.
    SlowConsumerPendingBytes,
    /// More was queued for all peers together than may be, and this one had the most.
    SlowConsumerPendingTotal,
    /// The peer took nothing for as long as a write may last.
    SlowConsumerWriteDeadline,
    /// The socket failed while writing.
    WriteError,
    /// The socket failed while reading.
    ReadError,
    /// The peer said that it could not read us.
    ParseError,
    /// The peer left PINGs unanswered.
    StaleConnection,
    /// The peer sent what is no protocol.
    ProtocolViolation,
    /// CONNECT named a protocol that we do not speak.
    BadClientProtocolVersion,
    /// CONNECT offered what is refused.
    AuthenticationFailure,
    /// CONNECT did not come in time.
    AuthenticationTimeout,
    /// Encryption was not agreed on.
    TlsHandshakeFailure,
    /// The server is full.
    MaximumConnectionsExceeded,
    /// A declared size was over the limit.
    MaximumPayloadExceeded,
    /// A line was over the limit.
    MaximumControlLineExceeded,
    /// No-responders was asked for without headers.
    NoRespondersRequiresHeaders,
    /// Somebody who may do so closed it.
    Kicked,
    /// The server stops.
    ServerShutdown,
}

impl Reason {
    /// Whether the connection did not say who it is, or not in time, or wrongly.
    pub(crate) fn is_auth_failure(self) -> bool {
        matches!(
            self,
            Self::AuthenticationFailure | Self::AuthenticationTimeout
        )
    }

    /// Whether the connection was cut because it read too slowly.
    pub(crate) fn is_slow_consumer(self) -> bool {
        matches!(
            self,
            Self::SlowConsumerPendingBytes
                | Self::SlowConsumerPendingTotal
                | Self::SlowConsumerWriteDeadline
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientClosed => "Client Closed",
            Self::SlowConsumerPendingBytes => "Slow Consumer (Pending Bytes)",
            Self::SlowConsumerPendingTotal => "Slow Consumer (Pending Total)",
            Self::SlowConsumerWriteDeadline => "Slow Consumer (Write Deadline)",
            Self::WriteError => "Write Error",
            Self::ReadError => "Read Error",
            Self::ParseError => "Parse Error",
            Self::StaleConnection => "Stale Connection",
            Self::ProtocolViolation => "Protocol Violation",
            Self::BadClientProtocolVersion => "Bad Client Protocol Version",
            Self::AuthenticationFailure => "Authentication Failure",
            Self::AuthenticationTimeout => "Authentication Timeout",
            Self::TlsHandshakeFailure => "TLS Handshake Failure",
            Self::MaximumConnectionsExceeded => "Maximum Connections Exceeded",
            Self::MaximumPayloadExceeded => "Maximum Message Payload Exceeded",
            Self::MaximumControlLineExceeded => "Maximum Control Line Exceeded",
            Self::NoRespondersRequiresHeaders => "No Responders Requires Headers",
            Self::Kicked => "Kicked",
            Self::ServerShutdown => "Server Shutdown",
        })
    }
}
