//! The short cut for a message that is whole and written as programs write it, either way.
//!
//! ```text
//! PUB <subject> <size>␍␊<payload>␍␊      PUB <subject> <reply> <size>␍␊<payload>␍␊
//! MSG <subject> <sid> <size>␍␊<payload>␍␊      MSG <subject> <sid> <reply> <size>␍␊<payload>␍␊
//! ```
//!
//! Upper case, single spaces, CR LF twice, all of it there and within the limits. Anything else is
//! left to the parsers proper, whose answer for these lines is the same (tests compare them); this
//! one looks at each byte of the line once. Measured 2026-11: a publish that nobody listens to takes
//! half the time, 0.054 us instead of 0.111.

use super::{Delivery, Limits, ServerLimits, ServerOp, ServerStep, Step};
use crate::number::parse_size;
use crate::op::{ClientOp, Publish};

const VERB: &[u8] = b"PUB ";

/// The publish that `input` starts with, if it is a plain one.
pub(super) fn publish<'a>(input: &'a [u8], limits: &Limits) -> Option<Step<'a>> {
    if !input.starts_with(VERB) {
        return None;
    }
    let subject_end = token_end(input, VERB.len())?;
    let second_end = token_end(input, subject_end + 1)?;
    let (reply, size_start, size_end) = match input[second_end] {
        b' ' => {
            let reply = &input[subject_end + 1..second_end];
            (
                Some(reply),
                second_end + 1,
                token_end(input, second_end + 1)?,
            )
        }
        _ => (None, subject_end + 1, second_end),
    };
    let (subject, size) = (
        &input[VERB.len()..subject_end],
        &input[size_start..size_end],
    );
    let has_blanks = input[subject_end] == b' ' && !subject.is_empty() && reply != Some(b"");
    let body_len = parse_size(size)?;
    let body_start = size_end + 2;
    let body_end = body_start + body_len;
    let is_plain = has_blanks
        && input[size_end] == b'\r'
        && input.get(size_end + 1) == Some(&b'\n')
        && input.get(body_end..body_end + 2) == Some(b"\r\n")
        && size_end - VERB.len() <= limits.control_line_max
        && body_len <= limits.payload_max;
    if !is_plain {
        return None;
    }
    let publish = Publish {
        subject,
        reply,
        header_size: None,
        size,
        body: &input[body_start..body_end],
        header_len: 0,
        verbatim: Some(&input[subject_end..body_end + 2]),
    };
    Some(Step::Op {
        op: ClientOp::Publish(publish),
        used: body_end + 2,
    })
}

/// The message that `input`, which starts with `MSG`, starts with, if it is a plain one.
pub(super) fn delivery<'a>(input: &'a [u8], limits: &ServerLimits) -> Option<ServerStep<'a>> {
    const SUBJECT_START: usize = b"MSG ".len();
    let subject_end = token_end(input, SUBJECT_START)?;
    let sid_end = token_end(input, subject_end + 1)?;
    let third_end = token_end(input, sid_end + 1)?;
    let (reply, size_start, size_end) = match input[third_end] {
        b' ' => {
            let reply = &input[sid_end + 1..third_end];
            (Some(reply), third_end + 1, token_end(input, third_end + 1)?)
        }
        _ => (None, sid_end + 1, third_end),
    };
    let (subject, sid) = (
        &input[SUBJECT_START..subject_end],
        &input[subject_end + 1..sid_end],
    );
    let has_blanks = input[SUBJECT_START - 1] == b' '
        && input[subject_end] == b' '
        && input[sid_end] == b' '
        && !subject.is_empty()
        && !sid.is_empty()
        && reply != Some(b"");
    let body_len = parse_size(&input[size_start..size_end])?;
    let body_start = size_end + 2;
    let body_end = body_start + body_len;
    let is_plain = has_blanks
        && input[size_end] == b'\r'
        && input.get(size_end + 1) == Some(&b'\n')
        && input.get(body_end..body_end + 2) == Some(b"\r\n")
        && body_start <= limits.line_max
        && body_len <= limits.payload_max;
    if !is_plain {
        return None;
    }
    let delivery = Delivery {
        subject,
        sid,
        reply,
        body: &input[body_start..body_end],
        header_len: 0,
        body_start,
    };
    Some(ServerStep::Op {
        op: ServerOp::Message(delivery),
        used: body_end + 2,
    })
}

