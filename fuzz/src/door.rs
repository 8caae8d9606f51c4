//! The text door: a session says the same whether its input comes at once or in pieces, and ends
//! at the same word.

use dunlin_server::sim::Core;

use crate::pieces::lengths;

/// What a client sends to a server; the first byte chooses the pieces.
pub fn door(data: &[u8]) {
    let Some((&seed, text)) = data.split_first() else {
        return;
    };
    let whole = answer(text, || text.len().max(1));
    let pieces = answer(text, lengths(seed));
    assert_eq!(whole, pieces, "whole and in pieces");
}

/// What one connection is told, and whether it is still open.
fn answer(text: &[u8], mut piece: impl FnMut() -> usize) -> (String, bool) {
    let mut core = Core::new();
    let connection = core.open();
    let mut rest = text;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
        core.feed(connection, now);
        rest = later;
    }
    let heard = core.heard(connection);
    let text = String::from_utf8_lossy(&heard).into_owned();
    (text, core.is_open(connection))
}
