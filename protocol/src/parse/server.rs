//! What a server sent, cut into operations.
//!
//! In: all bytes received since the last operation ended. Out: the next operation, borrowing, or
//! how many more bytes are needed. Between two calls only a position is kept.
//!
//! ```text
//! MSG orders.eu 7 5⏎hello⏎     ⏎ is CR LF or LF, after the body too
//! ^   ^           ^
//! verb arguments  body, counted
//! ```

use memchr::memchr;

use super::args::{Args, find_verb, is_blank};
use super::plain;
use crate::error::ParseError;
use crate::number::parse_size;

/// An operation that a server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerOp<'a> {
    /// `INFO {json}`: the bytes of the JSON text, not yet looked at.
    Info(&'a [u8]),
    /// `MSG` or `HMSG` with its body.
    Message(Delivery<'a>),
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
    /// `+OK`, which only a verbose client gets.
    Ok,
    /// `-ERR '<text>'`: the text without its quotes.
    Err(&'a [u8]),
}

/// A message on its way to a client: `MSG` or `HMSG`, line and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// Where it was published to.
    pub subject: &'a [u8],
    /// The client's own name for the subscription that it is for.
    pub sid: &'a [u8],
    /// Where an answer is wanted.
    pub reply: Option<&'a [u8]>,
    /// Header block and payload, without the line end.
    pub body: &'a [u8],
    /// How many bytes of `body` are the header block; 0 for `MSG`.
    pub header_len: usize,
    /// Where `body` starts in the input, for a reader that shares the buffer instead of copying.
    pub body_start: usize,
}

impl<'a> Delivery<'a> {
    /// The header block; empty if there is none.
    #[inline]
    pub fn headers(&self) -> &'a [u8] {
        &self.body[..self.header_len]
    }

    /// The payload, without the header block.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        &self.body[self.header_len..]
    }
}

/// The bounds that a client sets to what its server may send.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// The longest line, in bytes, verb and line end included.
    pub line_max: usize,
    /// The largest body, header block included, in bytes.
    pub payload_max: usize,
}

impl Default for ServerLimits {
    /// 64 KiB of line, for an INFO that names a thousand addresses, and 64 MiB of payload, the most
    /// that the reference server can be configured to pass on.
    fn default() -> Self {
        Self {
            line_max: 64 * 1024,
            payload_max: 64 * 1024 * 1024,
        }
    }
}

/// What a [`ServerParser`] made of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerStep<'a> {
    /// An operation, and how many bytes of input it was.
    Op {
        /// The operation.
        op: ServerOp<'a>,
        /// Its length; the next operation starts there.
        used: usize,
    },
    /// The input ends in the middle of an operation.
    More {
        /// How long the input must be before another look can help.
        need: usize,
    },
}

/// A resumable parser for the server's side of the wire.
#[derive(Debug, Default)]
pub struct ServerParser {
    /// How much of the current line is known to hold no line end; 0 at the start of one.
    scanned: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Message,
    MessageHeaders,
    Ping,
    Pong,
    Info,
    Ok,
    Err,
}

/// The verbs by name; the first match wins, none is the beginning of another.
const VERBS: [(&[u8], Verb); 7] = [
    (b"MSG", Verb::Message),
    (b"HMSG", Verb::MessageHeaders),
    (b"PING", Verb::Ping),
    (b"PONG", Verb::Pong),
    (b"INFO", Verb::Info),
    (b"+OK", Verb::Ok),
    (b"-ERR", Verb::Err),
];

