//! Why a connection could not be encrypted, in words for the log.

use std::fmt;
use std::io;

/// How an HTTP request begins; CONNECT is a verb of NATS first.
const HTTP_VERBS: [&[u8]; 8] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"PRI * ",
];

/// Why there is no encrypted connection.
#[derive(Debug)]
pub(in crate::net) enum Failure {
    /// The client left without a handshake, as whoever looks whether a port is open does.
    Gone,
    /// The handshake took too long.
    TimedOut,
    /// What the client said is no handshake, but this.
    NotTls(&'static str),
    /// The client's certificate has none of the pinned keys.
    NotPinned,
    /// What was said could not be agreed on.
    Rejected(String),
}

impl Failure {
    /// What a client speaks that begins with `opening`.
    pub(super) fn not_tls(opening: &[u8]) -> Self {
        let is_http = HTTP_VERBS
            .iter()
            .any(|verb| opening.starts_with(&verb[..verb.len().min(opening.len())]));
        let is_text = opening
            .iter()
            .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        Self::NotTls(match (is_http, is_text) {
            (true, _) => "the client speaks HTTP to the port of NATS clients",
            (_, true) => "the client speaks in the open, and this port demands encryption",
            _ => "what the client sent is no TLS",
        })
    }

    pub(super) fn rejected(error: rustls::Error) -> Self {
        Self::Rejected(error.to_string())
    }

    /// Whether somebody should hear of it who does not look for it.
    pub(in crate::net) fn is_notable(&self) -> bool {
        !matches!(self, Self::Gone)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Self::Gone,
            _ => Self::Rejected(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the client left"),
            Self::TimedOut => f.write_str("the client took too long"),
            Self::NotTls(what) => f.write_str(what),
            Self::NotPinned => f.write_str("certificate not pinned"),
            Self::Rejected(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(opening: &[u8], expected: &str) {
        let said = Failure::not_tls(opening).to_string();
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn what_came_instead_of_a_handshake_is_named() {
        check(b"GET / HT", "HTTP");
        check(b"CONNECT ", "in the open");
        check(b"PING\r\n", "in the open");
        check(b"\x00\x01", "no TLS");
    }
}
