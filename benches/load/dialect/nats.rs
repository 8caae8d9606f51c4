//! Core NATS, the client's side.

use anyhow::{Result, bail, ensure};
use dunlin_protocol::{Connect, encode};

use super::{Control, Cut, Frame, line, number};

pub(super) fn hello(out: &mut Vec<u8>) {
    let connect = Connect {
        verbose: false,
        pedantic: false,
        headers: true,
        name: "load".to_owned(),
        lang: "rust".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Connect::default()
    };
    encode::connect(out, &connect);
}

pub(super) fn subscribe(out: &mut Vec<u8>, filter: &[u8], queue: Option<&str>, sid: u64) {
    encode::subscribe(out, filter, queue.map(str::as_bytes), sid);
}

pub(super) fn publish(out: &mut Vec<u8>, subject: &[u8], reply: Option<&[u8]>, payload: &[u8]) {
    let publication = encode::Publication {
        subject,
        reply,
        headers: None,
        payload,
    };
    encode::publish(out, &publication);
}

pub(super) fn cut(input: &[u8]) -> Result<Cut> {
    let Some((text, used)) = line(input) else {
        return Ok(Cut::More);
    };
    let control = match text.first() {
        Some(b'M') => return message(text, used),
        Some(b'P') if text == b"PING" => Control::Ping,
        Some(b'P') if text == b"PONG" => Control::Pong,
        Some(b'I' | b'+') => Control::Other,
        _ => bail!("the server says {}", String::from_utf8_lossy(text)),
    };
    Ok(Cut::Control(used, control))
}

/// `MSG subject sid [reply] size`.
fn message(text: &[u8], head: usize) -> Result<Cut> {
    let mut at = 0;
    let mut words = [0..0, 0..0, 0..0, 0..0, 0..0];
    let mut count = 0;
    for word in text.split(|&byte| byte == b' ') {
        ensure!(count < words.len(), "a MSG line of too many words");
        words[count] = at..at + word.len();
        at += word.len() + 1;
        count += 1;
    }
    let size = number(&text[words[count - 1].clone()]);
    let sid = number(&text[words[2].clone()]);
    let (4 | 5, Some(payload), Some(sid)) = (count, size, sid) else {
        bail!("not a message: {}", String::from_utf8_lossy(text));
    };
    Ok(Cut::Message(Frame {
        head,
        payload,
        subject: words[1].clone(),
        reply: if count == 5 { words[3].clone() } else { 0..0 },
        sid: sid as u64,
    }))
}