impl ServerParser {
    /// Looks at `input`, which starts where the last operation ended.
    ///
    /// After [`ServerStep::More`] the next call must see the same bytes again and more behind them.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong. The connection is over then: where the next operation would
    /// start is not known.
    pub fn next<'a>(
        &mut self,
        input: &'a [u8],
        limits: &ServerLimits,
    ) -> Result<ServerStep<'a>, ParseError> {
        let found = match input {
            [b'M', b'S', b'G', ..] => {
                // Nearly every line.
                if let Some(step) = plain::delivery(input, limits) {
                    self.scanned = 0;
                    return Ok(step);
                }
                Some((Verb::Message, 3))
            }
            _ => find_verb(&VERBS, input)?,
        };
        let Some((verb, name_len)) = found else {
            return Ok(ServerStep::More {
                need: input.len() + 1,
            });
        };
        let Some(line_end) = self.find_line_end(input, limits)? else {
            return Ok(ServerStep::More {
                need: input.len() + 1,
            });
        };
        let args = arguments(&input[name_len..line_end]);
        let op = match verb {
            Verb::Message | Verb::MessageHeaders => {
                let step = message(verb, args?, line_end, input, limits)?;
                if matches!(step, ServerStep::Op { .. }) {
                    self.scanned = 0;
                }
                return Ok(step);
            }
            Verb::Ping => ServerOp::Ping,
            Verb::Pong => ServerOp::Pong,
            Verb::Ok => ServerOp::Ok,
            Verb::Info => ServerOp::Info(args?),
            Verb::Err => ServerOp::Err(unquoted(args?)),
        };
        self.scanned = 0;
        Ok(ServerStep::Op { op, used: line_end })
    }

    /// The position behind the first line feed, once there is one.
    fn find_line_end(
        &mut self,
        input: &[u8],
        limits: &ServerLimits,
    ) -> Result<Option<usize>, ParseError> {
        let from = self.scanned.min(input.len());
        let line_end = memchr(b'\n', &input[from..]).map(|at| from + at + 1);
        if line_end.unwrap_or(input.len()) > limits.line_max {
            return Err(ParseError::ControlLineTooLong);
        }
        // Kept behind the feed: a body that is not there yet must not make the line be searched
        // again from its start.
        self.scanned = line_end.map_or(input.len(), |end| end - 1);
        Ok(line_end)
    }
}

/// What stands behind the verb, without blanks at either end; it must be set off by one.
fn arguments(rest: &[u8]) -> Result<&[u8], ParseError> {
    match rest {
        [b' ' | b'\t', args @ ..] => Ok(args.trim_ascii()),
        _ => Err(ParseError::UnknownOperation),
    }
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"'").unwrap_or(text);
    text.strip_suffix(b"'").unwrap_or(text)
}

/// `MSG <subject> <sid> [reply] <size>` or `HMSG <subject> <sid> [reply] <header size> <size>`, and
/// the body.
fn message<'a>(
    verb: Verb,
    line: &'a [u8],
    line_end: usize,
    input: &'a [u8],
    limits: &ServerLimits,
) -> Result<ServerStep<'a>, ParseError> {
    let args = Args::split(line);
    let (subject, sid, reply, header_size, size) = match (verb, args.as_slice()) {
        (Verb::Message, &[subject, sid, size]) => (subject, sid, None, None, size),
        (Verb::Message, &[subject, sid, reply, size]) => (subject, sid, Some(reply), None, size),
        (Verb::MessageHeaders, &[subject, sid, header, size]) => {
            (subject, sid, None, Some(header), size)
        }
        (Verb::MessageHeaders, &[subject, sid, reply, header, size]) if has_five(line) => {
            (subject, sid, Some(reply), Some(header), size)
        }
        _ => return Err(ParseError::Malformed),
    };
    let body_len = parse_size(size).ok_or(ParseError::Malformed)?;
    let header_len = match header_size {
        Some(digits) => parse_size(digits).ok_or(ParseError::Malformed)?,
        None => 0,
    };
    if header_len > body_len {
        return Err(ParseError::Malformed);
    }
    if body_len > limits.payload_max {
        return Err(ParseError::PayloadTooLarge);
    }
    let body_end = line_end + body_len;
    let used = match input.get(body_end..).unwrap_or_default() {
        [b'\n', ..] => body_end + 1,
        [b'\r', b'\n', ..] => body_end + 2,
        [] => return Ok(ServerStep::More { need: body_end + 1 }),
        [b'\r'] => return Ok(ServerStep::More { need: body_end + 2 }),
        _ => return Err(ParseError::UnknownOperation),
    };
    let delivery = Delivery {
        subject,
        sid,
        reply,
        body: &input[line_end..body_end],
        header_len,
        body_start: line_end,
    };
    Ok(ServerStep::Op {
        op: ServerOp::Message(delivery),
        used,
    })
}

/// Whether `line` has no sixth argument behind the five that a split finds at most.
fn has_five(line: &[u8]) -> bool {
    let words = line.split(|&byte| is_blank(byte));
    words.filter(|word| !word.is_empty()).count() == 5
}

#[cfg(test)]
mod tests;
