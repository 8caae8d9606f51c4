//! What a server refuses: the texts of `-ERR`, read.
//!
//! In: the text between the quotes. Out: what it is about, and what becomes of the connection. The
//! protocol has no numbers for these, so the texts are the contract. Source: protocol.md#errors.

use std::fmt;

/// A refusal by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError {
    /// What it is about.
    pub kind: ServerErrorKind,
    /// The server's own words.
    pub text: Box<str>,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ServerError {}

/// What a server's refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerErrorKind {
    /// A message was not taken: publishing to this subject is not allowed.
    PublishDenied(Box<str>),
    /// A message was not taken: this reply subject is not allowed.
    ReplyDenied(Box<str>),
    /// A subscription was not made, or taken away.
    SubscribeDenied {
        /// Its subject.
        subject: Box<str>,
        /// Its queue group.
        queue: Option<Box<str>>,
        /// Its sid, where the server says it.
        sid: Option<u64>,
    },
    /// Something else was not allowed.
    OtherDenied,
    /// A subscription was not made: there are too many.
    TooManySubscriptions,
    /// A subject was malformed.
    InvalidSubject,
    /// The credentials are wrong, or no longer good.
    Authentication,
    /// The server holds as many connections as it may.
    TooManyConnections,
    /// The server had no answer to its pings.
    Stale,
    /// This client read too slowly; what it had not read is lost.
    SlowConsumer,
    /// Anything else.
    Other,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on.
    GoOn,
    /// It is over; another may be tried.
    Reconnect,
    /// It is over, and trying again would end the same way.
    GiveUp,
}

impl ServerError {
    /// Reads the text of an `-ERR`. Quotes and line end are already gone; its length is bounded by
    /// that of a line.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        Self {
            kind: kind(&text),
            text: text.into(),
        }
    }

    /// As the Go client does, whose choices operators know: what it does not know ends the client.
    /// Exceptions: a malformed subject, which costs nothing but itself; running late with CONNECT,
    /// and being too slow, which a new connection mends.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.kind {
            ServerErrorKind::PublishDenied(_)
            | ServerErrorKind::ReplyDenied(_)
            | ServerErrorKind::SubscribeDenied { .. }
            | ServerErrorKind::OtherDenied
            | ServerErrorKind::TooManySubscriptions
            | ServerErrorKind::InvalidSubject => Verdict::GoOn,
            ServerErrorKind::Authentication
            | ServerErrorKind::TooManyConnections
            | ServerErrorKind::Stale
            | ServerErrorKind::SlowConsumer => Verdict::Reconnect,
            ServerErrorKind::Other => Verdict::GiveUp,
        }
    }
}

fn kind(text: &str) -> ServerErrorKind {
    const AUTHENTICATION: [&str; 5] = [
        "authorization violation",
        "authentication timeout",
        "user authentication expired",
        "user authentication revoked",
        "account authentication expired",
    ];
    let lower = text.to_ascii_lowercase();
    if let Some(kind) = permission(text, &lower) {
        return kind;
    }
    match &*lower {
        "stale connection" => ServerErrorKind::Stale,
        "slow consumer" => ServerErrorKind::SlowConsumer,
        "maximum connections exceeded" | "maximum account active connections exceeded" => {
            ServerErrorKind::TooManyConnections
        }
        "invalid subject" | "invalid publish subject" => ServerErrorKind::InvalidSubject,
        _ if lower.starts_with("maximum subscriptions exceeded") => {
            ServerErrorKind::TooManySubscriptions
        }
        _ if AUTHENTICATION.iter().any(|known| lower.starts_with(known)) => {
            ServerErrorKind::Authentication
        }
        _ => ServerErrorKind::Other,
    }
}

