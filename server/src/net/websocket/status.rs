//! What a close frame says: a number that the peer can act on, and a text for people.

use std::fmt;

use tungstenite::protocol::frame::coding::CloseCode;

use crate::link::Reason;

/// Why the bytes of a peer are no WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Clients mask what they send, unless they asked not to.
    Masking,
    /// A reserved bit that no extension gave a meaning.
    ReservedBits,
    /// A frame of a kind that does not exist.
    OpCode,
    /// A length of 2^63 or more.
    Length,
    /// A ping, pong or close in fragments, compressed, or longer than 125 bytes.
    Control,
    /// A fragment of no message, or a message inside another.
    Fragment,
    /// A close frame with half a status, or one that must not be sent.
    Close,
    /// A compressed message that cannot be inflated.
    Compression,
    /// A compressed message that becomes larger than is allowed.
    Inflated,
}

impl Violation {
    pub(super) fn code(self) -> CloseCode {
        match self {
            Self::Inflated => CloseCode::Size,
            _ => CloseCode::Protocol,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Masking => "frame masked where it must not be, or not where it must",
            Self::ReservedBits => "reserved bit set",
            Self::OpCode => "unknown opcode",
            Self::Length => "frame length out of range",
            Self::Control => "control frame too long, fragmented or compressed",
            Self::Fragment => "fragment out of turn",
            Self::Close => "invalid status in close frame",
            Self::Compression => "compressed message cannot be inflated",
            Self::Inflated => "compressed message becomes too large",
        })
    }
}

impl std::error::Error for Violation {}

/// The status for a connection that we end. Source: protocol.md#websocket.
pub(super) fn code(reason: Reason) -> CloseCode {
    match reason {
        Reason::ClientClosed => CloseCode::Normal,
        Reason::ParseError | Reason::ProtocolViolation | Reason::BadClientProtocolVersion => {
            CloseCode::Protocol
        }
        Reason::MaximumPayloadExceeded => CloseCode::Size,
        Reason::WriteError
        | Reason::ReadError
        | Reason::StaleConnection
        | Reason::ServerShutdown => CloseCode::Away,
        Reason::TlsHandshakeFailure => CloseCode::Tls,
        Reason::AuthenticationFailure
        | Reason::AuthenticationTimeout
        | Reason::MaximumConnectionsExceeded
        | Reason::MaximumControlLineExceeded
        | Reason::SlowConsumerPendingBytes
        | Reason::SlowConsumerWriteDeadline => CloseCode::Policy,
        _ => CloseCode::Error,
    }
}

/// The body of a close frame: the status, and as much of `text` as a control frame has room for.
pub(super) fn body(code: CloseCode, text: &str) -> Vec<u8> {
    let mut body = u16::from(code).to_be_bytes().to_vec();
    let fits = text.floor_char_boundary(123); // A control frame holds 125 bytes.
    body.extend_from_slice(&text.as_bytes()[..fits]);
    body
}
