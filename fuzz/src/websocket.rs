//! WebSocket frames: the same messages whole and in pieces, and never more than was agreed on.

use dunlin_server::sim::unframe;

use crate::pieces::lengths;

/// How much a compressed message may become, in bytes.
const INFLATED_MAX: u64 = 10_000;

/// What a client sends behind the handshake; the first byte chooses the pieces, and with its highest
/// bit whether compression was agreed on.
pub fn websocket(data: &[u8]) {
    let Some((&seed, text)) = data.split_first() else {
        return;
    };
    let inflated_max = (seed & 128 > 0).then_some(INFLATED_MAX);
    let whole = unframe(text, inflated_max, || 64 * 1024);
    let pieces = unframe(text, inflated_max, lengths(seed));
    assert_eq!(whole.1, pieces.1, "control frames, whole and in pieces");
    // A compressed message may be broken and too long: which is seen first is nobody's right.
    assert_eq!(
        whole.2.is_some(),
        pieces.2.is_some(),
        "{:?}, {:?}",
        whole.2,
        pieces.2
    );
    if whole.2.is_none() {
        assert_eq!(whole.0, pieces.0, "messages, whole and in pieces");
    } else {
        // How much of a broken message is handed on is nobody's right.
        let shared = whole.0.len().min(pieces.0.len());
        assert_eq!(whole.0[..shared], pieces.0[..shared], "as far as both go");
    }
    // A frame takes six bytes at least, and may begin a message of its own.
    let messages = text.len() as u64 / 6 + 1;
    let bound = inflated_max.map_or(text.len() as u64, |max| max * messages);
    assert!(
        whole.0.len() as u64 <= bound,
        "{} bytes from {}",
        whole.0.len(),
        text.len()
    );
}