/// `Permissions Violation for Subscription to "a" using queue "q" (sid "7")` and its relatives.
fn permission(text: &str, lower: &str) -> Option<ServerErrorKind> {
    // Same positions in both: lowering ASCII moves nothing.
    let behind = |lead: &str| {
        let at = lower.find(lead)? + lead.len();
        quoted(text.get(at..)?)
    };
    if !lower.starts_with("permissions violation") {
        return None;
    }
    if let Some((subject, _)) = behind("for publish to ") {
        return Some(ServerErrorKind::PublishDenied(subject));
    }
    if let Some((reply, _)) = behind("with reply of ") {
        return Some(ServerErrorKind::ReplyDenied(reply));
    }
    let Some((subject, rest)) = behind("for subscription to ") else {
        return Some(ServerErrorKind::OtherDenied);
    };
    let behind = |lead: &str| quoted(rest.strip_prefix(lead)?);
    let (queue, rest) = match behind(" using queue ") {
        Some((queue, rest)) => (Some(queue), rest),
        None => (None, rest),
    };
    let sid = rest.strip_prefix(" (sid ").and_then(quoted);
    Some(ServerErrorKind::SubscribeDenied {
        subject,
        queue,
        sid: sid.and_then(|(sid, _)| sid.parse().ok()),
    })
}

/// The name in double quotes that `text` starts with, and what follows it.
fn quoted(text: &str) -> Option<(Box<str>, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut name = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((name.into(), &inner[at + 1..])),
            '\\' => name.push(chars.next()?.1),
            _ => name.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, kind: ServerErrorKind, verdict: Verdict) {
        let error = ServerError::parse(text.as_bytes());
        assert_eq!((&error.kind, error.verdict()), (&kind, verdict), "{text}");
        assert_eq!(error.to_string(), text);
    }

    fn subscribe(subject: &str, queue: Option<&str>, sid: Option<u64>) -> ServerErrorKind {
        ServerErrorKind::SubscribeDenied {
            subject: subject.into(),
            queue: queue.map(Into::into),
            sid,
        }
    }

    #[test]
    fn violations_say_what_was_refused() {
        let lead = "Permissions Violation for";
        let goes_on = |text: String, kind| check(&text, kind, Verdict::GoOn);
        goes_on(
            format!("{lead} Publish to \"a.b\""),
            ServerErrorKind::PublishDenied("a.b".into()),
        );
        goes_on(
            format!("{lead} Publish with Reply of \"_R_.x\""),
            ServerErrorKind::ReplyDenied("_R_.x".into()),
        );
        let to = format!("{lead} Subscription to");
        goes_on(format!("{to} \"a\""), subscribe("a", None, None));
        goes_on(format!("{to} \"a\\\"b\""), subscribe("a\"b", None, None));
        goes_on(
            format!("{to} \"a\" using queue \"q\""),
            subscribe("a", Some("q"), None),
        );
        goes_on(
            format!("{to} \"a\" (sid \"7\")"),
            subscribe("a", None, Some(7)),
        );
        goes_on(
            format!("{to} \"a\" using queue \"q\" (sid \"7\")"),
            subscribe("a", Some("q"), Some(7)),
        );
        goes_on(
            format!("{to} \"a\", too many tokens"),
            subscribe("a", None, None),
        );
    }

    #[test]
    fn what_ends_the_connection_is_known_from_its_text() {
        check(
            "Stale Connection",
            ServerErrorKind::Stale,
            Verdict::Reconnect,
        );
        check(
            "Slow Consumer",
            ServerErrorKind::SlowConsumer,
            Verdict::Reconnect,
        );
        check(
            "Authorization Violation",
            ServerErrorKind::Authentication,
            Verdict::Reconnect,
        );
        check(
            "maximum connections exceeded",
            ServerErrorKind::TooManyConnections,
            Verdict::Reconnect,
        );
        check(
            "maximum subscriptions exceeded",
            ServerErrorKind::TooManySubscriptions,
            Verdict::GoOn,
        );
        check(
            "Invalid Subject",
            ServerErrorKind::InvalidSubject,
            Verdict::GoOn,
        );
        check(
            "Unknown Protocol Operation",
            ServerErrorKind::Other,
            Verdict::GiveUp,
        );
    }

    #[test]
    fn a_cut_violation_does_not_pass_for_something_else() {
        for text in [
            "Permissions Violation",
            "Permissions Violation for Subscription to ",
            "Permissions Violation for Subscription to \"a",
            "Permissions Violation for Publish to \"\\",
        ] {
            check(text, ServerErrorKind::OtherDenied, Verdict::GoOn);
        }
    }
}
