//! What a server says.

use crate::error::ErrText;
use crate::info::Info;
use crate::number::Digits;

/// The answer to a line, for a client that asked for one.
pub const OK: &[u8] = b"+OK\r\n";
/// The question whether the peer is alive.
pub const PING: &[u8] = b"PING\r\n";
/// Its answer.
pub const PONG: &[u8] = b"PONG\r\n";

/// Appends `INFO {json} `; the blank before the line end is the reference server's.
pub fn info(out: &mut Vec<u8>, info: &Info) {
    out.extend_from_slice(b"INFO ");
    info.write_json(out);
    out.extend_from_slice(b" \r\n");
}

/// Appends `-ERR '<text>'`.
pub fn err(out: &mut Vec<u8>, text: ErrText<'_>) {
    out.extend_from_slice(b"-ERR '");
    text.write_to(out);
    out.extend_from_slice(b"'\r\n");
}

/// A message as its reader gets it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The subject it was published to.
    pub subject: &'a [u8],
    /// The reader's name for the subscription.
    pub sid: &'a [u8],
    /// Where an answer is wanted.
    pub reply: Option<&'a [u8]>,
    /// The header block; empty sends a plain `MSG`.
    pub headers: &'a [u8],
    /// What was said.
    pub payload: &'a [u8],
}

/// Appends one delivery.
///
/// ```text
/// MSG <subject> <sid> [reply] <size>⏎<payload>⏎
/// HMSG <subject> <sid> [reply] <header size> <size>⏎<headers><payload>⏎
/// ```
pub fn message(out: &mut Vec<u8>, message: &Message<'_>) {
    out.extend_from_slice(if message.headers.is_empty() {
        b"MSG "
    } else {
        b"HMSG "
    });
    out.extend_from_slice(message.subject);
    out.push(b' ');
    out.extend_from_slice(message.sid);
    tail(out, message);
}

/// Appends everything behind the sid; the part that all readers of a message share.
pub fn tail(out: &mut Vec<u8>, message: &Message<'_>) {
    out.push(b' ');
    if let Some(reply) = message.reply {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    if !message.headers.is_empty() {
        out.extend_from_slice(Digits::new(message.headers.len() as u64).as_bytes());
        out.push(b' ');
    }
    let size = message.headers.len() + message.payload.len();
    out.extend_from_slice(Digits::new(size as u64).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(message.headers);
    out.extend_from_slice(message.payload);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_as_the_contract_says() {
        let mut out = Vec::new();
        let plain = Message {
            subject: b"a.b",
            sid: b"7",
            reply: None,
            headers: b"",
            payload: b"hello",
        };
        message(&mut out, &plain);
        message(
            &mut out,
            &Message {
                reply: Some(b"r"),
                headers: b"zz",
                payload: b"hi",
                ..plain
            },
        );
        err(&mut out, ErrText::StaleConnection);
        let expected =
            "MSG a.b 7 5\r\nhello\r\nHMSG a.b 7 r 2 4\r\nzzhi\r\n-ERR 'Stale Connection'\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
