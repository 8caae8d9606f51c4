//! MQTT 3.1.1 at quality of service 0; subjects stand as topics of one level.

use anyhow::{Result, ensure};

use super::{Control, Cut, Frame};

/// Packet types, the upper half of the first byte.
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const SUBACK: u8 = 9;
const PINGRESP: u8 = 13;

/// CONNECT with a clean session and without keep-alive.
pub(super) fn hello(out: &mut Vec<u8>, name: &str) {
    out.push(0x10);
    length(out, 12 + name.len());
    out.extend_from_slice(b"\0\x04MQTT\x04\x02\0\0");
    text(out, name.as_bytes());
}

pub(super) fn subscribe(out: &mut Vec<u8>, filter: &[u8]) {
    out.push(0x82);
    length(out, 5 + filter.len());
    out.extend_from_slice(b"\0\x01");
    text(out, filter);
    out.push(0);
}

pub(super) fn publish(out: &mut Vec<u8>, subject: &[u8], payload: &[u8]) {
    out.push(PUBLISH << 4);
    length(out, 2 + subject.len() + payload.len());
    text(out, subject);
    out.extend_from_slice(payload);
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text);
}

/// Seven bits to a byte, the lowest first.
fn length(out: &mut Vec<u8>, mut length: usize) {
    while length > 127 {
        out.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
}

pub(super) fn cut(input: &[u8]) -> Result<Cut> {
    let (mut rest, mut head) = (0, 1);
    loop {
        let Some(&byte) = input.get(head) else {
            return Ok(Cut::More);
        };
        rest |= usize::from(byte & 127) << (7 * (head - 1));
        head += 1;
        if byte < 128 {
            break;
        }
        ensure!(head <= 4, "a length of more than four bytes");
    }
    let packet = input[0] >> 4;
    if packet == PUBLISH {
        let Some(topic) = input[head..].first_chunk() else {
            return Ok(Cut::More);
        };
        let subject = head + 2..head + 2 + usize::from(u16::from_be_bytes(*topic));
        if input.len() < subject.end {
            return Ok(Cut::More);
        }
        return Ok(Cut::Message(Frame {
            head: subject.end,
            payload: (head + rest).saturating_sub(subject.end),
            subject,
            reply: 0..0,
            sid: 0,
        }));
    }
    let Some(body) = input.get(head..head + rest) else {
        return Ok(Cut::More);
    };
    let is_refused = match packet {
        CONNACK => body.get(1) != Some(&0),
        SUBACK => body.last() == Some(&0x80),
        _ => false,
    };
    ensure!(!is_refused, "the server refuses: {body:?}");
    let control = match packet {
        PINGRESP => Control::Pong,
        _ => Control::Other,
    };
    Ok(Cut::Control(head + rest, control))
}
