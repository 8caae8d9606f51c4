//! What of an outgoing buffer is worth keeping when its connection is lost.
//!
//! In: lines as they were written for one connection. Out: the publishes that the server cannot have
//! read whole. Everything else is made anew for the next connection, from the table.

use dunlin_protocol::{ClientOp, ClientParser, Limits, Step};

use crate::replies::Replies;

/// Publishes that were kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Their lines and bodies, in order.
    pub(crate) bytes: Vec<u8>,
    pub(crate) messages: u64,
    /// The tokens of the requests among them, ascending.
    pub(crate) tokens: Vec<u64>,
    /// How many were left out for their size.
    pub(crate) too_large: u64,
    /// The tokens of the requests among those.
    pub(crate) refused: Vec<u64>,
    /// Of each PING that was kept: whether the publish right before it was left out.
    pub(crate) pings: Vec<bool>,
}

impl Kept {
    /// Adds the publishes of `lines` that end behind `written`.
    ///
    /// One that was written in part is kept whole: the server throws away half a message.
    pub(crate) fn add_unsent(&mut self, lines: &[u8], written: usize, replies: &Replies) {
        let sieve = Sieve {
            written,
            payload_max: usize::MAX,
            keeps_pings: false,
        };
        self.add(lines, sieve, replies);
    }

    /// Adds the publishes of `lines` that are not larger than `payload_max`, and the PINGs.
    pub(crate) fn add_smaller(&mut self, lines: &[u8], payload_max: usize, replies: &Replies) {
        let sieve = Sieve {
            written: 0,
            payload_max,
            keeps_pings: true,
        };
        self.add(lines, sieve, replies);
    }

    fn add(&mut self, lines: &[u8], sieve: Sieve, replies: &Replies) {
        let limits = any_limits();
        let mut parser = ClientParser::default();
        let mut start = 0;
        let mut is_bereft = false; // Of the publish right before it.
        // The lines are our own: an error or a remainder cannot be, and would end the walk.
        while let Ok(Step::Op { op, used }) = parser.next(&lines[start..], &limits) {
            let end = start + used;
            let was_left_out = std::mem::take(&mut is_bereft);
            match op {
                _ if end <= sieve.written => {}
                ClientOp::Publish(publish) if publish.body.len() > sieve.payload_max => {
                    self.too_large += 1;
                    is_bereft = true;
                    self.refused
                        .extend(publish.reply.and_then(|reply| replies.token(reply)));
                }
                ClientOp::Publish(publish) => {
                    self.bytes.extend_from_slice(&lines[start..end]);
                    self.messages += 1;
                    self.tokens
                        .extend(publish.reply.and_then(|reply| replies.token(reply)));
                }
                ClientOp::Ping if sieve.keeps_pings => {
                    self.pings.push(was_left_out);
                    self.bytes.extend_from_slice(&lines[start..end]);
                }
                _ => {}
            }
            start = end;
        }
        self.tokens.sort_unstable();
    }
}

/// The first line of a buffer, with its body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct First {
    pub(crate) len: usize,
    pub(crate) is_publish: bool,
    /// Of a request.
    pub(crate) token: Option<u64>,
}

/// Looks at the first of `lines`, which are our own; none if there is none.
pub(crate) fn first(lines: &[u8], replies: &Replies) -> Option<First> {
    let step = ClientParser::default().next(lines, &any_limits());
    let Ok(Step::Op { op, used: len }) = step else {
        return None;
    };
    Some(match op {
        ClientOp::Publish(publish) => First {
            len,
            is_publish: true,
            token: publish.reply.and_then(|reply| replies.token(reply)),
        },
        _ => First {
            len,
            is_publish: false,
            token: None,
        },
    })
}

fn any_limits() -> Limits {
    Limits {
        control_line_max: ANY_LINE,
        payload_max: usize::MAX,
        has_headers: true,
    }
}

/// What falls through.
#[derive(Debug, Clone, Copy)]
struct Sieve {
    /// Lines that end before this are sent.
    written: usize,
    /// The largest body that is kept, in bytes.
    payload_max: usize,
    keeps_pings: bool,
}

/// No line is longer: what a caller may name is checked when it is written.
const ANY_LINE: usize = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "SUB a 1\r\nPUB a 1\r\nx\r\nPING\r\nHPUB b _INBOX.x.7 2 3\r\nhhy\r\nPONG\r\n\
        UNSUB 1 5\r\nPUB c 10\r\n0123456789\r\n";

    fn kept(written: usize) -> Kept {
        let mut kept = Kept::default();
        kept.add_unsent(LINES.as_bytes(), written, &Replies::new("_INBOX.x"));
        kept
    }

    #[test]
    fn only_publishes_are_kept_and_only_unsent_ones() {
        let (a, b, c) = (
            "PUB a 1\r\nx\r\n",
            "HPUB b _INBOX.x.7 2 3\r\nhhy\r\n",
            "PUB c 10\r\n0123456789\r\n",
        );
        let end_of_a = LINES.find("PING").unwrap();
        for (written, expected, tokens) in [
            (0, [a, b, c].concat(), vec![7]),
            (end_of_a - 1, [a, b, c].concat(), vec![7]),
            (end_of_a, [b, c].concat(), vec![7]),
            (LINES.find("PONG").unwrap(), c.to_owned(), vec![]),
            (LINES.len() - 1, c.to_owned(), vec![]),
            (LINES.len(), String::new(), vec![]),
        ] {
            let kept = kept(written);
            assert_eq!(
                String::from_utf8_lossy(&kept.bytes),
                expected,
                "{written} written"
            );
            assert_eq!(
                (kept.tokens, kept.too_large),
                (tokens, 0),
                "{written} written"
            );
        }
    }

    #[test]
    fn what_the_next_server_would_refuse_is_left_out() {
        let mut kept = Kept::default();
        kept.add_smaller(LINES.as_bytes(), 9, &Replies::new("_INBOX.x"));
        assert_eq!((kept.messages, kept.too_large), (2, 1));
        assert!(kept.bytes.windows(6).any(|bytes| bytes == b"PING\r\n"));
        assert_eq!((kept.pings, kept.refused), (vec![false], vec![]));
    }

    #[test]
    fn whoever_waits_for_what_is_left_out_is_known() {
        let lines = "PUB a 2\r\nxy\r\nPING\r\nPING\r\nPUB b 1\r\nx\r\nPING\r\n\
            PUB c _INBOX.x.7 2\r\nxy\r\n";
        let mut kept = Kept::default();
        kept.add_smaller(lines.as_bytes(), 1, &Replies::new("_INBOX.x"));
        assert_eq!(kept.pings, [true, false, false]);
        assert_eq!((kept.refused, kept.tokens), (vec![7], vec![]));
    }

    #[test]
    fn lines_are_cut_off_one_by_one() {
        let replies = Replies::new("_INBOX.x");
        let (mut rest, mut seen) = (LINES.as_bytes(), Vec::new());
        while let Some(first) = first(rest, &replies) {
            seen.push((first.is_publish, first.token));
            rest = &rest[first.len..];
        }
        let (line, publish) = ((false, None), (true, None));
        let request = (true, Some(7));
        assert_eq!(seen, [line, publish, line, request, line, line, publish]);
        assert!(rest.is_empty());
    }
}
