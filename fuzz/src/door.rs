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
    (steady(&heard), core.is_open(connection))
}

/// What was heard, but for what is another each time: where the answer to a `REQ` is awaited, the
/// time that `VIEW` shows, and what the server tells of itself.
fn steady(heard: &[u8]) -> String {
    let text = String::from_utf8_lossy(heard);
    let mut parts = text.split(INBOX);
    let mut steady = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        steady.push_str(INBOX);
        steady.push_str(
            part.trim_start_matches(|it: char| it.is_ascii_alphanumeric() || "-_".contains(it)),
        );
    }
    if steady.contains(ABOUT_SERVER) {
        return String::new();
    }
    let mut at = 0;
    while at + TIME.len() <= steady.len() {
        let is_time = steady.as_bytes()[at..]
            .iter()
            .zip(TIME)
            .all(|(it, wanted)| match wanted {
                b'0' => it.is_ascii_digit(),
                _ => it == wanted,
            });
        if is_time {
            steady.replace_range(at..at + TIME.len(), "now");
        }
        at += 1;
    }
    steady
}

const INBOX: &str = "_INBOX.";
/// A time as `VIEW` shows it; a 0 stands for any digit.
const TIME: &[u8] = b"00:00:00.000Z";
/// What stands in the answer to `$SYS.REQ.USER.INFO`, which tells the time.
const ABOUT_SERVER: &str = "\"jetstream\":";

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_another_each_time_is_left_out() {
        let heard = b"  09:41:07.120Z  _INBOX.a8-_f.b  9:41 \xff 1:1:1.1Z\r\n_INBOX.";
        let steady = super::steady(heard);
        assert_eq!(
            steady,
            "  now  _INBOX..b  9:41 \u{fffd} 1:1:1.1Z\r\n_INBOX."
        );
    }
}
