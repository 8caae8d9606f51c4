//! What a client sent, cut into operations.
//!
//! In: all bytes received since the last operation ended. Out: the next operation, borrowing, or
//! how many more bytes are needed. Between two calls only a position is kept.
//!
//! ```text
//! PUB orders.eu 5⏎hello⏎     ⏎ is CR LF or LF, after the body too
//! ^   ^           ^
//! verb arguments  body, counted
//! ```

use memchr::memchr;

use super::args::{Args, find_verb};
use super::{Limits, Step, plain};
use crate::error::ParseError;
use crate::number::parse_size;
use crate::op::{ClientOp, Publish, Subscribe};

/// A resumable parser for the client's side of the wire.
#[derive(Debug, Default)]
pub struct ClientParser {
    /// How much of the current line is known to hold no line end; 0 at the start of one.
    scanned: usize,
    /// Set while the rest of a line that takes no arguments is thrown away.
    skipping: Option<Verb>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Publish,
    PublishHeaders,
    Ping,
    Pong,
    Subscribe,
    Unsubscribe,
    Connect,
    Info,
    Ok,
    Err,
}

/// The verbs by name; the first match wins, none is the beginning of another.
const VERBS: [(&[u8], Verb); 10] = [
    (b"PUB", Verb::Publish),
    (b"HPUB", Verb::PublishHeaders),
    (b"PING", Verb::Ping),
    (b"PONG", Verb::Pong),
    (b"SUB", Verb::Subscribe),
    (b"UNSUB", Verb::Unsubscribe),
    (b"CONNECT", Verb::Connect),
    (b"INFO", Verb::Info),
    (b"+OK", Verb::Ok),
    (b"-ERR", Verb::Err),
];

/// Where the arguments of a line stand in the input.
struct Line<'a> {
    args: &'a [u8],
    start: usize,
    end: usize, // Behind the line feed.
}

impl ClientParser {
    /// Looks at `input`, which starts where the last operation ended.
    ///
    /// After [`Step::More`] the next call must see the same bytes again (without those reported as
    /// used) and more behind them.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong. The connection is over then: where the next operation would
    /// start is not known.
    pub fn next<'a>(&mut self, input: &'a [u8], limits: &Limits) -> Result<Step<'a>, ParseError> {
        if let Some(verb) = self.skipping {
            return Ok(self.skip_line(verb, input, 0));
        }
        if let Some(step) = plain::publish(input, limits) {
            self.scanned = 0;
            return Ok(step);
        }
        let Some((verb, name_len)) = find_verb(&VERBS, input)? else {
            return Ok(Step::More {
                used: 0,
                need: input.len() + 1,
            });
        };
        if matches!(verb, Verb::Ping | Verb::Pong | Verb::Ok) {
            return Ok(self.skip_line(verb, input, name_len));
        }
        let Some(line) = self.find_line(verb, name_len, input, limits)? else {
            return Ok(Step::More {
                used: 0,
                need: input.len() + 1,
            });
        };
        let op = match verb {
            Verb::Publish | Verb::PublishHeaders => {
                let step = publish(verb, &line, input, limits)?;
                if matches!(step, Step::Op { .. }) {
                    self.scanned = 0;
                }
                return Ok(step);
            }
            Verb::Subscribe => subscribe(line.args)?,
            Verb::Unsubscribe => unsubscribe(line.args)?,
            Verb::Connect => ClientOp::Connect(line.args),
            Verb::Info => ClientOp::Info(line.args),
            Verb::Err => ClientOp::Err(line.args),
            Verb::Ping | Verb::Pong | Verb::Ok => unreachable!("handled above"),
        };
        self.scanned = 0;
        Ok(Step::Op { op, used: line.end })
    }

    /// `PING`, `PONG`, `+OK`: what stands behind the letters is ignored up to the line feed, and
    /// however much it is, none of it is kept.
    fn skip_line<'a>(&mut self, verb: Verb, input: &'a [u8], from: usize) -> Step<'a> {
        let Some(feed) = memchr(b'\n', &input[from..]) else {
            self.skipping = Some(verb);
            return Step::More {
                used: input.len(),
                need: 1,
            };
        };
        self.skipping = None;
        let op = match verb {
            Verb::Ping => ClientOp::Ping,
            Verb::Pong => ClientOp::Pong,
            _ => ClientOp::Ok,
        };
        Step::Op {
            op,
            used: from + feed + 1,
        }
    }

    /// The arguments behind the verb, once their line is whole.
    fn find_line<'a>(
        &mut self,
        verb: Verb,
        name_len: usize,
        input: &'a [u8],
        limits: &Limits,
    ) -> Result<Option<Line<'a>>, ParseError> {
        match input.get(name_len) {
            None => return Ok(None),
            Some(b' ' | b'\t') => {}
            Some(_) if matches!(verb, Verb::Connect | Verb::Info) => {} // JSON needs no blank.
            Some(_) => return Err(ParseError::UnknownOperation),
        }
        let blanks = input[name_len..]
            .iter()
            .take_while(|&&byte| byte == b' ' || byte == b'\t');
        let start = name_len + blanks.count();
        let from = self.scanned.max(start).min(input.len());
        let feed = memchr(b'\n', &input[from..]).map(|at| from + at);
        let unended = &input[start..feed.unwrap_or(input.len())];
        let args = unended.strip_suffix(b"\r").unwrap_or(unended);
        // Blanks before the arguments are not counted by the contract, but they are kept: bound them.
        if args.len() > limits.control_line_max || start > limits.control_line_max + name_len + 1 {
            return Err(ParseError::ControlLineTooLong);
        }
        match feed {
            Some(feed) => Ok(Some(Line {
                args,
                start,
                end: feed + 1,
            })),
            None => {
                self.scanned = input.len();
                Ok(None)
            }
        }
    }
}

