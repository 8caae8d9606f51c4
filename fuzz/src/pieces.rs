//! One conversation, heard at once and heard in pieces.

use std::fmt::Debug;

use dunlin_protocol::ParseError;

/// What a parser answered.
pub(crate) enum Answer<Op> {
    Op { op: Op, used: usize },
    More { used: usize, need: usize },
}

/// What a parser made of everything: its operations, and what ended them.
pub(crate) type Heard<Op> = (Vec<Op>, Option<ParseError>);

/// Feeds `text` to a parser in pieces whose lengths `piece` gives, and holds it to its word: it
/// uses no more than it has, asks for more than it has, and needs what it asked for.
pub(crate) fn hear<'a, Op: Debug>(
    text: &'a [u8],
    mut next: impl FnMut(&'a [u8]) -> Result<Answer<Op>, ParseError>,
    mut piece: impl FnMut() -> usize,
) -> Heard<Op> {
    let (mut ops, mut start, mut end) = (Vec::new(), 0, 0);
    let mut promised = 0; // Before `end` is here, nothing but a wait may be answered.
    loop {
        end = (end + piece().max(1)).min(text.len());
        loop {
            let input = &text[start..end];
            match next(input) {
                Ok(Answer::Op { op, used }) => {
                    assert!((1..=input.len()).contains(&used), "used {used} for {op:?}");
                    assert!(end >= promised, "{op:?} came before it was due");
                    ops.push(op);
                    start += used;
                }
                Ok(Answer::More { used, need }) => {
                    assert!(used <= input.len(), "used {used} of {}", input.len());
                    start += used;
                    assert!(need > end - start, "needs {need} and has {}", end - start);
                    assert!(start + need >= promised, "needs less than it asked for");
                    promised = start + need;
                    break;
                }
                Err(error) => {
                    assert!(end >= promised, "{error} came before it was due");
                    return (ops, Some(error));
                }
            }
        }
        if end == text.len() {
            return (ops, None);
        }
    }
}

/// Lengths of pieces that depend on `seed` alone: mostly short, now and then long.
pub(crate) fn lengths(seed: u8) -> impl FnMut() -> usize {
    let mut state = u32::from(seed).wrapping_mul(2_654_435_761);
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let random = (state >> 16) as usize;
        match seed % 4 {
            0 => 1,
            1 => 1 + random % 4,
            2 => 1 + random % 40,
            _ => 1 + random % 3 * (random % 200),
        }
    }
}
