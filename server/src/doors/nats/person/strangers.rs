//! Somebody who types and has not said who it is, where that is asked: only saying so, and help.
//!
//! Invariant: no payload is waited for, so nothing of what a stranger sends is kept but one line.

use dunlin_protocol::{HandParser, HandStep, Limits, Mistake, ParseError};

use super::begins_with_connect;
use crate::doors::nats::login::Standing;
use crate::doors::nats::session::TextSession;

/// The verbs of a stranger.
const ALLOWED: [&[u8]; 5] = [b"AUTH", b"HELP", b"?", b"QUIT", b"EXIT"];
/// How TLS begins.
const TLS: u8 = 0x16;

impl TextSession {
    /// Whether nothing may be done here before somebody says who it is.
    pub(super) fn must_log_in(&self) -> bool {
        matches!(self.standing, Standing::Stranger { .. })
            && self.terms.access(&self.way).guest(self.way.kind).is_none()
    }
}

/// The next line, if it is one that a stranger may say; anything else is a mistake.
pub(super) fn next<'a>(
    parser: &mut HandParser,
    input: &'a [u8],
    limits: &Limits,
) -> Result<HandStep<'a>, ParseError> {
    let start = input.iter().take_while(|byte| byte.is_ascii_whitespace());
    let start = start.count();
    let line = &input[start..];
    let feed = line.iter().position(|&byte| byte == b'\n');
    let word = line.split(u8::is_ascii_whitespace).next();
    let word = word.unwrap_or_default();
    let is_allowed = begins_with_connect(line) == Some(true)
        || ALLOWED.iter().any(|verb| verb.eq_ignore_ascii_case(word));
    match feed {
        Some(feed) if is_allowed || is_foreign(&line[..feed]) => {
            parser.next(&input[..start + feed + 1], limits)
        }
        Some(feed) => Ok(HandStep::Mistake {
            mistake: Mistake::UnknownVerb {
                verb: word,
                rest: b"",
            },
            used: start + feed + 1,
        }),
        None if line.first() == Some(&TLS) => parser.next(input, limits),
        None if line.len() > limits.control_line_max => Err(ParseError::ControlLineTooLong),
        None => Ok(HandStep::More {
            used: start,
            need: line.len() + 1,
            body: None,
        }),
    }
}

/// Whether `line` is TLS or HTTP, which are told so whoever sends them.
fn is_foreign(line: &[u8]) -> bool {
    let last = line.trim_ascii_end().rsplit(|&byte| byte == b' ').next();
    line.first() == Some(&TLS) || last.is_some_and(|word| word.starts_with(b"HTTP/"))
}
