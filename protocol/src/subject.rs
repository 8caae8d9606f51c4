//! Subjects: the dotted names that messages are sent to, and the filters that subscribe to them.
//!
//! In: bytes already cut out of their line. Out: what they mean for routing. No allocation.
//! Tokens may hold any byte but a blank and the dot; nothing here requires UTF-8.

use memchr::memchr;

/// The tokens of `subject`, in order; an empty subject has one empty token.
pub fn tokens(subject: &[u8]) -> Tokens<'_> {
    Tokens {
        rest: Some(subject),
    }
}

/// Whether `filter` may be subscribed to: no empty token, and `>` only as the last one.
///
/// A `*` or `>` inside a longer token is plain text. Source: protocol.md#subjects.
pub fn is_valid_filter(filter: &[u8]) -> bool {
    let mut tokens = tokens(filter);
    while let Some(token) = tokens.next() {
        if token.is_empty() || (token == b">" && !tokens.is_done()) {
            return false;
        }
    }
    true
}

/// Whether `subject` names exactly one subject: no empty token, no wildcard token.
pub fn is_valid_literal(subject: &[u8]) -> bool {
    tokens(subject).all(|token| !token.is_empty() && !is_wildcard(token))
}

/// Whether any token of `filter` is a wildcard.
pub fn has_wildcard(filter: &[u8]) -> bool {
    memchr::memchr2(b'*', b'>', filter).is_some() && tokens(filter).any(is_wildcard)
}

/// Whether a message published to `subject` can reach anybody: no token of it is empty.
pub fn is_deliverable(subject: &[u8]) -> bool {
    let mut after_dot = true;
    for &byte in subject {
        if byte == b'.' && after_dot {
            return false;
        }
        after_dot = byte == b'.';
    }
    !after_dot
}

/// Whether `filter` covers the literal `subject`.
///
/// `*` covers one token, a last `>` one or more: `a.>` covers `a.b` and `a.b.c`, not `a`.
/// Source: protocol.md#subjects.
pub fn covers(filter: &[u8], subject: &[u8]) -> bool {
    let mut tokens_left = tokens(subject);
    for wanted in tokens(filter) {
        match (wanted, tokens_left.next()) {
            (b">", token) => return token.is_some(),
            (b"*", Some(_)) => {}
            (_, Some(token)) if token == wanted => {}
            _ => return false,
        }
    }
    tokens_left.is_done() // A subject longer than its filter is not covered.
}

fn is_wildcard(token: &[u8]) -> bool {
    token == b"*" || token == b">"
}

/// Iterator over the tokens of a subject, made by [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    rest: Option<&'a [u8]>, // None once the last token is out.
}

impl Tokens<'_> {
    /// Whether the last token is out.
    pub fn is_done(&self) -> bool {
        self.rest.is_none()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        match memchr(b'.', rest) {
            Some(dot) => {
                self.rest = Some(&rest[dot + 1..]);
                Some(&rest[..dot])
            }
            None => self.rest.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &str, subject: &str, expected: bool) {
        let covered = covers(filter.as_bytes(), subject.as_bytes());
        assert_eq!(covered, expected, "{filter} over {subject}");
    }

    #[test]
    fn a_full_wildcard_needs_one_more_token() {
        check("a.>", "a.b.c", true);
        check("a.>", "a.b", true);
        check("a.>", "a", false);
        check(">", "a", true);
    }

    #[test]
    fn a_wildcard_does_not_cross_a_dot() {
        check("a.*", "a.b", true);
        check("a.*", "a.b.c", false);
        check("*", "a", true);
        check("*.b", "a.b", true);
    }

    #[test]
    fn a_wildcard_inside_a_token_is_text() {
        check("foo*", "foo*", true);
        check("foo*", "foobar", false);
        assert!(!has_wildcard(b"foo*.b>r"));
        assert!(has_wildcard(b"foo.*"));
    }

    #[test]
    fn a_filter_has_no_empty_token_and_ends_at_its_full_wildcard() {
        for valid in [
            "a", "a.b", "*", ">", "a.*.b", "a.>", "foo*", "foo.>x", "\u{0}",
        ] {
            assert!(is_valid_filter(valid.as_bytes()), "{valid}");
        }
        for invalid in ["", ".", "a.", ".a", "a..b", ">.a", "a.>.b"] {
            assert!(!is_valid_filter(invalid.as_bytes()), "{invalid}");
        }
    }

    #[test]
    fn only_whole_tokens_can_be_delivered() {
        for (subject, expected) in [
            ("a", true),
            ("a.b", true),
            ("a.*", true),
            ("", false),
            (".", false),
            ("a.", false),
        ] {
            assert_eq!(is_deliverable(subject.as_bytes()), expected, "{subject}");
            let naive = tokens(subject.as_bytes()).all(|token| !token.is_empty());
            assert_eq!(is_deliverable(subject.as_bytes()), naive, "{subject}");
        }
        assert!(!is_deliverable(b".a") && !is_deliverable(b"a..b"));
        assert!(
            !is_valid_literal(b"a.*") && !is_valid_literal(b"a..b") && is_valid_literal(b"a.b")
        );
    }
}
