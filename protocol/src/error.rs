//! What can be wrong with bytes from the wire, and the table of texts that answer it.
//!
//! The texts are a wire format that clients parse: tested byte for byte, written nowhere else.

use std::fmt;

/// Why a line from a client is refused; every one of them ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    /// The peer sent something that is no operation.
    UnknownOperation,
    /// The arguments of a line are longer than the limit.
    ControlLineTooLong,
    /// The declared size of a message is over the limit; its body was not awaited.
    PayloadTooLarge,
    /// The line has the wrong number of arguments, or a number that is none.
    Malformed,
}

impl ParseError {
    /// What the peer is told before the connection ends; nothing at all for a malformed line, as
    /// the reference server does.
    pub fn err_text(self) -> Option<ErrText<'static>> {
        match self {
            Self::UnknownOperation => Some(ErrText::UnknownProtocolOperation),
            Self::ControlLineTooLong => Some(ErrText::MaximumControlLine),
            Self::PayloadTooLarge => Some(ErrText::MaximumPayload),
            Self::Malformed => None,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownOperation => "unknown protocol operation",
            Self::ControlLineTooLong => "control line is over the limit",
            Self::PayloadTooLarge => "declared payload is over the limit",
            Self::Malformed => "wrong number of arguments, or a bad number",
        })
    }
}

impl std::error::Error for ParseError {}

/// The text between the quotes of an `-ERR '…'` line.
///
/// Source: protocol.md#errors, which also says which of them close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrText<'a> {
    /// The line was no operation. Closes.
    UnknownProtocolOperation,
    /// The arguments were longer than `max_control_line`. Closes.
    MaximumControlLine,
    /// The declared size was over `max_payload`. Closes.
    MaximumPayload,
    /// Missing or wrong credentials. Closes.
    AuthorizationViolation,
    /// No CONNECT within the time allowed. Closes.
    AuthenticationTimeout,
    /// The server holds as many connections as it may. Closes.
    MaximumConnections,
    /// More connections came at once than may. Closes.
    Throttled,
    /// The connection holds as many subscriptions as it may; this one was not made.
    MaximumSubscriptions,
    /// The filter of a SUB is malformed; the subscription was not made.
    InvalidSubject,
    /// Pedantic only: the subject of a publish is no literal; it is processed all the same.
    InvalidPublishSubject,
    /// The peer may not publish to this subject; the message was dropped.
    PublishViolation(&'a [u8]),
    /// The peer may not name this reply subject; the message was dropped.
    ReplyViolation(&'a [u8]),
    /// The peer may not subscribe to this; the subscription was not made.
    SubscribeViolation {
        /// The filter asked for.
        subject: &'a [u8],
        /// The queue group asked for, if any.
        queue: Option<&'a [u8]>,
    },
    /// The filter has more tokens than it may have; the subscription was not made.
    TooManyTokens(&'a [u8]),
    /// The peer may no longer have this subscription; it was taken back.
    SubscriptionLost {
        /// The filter it had.
        subject: &'a [u8],
        /// Its queue group, if any.
        queue: Option<&'a [u8]>,
        /// Its sid.
        sid: &'a [u8],
    },
    /// The peer left too many PINGs unanswered. Closes.
    StaleConnection,
    /// CONNECT named a protocol other than 0 or 1. Closes.
    InvalidClientProtocol,
    /// CONNECT asked for no-responders without headers. Closes.
    NoRespondersRequiresHeaders,
    /// The peer read too slowly; what it had not read is lost. Closes. Ours, not NATS.
    SlowConsumer,
    /// A person's line has a word too few, one too many, or a wrong one; nothing was done. Ours.
    WrongArguments,
    /// A person made as many mistakes in a row as anybody may. Closes. Ours.
    TooManyMistakes,
    /// A person awaits as many answers as anybody may; the request was not sent. Ours.
    TooManyRequests,
    /// Nobody took a person's request. Ours.
    NoResponders,
    /// No answer came to a person's request. Ours.
    RequestTimeout,
    /// The peer speaks HTTP, which the port named, if any, understands. Closes. Ours.
    HttpSpoken {
        /// Where the monitoring pages are.
        port: Option<u16>,
    },
    /// The peer speaks TLS where it is not understood. Closes. Ours.
    TlsSpoken,
}

impl ErrText<'_> {
    /// Appends the text to `out`, without quotes.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let plain = match self {
            Self::UnknownProtocolOperation => "Unknown Protocol Operation",
            Self::MaximumControlLine => "maximum control line exceeded",
            Self::MaximumPayload => "Maximum Payload Violation",
            Self::AuthorizationViolation => "Authorization Violation",
            Self::AuthenticationTimeout => "Authentication Timeout",
            Self::MaximumConnections => "maximum connections exceeded",
            Self::Throttled => "Connection throttling is active. Please try again later.",
            Self::MaximumSubscriptions => "maximum subscriptions exceeded",
            Self::InvalidSubject => "Invalid Subject",
            Self::InvalidPublishSubject => "Invalid Publish Subject",
            Self::StaleConnection => "Stale Connection",
            Self::InvalidClientProtocol => "invalid client protocol",
            Self::NoRespondersRequiresHeaders => "no responders requires headers support",
            Self::SlowConsumer => "Slow Consumer",
            Self::WrongArguments => "Wrong Arguments",
            Self::TooManyMistakes => "Too Many Mistakes",
            Self::TooManyRequests => "Too Many Requests",
            Self::NoResponders => "No Responders",
            Self::RequestTimeout => "Request Timeout",
            Self::HttpSpoken { port: Some(port) } => {
                out.extend_from_slice(b"HTTP is not spoken on this port; it is on port ");
                return out.extend_from_slice(port.to_string().as_bytes());
            }
            Self::HttpSpoken { port: None } => {
                "HTTP is not spoken on this port, and no other is open for it"
            }
            Self::TlsSpoken => "TLS is not spoken on this port; connect without it",
            Self::PublishViolation(subject) => {
                return quoted(out, "Permissions Violation for Publish to ", subject);
            }
            Self::ReplyViolation(reply) => {
                return quoted(
                    out,
                    "Permissions Violation for Publish with Reply of ",
                    reply,
                );
            }
            Self::SubscribeViolation { subject, queue } => {
                return subscription(out, subject, *queue);
            }
            Self::TooManyTokens(subject) => {
                subscription(out, subject, None);
                return out.extend_from_slice(b", too many tokens");
            }
            Self::SubscriptionLost {
                subject,
                queue,
                sid,
            } => {
                subscription(out, subject, *queue);
                quoted(out, " (sid ", sid);
                return out.push(b')');
            }
        };
        out.extend_from_slice(plain.as_bytes());
    }
}