/// Where the token that starts at `from` ends: at the first blank, control character or space.
///
/// Eight bytes at a time: a byte below `!` leaves its top bit set after `!` was taken from it, and
/// one that had it set before does not count. The lowest such bit is always a true one.
fn token_end(input: &[u8], from: usize) -> Option<usize> {
    const LOW: u64 = 0x2121_2121_2121_2121;
    const TOP: u64 = 0x8080_8080_8080_8080;
    let mut at = from;
    while let Some(bytes) = input.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*bytes);
        let below = word.wrapping_sub(LOW) & !word & TOP;
        if below != 0 {
            return Some(at + (below.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let rest = input.get(at..)?;
    rest.iter()
        .position(|&byte| byte < b'!')
        .map(|end| at + end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::ServerParser;

    fn subject_of(input: &[u8]) -> Option<&[u8]> {
        match publish(input, &Limits::default()) {
            Some(Step::Op {
                op: ClientOp::Publish(publish),
                ..
            }) => Some(publish.subject),
            _ => None,
        }
    }

    #[test]
    fn plain_lines_are_taken() {
        for line in [
            "PUB a 0\r\n\r\n",
            "PUB a.b.c.d.e.f.g 2\r\nhi\r\n",
            "PUB \u{e9}t\u{e9} r 2\r\nhi\r\nPING",
        ] {
            assert!(subject_of(line.as_bytes()).is_some(), "{line:?}");
        }
    }

    #[test]
    fn anything_else_is_left_alone() {
        for line in [
            "",
            "PUB ",
            "PUB a",
            "PUB a ",
            "PUB a 2",
            "PUB a 2\r",
            "PUB a 2\r\nhi",
            "PUB a 2\r\nhi\r",
            "PUB a 2\r\nhi\n",
            "PUB a 2\nhi\r\n",
            "PUB  a 2\r\nhi\r\n",
            "PUB a  2\r\nhi\r\n",
            "PUB a 2 \r\nhi\r\n",
            "PUB a\t2\r\nhi\r\n",
            "PUB a r  2\r\nhi\r\n",
            "PUB a r s 2\r\nhi\r\n",
            "pub a 2\r\nhi\r\n",
            "PUB a -2\r\nhi\r\n",
            "PUB a 0000000002\r\nhi\r\n",
            "PUB a 2\r\nhix\r\n",
            "PUB a\r\n2\r\nhi\r\n",
        ] {
            assert_eq!(subject_of(line.as_bytes()), None, "{line:?}");
        }
        let tight = Limits {
            payload_max: 1,
            ..Limits::default()
        };
        assert_eq!(publish(b"PUB a 2\r\nhi\r\n", &tight), None);
        let tight = Limits {
            control_line_max: 2,
            ..Limits::default()
        };
        assert_eq!(publish(b"PUB a 2\r\nhi\r\n", &tight), None);
    }

    #[test]
    fn a_plain_delivery_is_what_the_parser_proper_makes_of_it() {
        let wide = ServerLimits::default();
        let tight = ServerLimits {
            line_max: 12,
            payload_max: 1,
        };
        for (line, is_plain) in [
            ("MSG a 7 0\r\n\r\n", true),
            ("MSG a.b.c.d.e.f.g 12345678 2\r\nhi\r\n", true),
            ("MSG \u{e9}t\u{e9} 1 _INBOX.x.y 2\r\nhi\r\nPING", true),
            ("MSG a 7 2\r\nhi\n", false),
            ("MSG a 7 2\nhi\r\n", false),
            ("MSG a  7 2\r\nhi\r\n", false),
            ("MSG a 7 2 \r\nhi\r\n", false),
            ("MSG a 7 r  2\r\nhi\r\n", false),
            ("MSG a 7 r s 2\r\nhi\r\n", false),
            ("MSG a\t7 2\r\nhi\r\n", false),
            ("MSG\ta 7 2\r\nhi\r\n", false),
            ("MSG a 7 2\r\nhix\r\n", false),
            ("MSG a\r\n7 2\r\nhi\r\n", false),
            ("MSG a 7 -2\r\nhi\r\n", false),
            ("MSG a 7 2\r\nhi\r", false),
            ("MSG a 2\r\nhi\r\n", false),
            ("MSG", false),
            ("MSGa 7 2\r\nhi\r\n", false),
        ] {
            let found = delivery(line.as_bytes(), &wide);
            assert_eq!(found.is_some(), is_plain, "{line:?}");
            if let Some(found) = found {
                let small = line.replacen("MSG", "msg", 1);
                let proper = ServerParser::default().next(small.as_bytes(), &wide);
                assert_eq!(Ok(found), proper, "{line:?}");
                let is_small = line.len() <= 13;
                let found = delivery(line.as_bytes(), &tight);
                assert_eq!(found.is_some(), is_small, "{line:?}");
            }
        }
    }

    #[test]
    fn a_token_ends_at_its_first_blank_wherever_it_stands() {
        for before in 0..20 {
            for blank in [b' ', b'\t', b'\r', b'\n', 0] {
                let mut line = vec![0xff; before];
                line.push(blank);
                line.extend_from_slice(b"after \xff\x80 more and more");
                assert_eq!(token_end(&line, 0), Some(before));
            }
        }
        assert_eq!(token_end(b"abc", 0), None);
        assert_eq!(token_end(b"abc", 7), None);
    }
}
