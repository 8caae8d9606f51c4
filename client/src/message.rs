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

/// Whether a message may be published to `name`. Runs for every message: eight bytes at a time.
pub(crate) fn is_publishable(name: &[u8]) -> bool {
    let (words, rest) = name.as_chunks();
    let mut before = DOT; // An empty token at the beginning is one between two dots.
    for word in words {
        match Dots::of(*word) {
            Some(dots) if !dots.touch(before) => before = dots.last(),
            Some(_) => return false,
            None => return is_publishable_slowly(name),
        }
    }
    match name.last_chunk() {
        // What is left, and as much again of what was looked at as makes eight bytes.
        Some(word) if !rest.is_empty() => match Dots::of(*word) {
            Some(dots) => !dots.touch(0) && dots.last() == 0,
            None => is_publishable_slowly(name),
        },
        Some(_) => before == 0,
        None => is_publishable_slowly(name),
    }
}

fn is_publishable_slowly(name: &[u8]) -> bool {
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

/// Where dots are among eight bytes: the highest bit of each that is one, the first byte lowest.
#[derive(Clone, Copy)]
struct Dots(u64);

/// The first byte is a dot.
const DOT: u64 = 0x80;

impl Dots {
    /// None if a byte is a blank or below, which wants a closer look.
    fn of(word: [u8; 8]) -> Option<Self> {
        const ONES: u64 = u64::from_le_bytes([1; 8]);
        const LOW: u64 = u64::from_le_bytes([0x7f; 8]);
        let word = u64::from_le_bytes(word);
        let is_plain = word.wrapping_sub(ONES * 0x21) & !word & !LOW == 0;
        let others = word ^ (ONES * b'.' as u64); // Zero where a dot is.
        is_plain.then_some(Self(!(((others & LOW) + LOW) | others | LOW)))
    }

    /// Whether two stand side by side; `before` is [`DOT`] if one stands before the first.
    fn touch(self, before: u64) -> bool {
        self.0 & (self.0 << 8 | before) != 0
    }

    /// [`DOT`] if the last byte is one, else 0.
    fn last(self) -> u64 {
        self.0 >> 56
    }
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

    /// Every name up to three words that has one or two bytes out of the ordinary.
    #[test]
    fn eight_bytes_at_a_time_say_the_same_as_one() {
        let odd = [
            b'.', b' ', b'\t', b'\r', b'\n', 0, 0x1f, 0x7f, 0x80, 0xae, 0xff,
        ];
        for len in 0..=24 {
            let mut name = vec![b'a'; len];
            for (first, second) in (0..len).flat_map(|first| (first..len).map(move |s| (first, s)))
            {
                for (one, other) in odd.iter().flat_map(|one| odd.map(|other| (*one, other))) {
                    (name[first], name[second]) = (one, other);
                    let expected = is_publishable_slowly(&name);
                    assert_eq!(is_publishable(&name), expected, "{name:?}");
                }
                (name[first], name[second]) = (b'a', b'a');
            }
            assert_eq!(is_publishable(&name), len > 0);
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
