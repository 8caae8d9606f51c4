//! What a person types, read with forgiveness.
//!
//! In: all bytes since the last line that was taken. Out: an operation, or what is wrong with the
//! line and at which word. Whatever the strict parser understands means here what it means there;
//! only what it refuses is looked at again. Source: protocol.md#by-hand.
//!
//! ```text
//!            strict parser ──▶ operation, or more to come
//! bytes ──▶       │ refuses
//!            the line as words ──▶ one of a person's own forms, or a mistake
//! ```

mod line;
mod meaning;
mod mistake;
mod quoted;

use memchr::memchr;

pub use mistake::Mistake;
pub use quoted::Quoted;

use crate::error::ParseError;
use crate::number::parse_size;
use crate::op::ClientOp;
use crate::parse::{ClientParser, Limits, Step};
use line::{Line, Verb};

/// Verb and blanks of a line may take this much beside its arguments, in bytes. A guess: nobody
/// types more.
const VERB_MAX: usize = 32;
/// The largest payload, in bytes, that is looked at each time a piece of it comes: as much as a
/// person might type.
const WATCHED_MAX: usize = 16 * 1024;

/// A resumable parser for lines that a person types.
#[derive(Debug, Default)]
pub struct HandParser {
    strict: ClientParser,
    /// The strict parser throws the rest of a line away: blanks are its to see.
    is_skipping: bool,
}

/// What a line turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandOp<'a> {
    /// What a program could have sent as well.
    Protocol(ClientOp<'a>),
    /// `PUB` or `HPUB` with its payload in quotes.
    Publish(Quoted<'a>),
    /// `REQ subject [reply] "text"`: a message that one answer is awaited for.
    Request(Quoted<'a>),
    /// `HELP [verb]`.
    Help(Option<&'a [u8]>),
    /// `VIEW on` or `VIEW off`.
    View(bool),
    /// `AUTH token`, or `AUTH user password`.
    Auth {
        /// Who it is; none for a token.
        user: Option<&'a [u8]>,
        /// The password or token.
        secret: &'a [u8],
    },
    /// `QUIT`.
    Quit,
    /// The first line of an HTTP request.
    Http,
    /// The beginning of a TLS handshake.
    Tls,
}

/// What the parser made of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandStep<'a> {
    /// An operation, and how many bytes of input it was.
    Op {
        /// The operation.
        op: HandOp<'a>,
        /// Its length, blank lines before it included.
        used: usize,
    },
    /// A line that means nothing, and how many bytes of input it was.
    Mistake {
        /// What is wrong with it.
        mistake: Mistake<'a>,
        /// Its length, and that of what it took for its payload.
        used: usize,
    },
    /// The input ends in the middle of something.
    More {
        /// How many bytes may be forgotten.
        used: usize,
        /// How long the input, from `used` on, must be before another look can help.
        need: usize,
        /// The payload that is waited for, if it is one that a person might type.
        body: Option<Body>,
    },
}

/// A payload that has not come whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// How many bytes it was said to have.
    pub size: usize,
    /// How many bytes have come, its line end among them.
    pub came: usize,
}

impl HandParser {
    /// Looks at `input`, which starts where the last step ended.
    ///
    /// # Errors
    ///
    /// What cannot be answered with a hint: a line without end, a payload over the limit, or bytes
    /// that nobody typed. The connection is over then.
    pub fn next<'a>(
        &mut self,
        input: &'a [u8],
        limits: &Limits,
    ) -> Result<HandStep<'a>, ParseError> {
        let blank = match self.is_skipping {
            true => 0,
            false => line::blanks(input),
        };
        let input = &input[blank..];
        if input.is_empty() {
            return Ok(more(blank, 1));
        }
        match self.strict.next(input, limits) {
            Ok(Step::Op { op, used }) => {
                self.is_skipping = false;
                Ok(HandStep::Op {
                    op: HandOp::Protocol(op),
                    used: blank + used,
                })
            }
            Ok(Step::More { used, need }) => {
                self.is_skipping = used > 0;
                Ok(wait(input, blank + used, need))
            }
            Err(ParseError::UnknownOperation | ParseError::Malformed) => {
                self.strict = ClientParser::default();
                read_again(input, limits).map(|step| step.moved(blank))
            }
            Err(error) => Err(error),
        }
    }
}

