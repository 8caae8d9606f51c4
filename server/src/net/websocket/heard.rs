//! A WebSocket read in pieces, for the fuzz target: behind the feature `sim`.

use super::decode::Decoder;
use super::deflate::Pool;
use super::handshake;
use super::origin::Place;
use super::rules::{CookieNames, Rules};

/// What was read: the bytes of messages, what control frames asked for, and what was wrong.
pub(crate) type Heard = (Vec<u8>, Vec<String>, Option<String>);

/// Reads `text` in pieces whose lengths `piece` gives, into buffers whose lengths it gives too.
/// Where `inflated_max` is given, compression was agreed on, and no message may become longer.
pub(crate) fn heard(
    text: &[u8],
    inflated_max: Option<u64>,
    mut piece: impl FnMut() -> usize,
) -> Heard {
    let inflation = inflated_max.map(|max| (Pool::new(), max));
    let mut decoder = Decoder::new(true, inflation);
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    let (mut start, mut end) = (0, 0);
    while end < text.len() {
        end = (end + piece().max(1)).min(text.len());
        loop {
            let mut room = vec![0; piece().max(1)];
            let done = match decoder.decode(&text[start..end], &mut room) {
                Ok(done) => done,
                Err(violation) => return (bytes, events, Some(format!("{violation:?}"))),
            };
            assert!(done.used <= end - start, "used what is not there");
            assert!(done.written <= room.len(), "wrote where no room is");
            start += done.used;
            bytes.extend_from_slice(&room[..done.written]);
            let is_stuck = done.used + done.written == 0 && done.event.is_none();
            events.extend(done.event.map(|event| format!("{event:?}")));
            if is_stuck && !decoder.is_broken() {
                break;
            }
        }
    }
    (bytes, events, None)
}

/// What is answered to a request so far, with its status, 0 for no word at all; none while more of
/// it must come. Every rule is in force.
pub(crate) fn answer(text: &[u8]) -> Option<(u16, Vec<u8>)> {
    let rules = Rules {
        same_origin: true,
        allowed_origins: Place::parse("http://a.example").into_iter().collect(),
        has_compression: true,
        cookies: CookieNames {
            user: Some("user".to_owned()),
            ..CookieNames::default()
        },
        ..Rules::default()
    };
    let answer = match handshake::read(text, &rules) {
        Ok(agreement) => agreement?.answer,
        Err(refusal) => refusal.answer(),
    };
    let status = answer
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    Some((
        status.and_then(|digits| digits.parse().ok()).unwrap_or(0),
        answer,
    ))
}
