//! Texts with holes, for payloads and answers: `order {{count}} at {{timestamp}}`.
//!
//! The names are those of the official CLI, in any case of their letters. Parsed once, filled for
//! every message.

use jiff::{Timestamp, Zoned};

/// A text with holes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Count,
    Timestamp,
    Time,
    Unix,
    UnixNano,
    Id,
    /// Letters and digits, as many as a number between these, both included.
    Random(usize, usize),
    Subject,
    /// A token of the subject, counted from 0.
    Token(usize),
    Request,
}

/// What fills the holes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filling<'a> {
    /// Counted from 1.
    pub(crate) count: u64,
    pub(crate) subject: &'a str,
    /// The payload that is answered.
    pub(crate) request: &'a [u8],
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("{{") {
            let (hole, behind) = behind
                .split_once("}}")
                .ok_or_else(|| format!("unclosed hole: {{{{{behind}"))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::parse(hole)?);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(Self(pieces))
    }

    /// A text without holes, whatever it holds.
    pub(crate) fn plain(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// Appends the filled text to `out`.
    pub(crate) fn fill(&self, filling: Filling<'_>, out: &mut Vec<u8>) {
        for piece in &self.0 {
            piece.fill(filling, out);
        }
    }

    /// The filled text where bytes that are no UTF-8 do not matter.
    pub(crate) fn filled(&self, filling: Filling<'_>) -> String {
        let mut out = Vec::new();
        self.fill(filling, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl Piece {
    fn parse(hole: &str) -> Result<Self, String> {
        let lower = hole.to_ascii_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let number = |word: &str| word.parse::<usize>().ok().filter(|&n| n <= RANDOM_MAX);
        Ok(match words[..] {
            ["count"] => Self::Count,
            ["timestamp"] => Self::Timestamp,
            ["time"] => Self::Time,
            ["unix"] => Self::Unix,
            ["unixnano"] => Self::UnixNano,
            ["id"] => Self::Id,
            ["subject"] => Self::Subject,
            ["request"] => Self::Request,
            ["token", at] if number(at).is_some() => Self::Token(number(at).unwrap_or_default()),
            ["random", least, most] => match (number(least), number(most)) {
                (Some(least), Some(most)) if least <= most => Self::Random(least, most),
                _ => return Err(format!("random takes two sizes up to {RANDOM_MAX}: {hole}")),
            },
            _ => return Err(format!("unknown hole {{{{{hole}}}}}; there are {NAMES}")),
        })
    }

    fn fill(&self, filling: Filling<'_>, out: &mut Vec<u8>) {
        let text = match self {
            Self::Text(text) => return out.extend_from_slice(text.as_bytes()),
            Self::Request => return out.extend_from_slice(filling.request),
            Self::Subject => return out.extend_from_slice(filling.subject.as_bytes()),
            Self::Token(at) => filling.subject.split('.').nth(*at).unwrap_or("").to_owned(),
            Self::Count => filling.count.to_string(),
            Self::Timestamp => format!("{:.6}", Timestamp::now()),
            Self::Time => Zoned::now().strftime("%H:%M:%S").to_string(),
            Self::Unix => Timestamp::now().as_second().to_string(),
            Self::UnixNano => Timestamp::now().as_nanosecond().to_string(),
            Self::Id => letters(22),
            Self::Random(least, most) => letters(fastrand::usize(least..=most)),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

fn letters(count: usize) -> String {
    (0..count).map(|_| fastrand::alphanumeric()).collect()
}

/// The largest message that nats-server can be set to take.
const RANDOM_MAX: usize = 64 * 1024 * 1024;

/// All holes, for help and errors.
pub(crate) const NAMES: &str = "count, timestamp, time, unix, unixnano, id, random <least> <most>, \
    subject, token <n>, request";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let filling = Filling {
            count: 7,
            subject: "a.bc",
            request: b"ask",
        };
        assert_eq!(Template::parse(text).unwrap().filled(filling), expected);
    }

    #[test]
    fn holes_are_filled() {
        check("", "");
        check("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"); // No hole opens, so none closes.
        check("n {{Count}}!", "n 7!");
        check("{{ count }}{{count}}", "77");
        check("{{subject}}/{{token 1}}/{{token 9}}", "a.bc/bc/");
        check("re: {{request}}", "re: ask");
        let random = Template::parse("{{random 3 3}}{{id}}").unwrap();
        assert_eq!(random.filled(Filling::default()).len(), 25);
    }

    #[test]
    fn what_is_no_hole_is_told() {
        for text in [
            "{{",
            "{{x}}",
            "{{random 3}}",
            "{{random 4 3}}",
            "{{random 1 9999999999}}",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        assert_eq!(Template::plain("{{x}}").filled(Filling::default()), "{{x}}");
    }
}