fn subscribe(line: &[u8]) -> Result<ClientOp<'_>, ParseError> {
    let args = Args::split(line);
    let (subject, queue, sid) = match *args.as_slice() {
        [subject, sid] => (subject, None, sid),
        [subject, queue, sid] => (subject, Some(queue), sid),
        _ => return Err(ParseError::Malformed),
    };
    Ok(ClientOp::Subscribe(Subscribe {
        subject,
        queue,
        sid,
    }))
}

fn unsubscribe(line: &[u8]) -> Result<ClientOp<'_>, ParseError> {
    let args = Args::split(line);
    match *args.as_slice() {
        [sid] => Ok(ClientOp::Unsubscribe { sid, max: None }),
        [sid, max] => Ok(ClientOp::Unsubscribe {
            sid,
            max: parse_size(max),
        }),
        _ => Err(ParseError::Malformed),
    }
}

/// `PUB <subject> [reply] <size>` or `HPUB <subject> [reply] <header size> <size>`, and the body.
fn publish<'a>(
    verb: Verb,
    line: &Line<'a>,
    input: &'a [u8],
    limits: &Limits,
) -> Result<Step<'a>, ParseError> {
    let args = Args::split(line.args);
    let (subject, reply, header_size, size) = match (verb, args.as_slice()) {
        (Verb::Publish, &[subject, size]) => (subject, None, None, size),
        (Verb::Publish, &[subject, reply, size]) => (subject, Some(reply), None, size),
        (_, &[subject, header, size]) if verb != Verb::Publish => {
            (subject, None, Some(header), size)
        }
        (_, &[subject, reply, header, size]) if verb != Verb::Publish => {
            (subject, Some(reply), Some(header), size)
        }
        _ => return Err(ParseError::Malformed),
    };
    if header_size.is_some() && !limits.has_headers {
        return Err(ParseError::Malformed);
    }
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
    let body_end = line.end + body_len;
    let used = match input.get(body_end..).unwrap_or_default() {
        [b'\n', ..] => body_end + 1,
        [b'\r', b'\n', ..] => body_end + 2,
        [] => {
            return Ok(Step::More {
                used: 0,
                need: body_end + 1,
            });
        }
        [b'\r'] => {
            return Ok(Step::More {
                used: 0,
                need: body_end + 2,
            });
        }
        _ => return Err(ParseError::UnknownOperation),
    };
    let is_verbatim = used == body_end + 2
        && input[..line.end].ends_with(b"\r\n")
        && is_single_spaced(line.args, args.as_slice());
    let op = ClientOp::Publish(Publish {
        subject,
        reply,
        header_size,
        size,
        body: &input[line.end..body_end],
        header_len,
        verbatim: is_verbatim.then(|| &input[line.start + subject.len()..used]),
    });
    Ok(Step::Op { op, used })
}

/// Whether `line` is just `args` with one space between them.
fn is_single_spaced(line: &[u8], args: &[&[u8]]) -> bool {
    let mut at = 0;
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            if line.get(at) != Some(&b' ') {
                return false;
            }
            at += 1;
        }
        at += arg.len();
    }
    at == line.len()
}

#[cfg(test)]
mod tests;
