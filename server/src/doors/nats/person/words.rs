//! Text for a person: lines that begin with two blanks, so that nobody takes them for an operation.
//!
//! In: what to say, and what was typed. Out: bytes that no terminal obeys, whatever was typed.

use dunlin_protocol::{ErrText, encode};

/// How much of a word that was typed is shown again, in characters. A guess.
const SHOWN_MAX: usize = 60;

/// What is said at one time.
#[derive(Default)]
pub(super) struct Words(Vec<u8>);

impl Words {
    /// `-ERR '<text>'`, as a program would get it.
    pub(super) fn err(mut self, text: ErrText<'_>) -> Self {
        encode::err(&mut self.0, text);
        self
    }

    /// A line that explains.
    pub(super) fn line(mut self, text: &str) -> Self {
        for part in ["  ", text, "\r\n"] {
            self.0.extend_from_slice(part.as_bytes());
        }
        self
    }

    /// A line to type.
    pub(super) fn example(self, text: &str) -> Self {
        self.line(&format!("  {text}"))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What was typed, so that it can be shown: control characters are spelled out.
pub(super) fn typed(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                letter if letter.is_control() => shown.extend(letter.escape_default()),
                letter => shown.push(letter),
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    match shown.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// Whether `bytes` are shown as they are: then they can stand in an example.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    typed(bytes).as_bytes() == bytes
}
