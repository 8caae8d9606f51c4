//! A WebSocket read in pieces, for the fuzz target: behind the feature `sim`.

use super::decode::Decoder;
use super::deflate::Pool;

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
