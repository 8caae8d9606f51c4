//! Redis' protocol, version 2: what PUBLISH and SUBSCRIBE need.

use anyhow::{Context, Result, bail};

use super::{Control, Cut, Frame, line, number};

pub(super) fn subscribe(out: &mut Vec<u8>, filter: &[u8]) {
    command(out, &[b"SUBSCRIBE", filter]);
}

pub(super) fn publish(out: &mut Vec<u8>, subject: &[u8], payload: &[u8]) {
    command(out, &[b"PUBLISH", subject, payload]);
}

fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

pub(super) fn cut(input: &[u8]) -> Result<Cut> {
    let Some((text, used)) = line(input) else {
        return Ok(Cut::More);
    };
    let control = match text.first() {
        Some(b'*') => return array(input, text, used),
        Some(b'+') if text == b"+PONG" => Control::Pong,
        Some(b'+' | b':') => Control::Other,
        _ => bail!("the server says {}", String::from_utf8_lossy(text)),
    };
    Ok(Cut::Control(used, control))
}

/// `message channel payload`, or what answers SUBSCRIBE and PING there.
fn array(input: &[u8], text: &[u8], used: usize) -> Result<Cut> {
    let count = number(&text[1..]).context("an array of no length")?;
    let (mut at, mut kind, mut subject) = (used, &b""[..], 0..0);
    for item in 0..count {
        let Some((text, used)) = line(&input[at..]) else {
            return Ok(Cut::More);
        };
        at += used;
        let Some(digits) = text.strip_prefix(b"$") else {
            continue; // A number stands on its line.
        };
        let length = number(digits).context("a text of no length")?;
        if item == 2 && kind == b"message" {
            return Ok(Cut::Message(Frame {
                head: at,
                payload: length,
                subject,
                reply: 0..0,
                sid: 0,
            }));
        }
        if input.len() < at + length + 2 {
            return Ok(Cut::More);
        }
        match item {
            0 => kind = &input[at..at + length],
            1 => subject = at..at + length,
            _ => {}
        }
        at += length + 2;
    }
    let control = match kind {
        b"pong" => Control::Pong,
        _ => Control::Other,
    };
    Ok(Cut::Control(at, control))
}
