//! What is sent and what arrives: subjects and messages.
//!
//! Plain values, cheap to clone, free of any connection.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use dunlin_protocol::{HeaderMap, subject};

/// The name that a message is sent to; a clone shares the text.
///
/// Any text makes one: whether it can be published or subscribed to is checked by the verb that is
/// asked to. It dereferences to `str` and is taken wherever a subject is wanted.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject(Arc<str>);

impl Subject {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a message can be published to it: no empty token, no wildcard, no blank.
    pub fn is_literal(&self) -> bool {
        subject::is_valid_literal(self.0.as_bytes()) && has_no_blank(self.0.as_bytes())
    }

    /// The subject that stands on the wire; bytes that are no UTF-8 are replaced by U+FFFD.
    pub(crate) fn from_wire(text: &[u8]) -> Self {
        match str::from_utf8(text) {
            Ok(text) => Self(text.into()), // Several times faster than to look for what is wrong.
            Err(_) => Self(String::from_utf8_lossy(text).into()),
        }
    }
}

impl Deref for Subject {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Subject {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Subject {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Subject {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for Subject {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Subject {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message that arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it was published to.
    pub subject: Subject,
    /// Where an answer is wanted, if it is.
    pub reply: Option<Subject>,
    /// What was said; a clone shares the bytes. Up to 256 bytes share their memory, at most 2 KiB,
    /// with messages that came beside them: who keeps many of few may copy them.
    pub payload: Bytes,
    /// Its headers; none if it had none, or if what came in their place was no header block (such
    /// blocks are counted in [`Statistics::bad_headers`](crate::Statistics::bad_headers)).
    pub headers: Option<HeaderMap>,
    /// Set on messages by which a server speaks of its own.
    pub status: Option<StatusCode>,
    /// What the server says besides the status.
    pub description: Option<Box<str>>,
    /// The size of headers and payload on the wire, in bytes.
    pub length: usize,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut message = f.debug_struct("Message");
        message.field("subject", &self.subject);
        if let Some(reply) = &self.reply {
            message.field("reply", reply);
        }
        if let Some(headers) = &self.headers {
            message.field("headers", headers);
        }
        if let Some(status) = &self.status {
            message.field("status", status);
        }
        message.field("payload", &self.payload).finish()
    }
}

/// The status of a message by which a server speaks of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusCode(u16); // 100 to 999, as the header block spells it.

impl StatusCode {
    /// Nobody was there to take a request.
    pub const NO_RESPONDERS: Self = Self(503);

    pub(crate) fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    pub fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whether `name` can stand as one argument of a line.
pub(crate) fn has_no_blank(name: &[u8]) -> bool {
    !name.is_empty()
        && !name
            .iter()
            .any(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Whether a message may be published to `name`: one pass, as it runs for every message.
pub(crate) fn is_publishable(name: &[u8]) -> bool {
    let mut is_token_start = true;
    for &byte in name {
        match byte {
            b'.' if is_token_start => return false,
            b' ' | b'\t' | b'\r' | b'\n' => return false,
            _ => is_token_start = byte == b'.',
        }
    }
    !is_token_start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publishable_subject_has_no_empty_token_and_no_blank() {
        for (name, expected) in [
            ("a", true),
            ("a.b", true),
            ("a.*", true), // Legal on the wire; reaches only those who subscribed with a wildcard.
            ("ü.x", true),
            ("", false),
            (".", false),
            ("a.", false),
            (".a", false),
            ("a..b", false),
            ("a b", false),
            ("a\r\nPUB b 0", false),
        ] {
            assert_eq!(is_publishable(name.as_bytes()), expected, "{name:?}");
        }
    }

    #[test]
    fn a_subject_is_compared_as_text() {
        let subject = Subject::from("a.b");
        assert!(subject == "a.b" && *subject == *"a.b" && subject.is_literal());
        assert!(!Subject::from("a.*").is_literal());
        assert_eq!(format!("{subject} {subject:?}"), "a.b \"a.b\"");
        assert_eq!(Subject::from_wire(b"a\xff").as_str(), "a\u{fffd}");
    }
}