fn subscription(out: &mut Vec<u8>, subject: &[u8], queue: Option<&[u8]>) {
    quoted(out, "Permissions Violation for Subscription to ", subject);
    if let Some(queue) = queue {
        quoted(out, " using queue ", queue);
    }
}

/// Appends `lead` and `name` in double quotes; what could break out of them is escaped, so that a
/// subject cannot end the line early or forge another.
fn quoted(out: &mut Vec<u8>, lead: &str, name: &[u8]) {
    out.extend_from_slice(lead.as_bytes());
    out.push(b'"');
    for &byte in name {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 | 0x7f => {
                out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: ErrText<'_>, expected: &str) {
        let mut out = Vec::new();
        text.write_to(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn violations_name_what_was_refused() {
        check(
            ErrText::PublishViolation(b"a.b"),
            r#"Permissions Violation for Publish to "a.b""#,
        );
        check(
            ErrText::ReplyViolation(b"_R_.x"),
            r#"Permissions Violation for Publish with Reply of "_R_.x""#,
        );
        check(
            ErrText::SubscribeViolation {
                subject: b"a",
                queue: None,
            },
            r#"Permissions Violation for Subscription to "a""#,
        );
        check(
            ErrText::SubscribeViolation {
                subject: b"a",
                queue: Some(b"q"),
            },
            r#"Permissions Violation for Subscription to "a" using queue "q""#,
        );
        check(
            ErrText::TooManyTokens(b"a.b"),
            r#"Permissions Violation for Subscription to "a.b", too many tokens"#,
        );
        check(
            ErrText::SubscriptionLost {
                subject: b"a",
                queue: Some(b"q"),
                sid: b"1",
            },
            r#"Permissions Violation for Subscription to "a" using queue "q" (sid "1")"#,
        );
    }

    #[test]
    fn a_name_cannot_break_out_of_its_quotes() {
        check(
            ErrText::PublishViolation(b"a\"\x01\\"),
            r#"Permissions Violation for Publish to "a\"\x01\\""#,
        );
    }
}
