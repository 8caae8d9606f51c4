//! What waits for one party, by subscription: read out of the text that waits, when somebody asks,
//! or when it is dropped.
//!
//! Nothing is counted for this when a message is queued. Whoever asks pays, in proportion to what it
//! looks at, and holds nobody up: the text is copied out chunk by chunk.

use std::time::Instant;

use dunlin_protocol::number::parse_size;

use super::Party;
use crate::link::{Queued, Sight, Waiting};

/// What a status line of the server begins with: an answer, and no delivery.
const NO_RESPONDERS: &[u8] = b"NATS/1.0 503\r\n";

/// The subscription of one party for which the most waits.
pub(crate) struct Busiest {
    pub(crate) filter: Box<[u8]>,
    pub(crate) waiting: Waiting,
}

impl Party {
    /// What waits for its subscriptions, among the oldest `bytes_max` bytes of text.
    pub(crate) fn queued(&self, bytes_max: usize, now: Instant) -> Queued {
        let mut queued = Queued::default();
        if let Some(outbox) = self.outbox() {
            outbox.show(bytes_max, now, &mut |sight| read_text(sight, &mut queued));
        }
        queued
    }
}

impl Queued {
    /// The subscription of `party` for which the most waits, or else that received the most.
    pub(crate) fn busiest(&self, party: &Party) -> Option<Busiest> {
        let known = party.subscriptions().into_iter();
        let waiting = |sid: &[u8]| self.by_sid.get(sid).copied().unwrap_or_default();
        let busiest = known
            .map(|it| (waiting(it.sid()), it))
            .max_by_key(|(waiting, it)| (waiting.bytes, it.delivered()));
        busiest.map(|(waiting, it)| Busiest {
            filter: it.filter().into(),
            waiting,
        })
    }
}

/// Adds the messages of `sight` to `queued`, but for what of them has gone out.
pub(crate) fn read_text(sight: &Sight, queued: &mut Queued) {
    let Sight { text, sent, .. } = sight;
    queued.looked_at += text.len();
    let end = text.len() + sight.rest;
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let line = match text[at..].iter().position(|byte| *byte == b'\n') {
            Some(len) => &text[at..=at + len],
            None => &text[at..], // The rest of the line is shared, like the payload.
        };
        at += line.len();
        let Some((sid, size)) = delivery(line) else {
            continue; // What the server says is for no subscription.
        };
        let is_answer = text[at..].starts_with(NO_RESPONDERS);
        at = size.map_or(end, |size| (at + size + b"\r\n".len()).min(end));
        if at > *sent && !is_answer {
            queued.count(sid, at - start.max(*sent), sight.age);
        }
    }
}

/// Sid and size of a delivery: `MSG <subject> <sid> [reply] <size>` or
/// `HMSG <subject> <sid> [reply] <header size> <size>`; no size where the line is not whole.
fn delivery(line: &[u8]) -> Option<(&[u8], Option<usize>)> {
    let whole = line.strip_suffix(b"\n");
    let mut words = whole
        .unwrap_or(line)
        .trim_ascii_end()
        .split(|byte| *byte == b' ');
    let verb = words.next()?;
    if verb != b"MSG" && verb != b"HMSG" {
        return None;
    }
    let sid = words.nth(1)?;
    if whole.is_none() {
        return Some((sid, None));
    }
    Some((sid, Some(parse_size(words.next_back()?)?)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(text: &str, sent: usize, rest: usize, expected: &[(&str, u64, u64)]) {
        let mut queued = Queued::default();
        let sight = Sight {
            text: text.as_bytes().to_vec(),
            sent,
            rest,
            age: Duration::from_secs(3),
        };
        read_text(&sight, &mut queued);
        let mut found: Vec<_> = queued.by_sid.iter().collect();
        found.sort_by_key(|(sid, _)| (*sid).clone());
        let found: Vec<_> = found
            .iter()
            .map(|(sid, it)| (std::str::from_utf8(sid).unwrap(), it.messages, it.bytes))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn messages_are_counted_for_their_subscriptions() {
        check("MSG a 1 2\r\nhi\r\n", 0, 0, &[("1", 1, 15)]);
        let both =
            "MSG a 1 2\r\nhi\r\nHMSG b 22 inbox 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG a 1 r 0\r\n\r\n";
        check(both, 0, 0, &[("1", 2, 30), ("22", 1, 39)]);
        check(
            "INFO {}\r\nPONG\r\nMSG a 1 0\r\n\r\n",
            0,
            0,
            &[("1", 1, 13)],
        );
        check("+OK\r\n12:00 a\r\n  MSG a 1 5\r\n", 0, 0, &[]);
        check("", 0, 0, &[]);
    }

    #[test]
    fn what_has_gone_out_is_not_counted() {
        let two = "MSG a 1 2\r\nhi\r\nMSG a 2 2\r\nhi\r\n";
        check(two, 0, 0, &[("1", 1, 15), ("2", 1, 15)]);
        check(two, 14, 0, &[("1", 1, 1), ("2", 1, 15)]);
        check(two, 15, 0, &[("2", 1, 15)]);
        check(two, 16, 0, &[("2", 1, 14)]);
    }

    #[test]
    fn a_payload_behind_the_text_belongs_to_its_head() {
        check("MSG a 1 20000\r\n", 0, 20_002, &[("1", 1, 20_017)]);
        check("MSG a 1 20000\r\n", 15, 20_002, &[("1", 1, 20_002)]);
        check("MSG a 1 20000\r\nxxx", 0, 0, &[("1", 1, 18)]);
        check("MSG a 1 99999999999\r\n", 0, 5, &[]);
        check(
            "MSG a 1 0\r\n\r\nMSG b.c 22",
            0,
            20_009,
            &[("1", 1, 13), ("22", 1, 20_019)],
        );
        check("HMSG a 1", 8, 20_009, &[("1", 1, 20_009)]);
    }

    #[test]
    fn an_answer_of_the_server_is_no_message() {
        let answer = "HMSG r 9 35 35\r\nNATS/1.0 503\r\nNats-Subject: abc\r\n\r\n\r\n";
        let text = format!("{answer}MSG r 9 2\r\nhi\r\n");
        check(&text, 0, 0, &[("9", 1, 15)]);
    }
}
