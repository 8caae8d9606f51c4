//! A message as text for people, as a JSON line, or bare.
//!
//! ```text
//! greet.joe 5 B, reply _INBOX.x      subject, size, where the answer goes
//! Trace: 1                           headers, if there are any
//!
//! hello                              the payload; bytes that are no text in hex
//!                                    a blank line ends it
//! ```

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dunlin::{HeaderMap, Message};

use crate::json::{Object, quoted};
use crate::text;

/// How messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// For people.
    Full { has_time: bool, has_payload: bool },
    /// One JSON object a line.
    Json { has_payload: bool },
    /// The payload and this byte.
    Raw { end: u8 },
}

impl View {
    /// Appends `message` to `out`.
    pub(crate) fn write(self, message: &Message, out: &mut Vec<u8>) {
        match self {
            Self::Raw { end } => {
                out.extend_from_slice(&message.payload);
                out.push(end);
            }
            Self::Json { has_payload } => {
                out.extend_from_slice(json(message, has_payload).as_bytes());
                out.push(b'\n');
            }
            Self::Full {
                has_time,
                has_payload,
            } => full(message, has_time, has_payload, out),
        }
    }
}

/// The message as a JSON object. A payload that is no UTF-8 is `payload_base64`.
pub(crate) fn json(message: &Message, has_payload: bool) -> String {
    let reply = message.reply.as_deref();
    let mut object = Object::new()
        .text("time", &text::now())
        .text("subject", &message.subject)
        .text_if("reply", reply);
    if let Some(status) = message.status {
        object = object.number("status", status);
        object = object.text_if("description", message.description.as_deref());
    }
    if let Some(headers) = &message.headers {
        object = object.raw("headers", &headers_json(headers));
    }
    object = match (has_payload, str::from_utf8(&message.payload)) {
        (false, _) => object.number("size", message.payload.len()),
        (true, Ok(text)) => object.text("payload", text),
        (true, Err(_)) => object.text("payload_base64", &STANDARD.encode(&message.payload)),
    };
    object.end()
}

/// Headers as a JSON object: each name with the list of its values.
pub(crate) fn headers_json(headers: &HeaderMap) -> String {
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let fields = names.into_iter().fold(Object::new(), |fields, name| {
        fields.list(name, headers.get_all(name).map(quoted))
    });
    fields.end()
}

fn full(message: &Message, has_time: bool, has_payload: bool, out: &mut Vec<u8>) {
    let mut head = String::new();
    if has_time {
        head = jiff::Zoned::now().strftime("%H:%M:%S%.6f ").to_string();
    }
    let (subject, size) = (&message.subject, message.payload.len());
    let _ = write!(head, "{subject} {size} B"); // A string takes everything.
    if let Some(reply) = &message.reply {
        let _ = write!(head, ", reply {reply}");
    }
    if let Some(status) = message.status {
        let description = message.description.as_deref().unwrap_or_default();
        let _ = write!(head, ", status {status} {description}");
    }
    head.push('\n');
    if let Some(headers) = message
        .headers
        .as_ref()
        .filter(|headers| !headers.is_empty())
    {
        for (name, value) in headers.iter() {
            let _ = writeln!(head, "{name}: {value}");
        }
        head.push('\n');
    }
    out.extend_from_slice(shown(&head).as_bytes());
    if has_payload && !message.payload.is_empty() {
        match readable(&message.payload) {
            Some(text) => out.extend_from_slice(text.trim_end_matches('\n').as_bytes()),
            None => out.extend_from_slice(hex(&message.payload).as_bytes()),
        }
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// The text of `payload`, if it is one that a terminal shows without doing something else.
pub(crate) fn readable(payload: &[u8]) -> Option<&str> {
    let text = str::from_utf8(payload).ok()?;
    let is_shown = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\t' | '\r');
    text.chars().all(is_shown).then_some(text)
}

/// `text` without what a peer could steer a terminal with.
pub(crate) fn shown(text: &str) -> String {
    let replaced = |letter: char| match letter {
        '\n' | '\t' => letter,
        letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
        letter => letter,
    };
    text.chars().map(replaced).collect()
}

/// Sixteen bytes a line: offset, hex, text; the first KiB.
fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (at, line) in bytes[..bytes.len().min(HEX_MAX)].chunks(16).enumerate() {
        let digits: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let letter = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        let letters: String = line.iter().map(letter).collect();
        let _ = writeln!(out, "{:06x}  {:<47}  {letters}", at * 16, digits.join(" "));
    }
    match bytes.len().checked_sub(HEX_MAX) {
        Some(more @ 1..) => {
            let _ = write!(out, "… and {more} B more");
        }
        _ => {
            out.pop();
        }
    }
    out
}

/// A screen full. Whoever wants all of it wants it raw.
const HEX_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_hex_up_to_a_screen_full() {
        let shown = hex(b"\x00abc\xff");
        assert_eq!(
            shown,
            "000000  00 61 62 63 ff                                   .abc."
        );
        let shown = hex(&[7; 2000]);
        assert_eq!(shown.lines().count(), 65);
        assert!(shown.ends_with("… and 976 B more"), "{shown}");
        assert!(!hex(&[0; 1024]).ends_with('\n'));
    }

    #[test]
    fn a_peer_cannot_steer_the_terminal() {
        assert_eq!(readable(b"a\x1b[2J"), None);
        assert_eq!(readable("ü\n\t".as_bytes()), Some("ü\n\t"));
        assert_eq!(shown("a\x1b[2Jb"), "a\u{fffd}[2Jb");
    }
}