impl HandStep<'_> {
    /// The step with `skipped` bytes before it.
    fn moved(mut self, skipped: usize) -> Self {
        match &mut self {
            Self::Op { used, .. } | Self::Mistake { used, .. } | Self::More { used, .. } => {
                *used += skipped;
            }
        }
        self
    }
}

fn more<'a>(used: usize, need: usize) -> HandStep<'a> {
    HandStep::More {
        used,
        need,
        body: None,
    }
}

/// The strict parser waits. A payload that is short enough is watched as it comes.
fn wait<'a>(input: &[u8], used: usize, need: usize) -> HandStep<'a> {
    let Some(end) = memchr(b'\n', input) else {
        return more(used, need);
    };
    let size = Line::split(&input[..end]).last().and_then(parse_size);
    match size {
        Some(size) if size <= WATCHED_MAX => HandStep::More {
            used,
            need: input.len() + 1,
            body: Some(Body {
                size,
                came: input.len() - end - 1,
            }),
        },
        _ => more(used, need),
    }
}

/// What the strict parser refused: a form of a person's own, or a mistake.
fn read_again<'a>(input: &'a [u8], limits: &Limits) -> Result<HandStep<'a>, ParseError> {
    if let [0x16, 0x03, ..] = input {
        let (op, used) = (HandOp::Tls, input.len());
        return Ok(HandStep::Op { op, used });
    }
    if input == [0x16] {
        return Ok(more(0, 2));
    }
    let line_max = limits.control_line_max + VERB_MAX;
    // No further than a line may go, so that it makes no difference in which pieces it comes.
    if line::is_rubbish(&input[..input.len().min(line_max)]) {
        return Err(ParseError::UnknownOperation);
    }
    let feed = memchr(b'\n', input);
    if feed.unwrap_or(input.len()) > line_max {
        return Err(ParseError::ControlLineTooLong);
    }
    let Some(feed) = feed else {
        return Ok(more(0, input.len() + 1));
    };
    let line = Line::split(&input[..feed]);
    if line.is_http() {
        let (op, used) = (HandOp::Http, feed + 1);
        return Ok(HandStep::Op { op, used });
    }
    if line.verb() == Verb::Unknown && std::str::from_utf8(line.text).is_err() {
        return Err(ParseError::UnknownOperation);
    }
    match line.meaning() {
        Ok(op) => Ok(HandStep::Op { op, used: feed + 1 }),
        Err(Mistake::WrongLength { said, .. }) => miscounted(&line, said, feed + 1, input, limits),
        Err(mistake) => Ok(HandStep::Mistake {
            mistake,
            used: feed + 1,
        }),
    }
}

/// Behind a payload stands no line end: what came in its place ends with the line that it is in.
fn miscounted<'a>(
    line: &Line<'a>,
    said: usize,
    start: usize,
    input: &'a [u8],
    limits: &Limits,
) -> Result<HandStep<'a>, ParseError> {
    let tail = input.get(start + said..).unwrap_or_default();
    let feed = memchr(b'\n', tail);
    if feed.unwrap_or(tail.len()) > limits.control_line_max {
        return Err(ParseError::ControlLineTooLong);
    }
    let Some(feed) = feed else {
        return Ok(more(0, input.len() + 1));
    };
    let end = start + said + feed;
    let payload = &input[start..end];
    let payload = payload.strip_suffix(b"\r").unwrap_or(payload);
    Ok(HandStep::Mistake {
        mistake: Mistake::WrongLength {
            subject: line.word(2),
            said,
            payload,
        },
        used: end + 1,
    })
}

#[cfg(test)]
mod tests;
