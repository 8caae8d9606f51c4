//! The short cut for a publish that is whole and written as programs write it.
//!
//! ```text
//! PUB <subject> <size>␍␊<payload>␍␊      PUB <subject> <reply> <size>␍␊<payload>␍␊
//! ```
//!
//! Upper case, single spaces, CR LF twice, all of it there and within the limits. Anything else is
//! left to the parser proper, whose answer for these lines is the same (a test compares them); this
//! one looks at each byte of the line once. Measured 2026-11: a publish that nobody listens to takes
//! half the time, 0.054 us instead of 0.111.

use super::{Limits, Step};
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
