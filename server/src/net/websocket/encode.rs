//! What the server sends: binary frames without a mask.
//!
//! Every frame is a message of its own, so that a browser hands it on at once; only a compressed
//! message for a browser is cut into fragments.

use std::io::IoSlice;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The longest header without a mask: two bytes, and eight of length.
const HEADER_MAX: usize = 10;

/// The header of a frame.
pub(super) struct Header {
    bytes: [u8; HEADER_MAX],
    len: usize,
}

impl Header {
    /// Of a frame that is a message.
    pub(super) fn of_message(len: usize) -> Self {
        Self::new(OpCode::Data(Data::Binary), true, false, len)
    }

    fn new(opcode: OpCode, is_final: bool, is_compressed: bool, len: usize) -> Self {
        let header = FrameHeader {
            is_final,
            rsv1: is_compressed,
            opcode,
            ..FrameHeader::default()
        };
        let mut bytes = [0; HEADER_MAX];
        let room = bytes.len();
        let mut rest = &mut bytes[..];
        // There is room for the longest header, and memory takes everything.
        let _ = header.format(len as u64, &mut rest);
        let len = room - rest.len();
        Self { bytes, len }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Appends the first `len` bytes of `parts` as messages of at most `frame_max` bytes.
pub(super) fn messages(parts: &[IoSlice<'_>], len: usize, frame_max: usize, out: &mut Vec<u8>) {
    let headers = len.div_ceil(frame_max) * HEADER_MAX;
    out.reserve(len + headers);
    let (mut left, mut room) = (len, 0);
    for part in parts {
        let mut rest = &part[..part.len().min(left)];
        while !rest.is_empty() {
            if room == 0 {
                room = left.min(frame_max);
                out.extend_from_slice(Header::of_message(room).as_bytes());
            }
            let (now, later) = rest.split_at(rest.len().min(room));
            out.extend_from_slice(now);
            room -= now.len();
            left -= now.len();
            rest = later;
        }
    }
}

/// Appends one compressed message in fragments of at most `frame_max` bytes.
pub(super) fn compressed(message: &[u8], frame_max: usize, out: &mut Vec<u8>) {
    let count = message.len().div_ceil(frame_max);
    out.reserve(message.len() + count * HEADER_MAX);
    for (at, fragment) in message.chunks(frame_max).enumerate() {
        let (kind, is_first) = match at {
            0 => (Data::Binary, true),
            _ => (Data::Continue, false),
        };
        let header = Header::new(
            OpCode::Data(kind),
            at + 1 == count,
            is_first,
            fragment.len(),
        );
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(fragment);
    }
}

/// Appends a control frame; `body` has at most 125 bytes.
pub(super) fn control(kind: Control, body: &[u8], out: &mut Vec<u8>) {
    let header = Header::new(OpCode::Control(kind), true, false, body.len());
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(body);
}
