//! What a client sends: frames in, the bytes of its messages out.
//!
//! ```text
//! [fin rsv1-3 opcode][mask? length][length 16/64][mask 4] payload …
//! ```
//!
//! Payload is handed on as it comes, in pieces: where a frame or a message ends means nothing to
//! what is above. So a frame of any length takes no memory, and a compressed message only the
//! window of its inflater. Source: RFC 6455, section 5; RFC 7692.

use std::io::Cursor;
use std::sync::Arc;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::deflate::{Inflater, Pool};
use super::status::Violation;

/// The longest header: two bytes, eight of length, four of mask.
const HEADER_MAX: usize = 14;
/// The longest payload of a control frame. RFC 6455, section 5.5.
const CONTROL_MAX: u64 = 125;
/// How much of a compressed message is unmasked at a time.
const PIECE_LEN: usize = 4096;

/// One connection's frames, as far as they have come.
pub(super) struct Decoder {
    is_masked: bool,
    /// Where compression was agreed on: who inflates, and how much a message may become.
    inflation: Option<(Arc<Pool>, u64)>,
    step: Step,
    /// The message under way, which control frames may interrupt.
    message: Option<Message>,
    /// What is wrong with what comes next, while what came before is handed on.
    broken: Option<Violation>,
}

/// What comes next.
enum Step {
    Header {
        bytes: [u8; HEADER_MAX],
        len: usize,
    },
    Payload {
        left: u64,
        mask: Mask,
    },
    Control {
        kind: Control,
        left: usize,
        mask: Mask,
        body: Vec<u8>,
    },
    /// The last byte of a compressed message has come, but not all it becomes has gone.
    Tail,
}

struct Message {
    /// The frame under way is its last.
    is_final: bool,
    /// Apart, since it is as large as all the rest, and rarely there.
    inflater: Option<Box<Inflater>>,
}

/// What was made of some input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// How much of the input is done with.
    pub(super) used: usize,
    /// How much of the output is filled; if all of it is, there may be more without more input.
    pub(super) written: usize,
    pub(super) event: Option<Event>,
}

/// What a control frame asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Ping(Vec<u8>),
    /// The body of a close frame: nothing, or a status and a text.
    Close(Vec<u8>),
}

impl Decoder {
    pub(super) fn new(is_masked: bool, inflation: Option<(Arc<Pool>, u64)>) -> Self {
        Self {
            is_masked,
            inflation,
            step: Step::NEXT,
            message: None,
            broken: None,
        }
    }

    /// Whether the next call will fail, though the last one had something to give.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Takes from `input` what fits into `output`; stops at an event.
    ///
    /// # Errors
    ///
    /// The input is no WebSocket; nothing of it can be trusted any more.
    pub(super) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded, Violation> {
        let mut done = Decoded {
            used: 0,
            written: 0,
            event: None,
        };
        if let Some(violation) = self.broken {
            return Err(violation);
        }
        loop {
            let before = std::mem::discriminant(&self.step);
            let (rest, room) = (&input[done.used..], &mut output[done.written..]);
            match self.advance(rest, room) {
                Ok(more) => {
                    done.used += more.used;
                    done.written += more.written;
                    done.event = more.event;
                    let has_moved = more.used + more.written > 0
                        || before != std::mem::discriminant(&self.step);
                    if !has_moved || done.event.is_some() {
                        return Ok(done);
                    }
                }
                Err(violation) => {
                    self.broken = Some(violation);
                    return if done.written > 0 {
                        Ok(done)
                    } else {
                        Err(violation)
                    };
                }
            }
        }
    }

    /// One step.
    fn advance(&mut self, rest: &[u8], room: &mut [u8]) -> Result<Decoded, Violation> {
        let (used, written, event) = match &mut self.step {
            Step::Header { bytes, len } => {
                let (used, header) = read_header(bytes, len, rest)?;
                if let Some((header, length)) = header {
                    self.begin(&header, length)?;
                }
                (used, 0, None)
            }
            Step::Payload { .. } | Step::Tail => {
                let (used, written) = self.payload(rest, room)?;
                (used, written, None)
            }
            Step::Control { .. } => {
                let (used, event) = self.control(rest)?;
                (used, 0, event)
            }
        };
        Ok(Decoded {
            used,
            written,
            event,
        })
    }

    /// Begins the frame of `header`.
    fn begin(&mut self, header: &FrameHeader, length: u64) -> Result<(), Violation> {
        if header.mask.is_some() != self.is_masked {
            return Err(Violation::Masking);
        }
        if header.rsv2 || header.rsv3 {
            return Err(Violation::ReservedBits);
        }
        if length > i64::MAX as u64 {
            return Err(Violation::Length);
        }
        let mask = Mask::new(header.mask.unwrap_or_default());
        self.step = match header.opcode {
            OpCode::Control(kind) => {
                if !header.is_final || header.rsv1 || length > CONTROL_MAX {
                    return Err(Violation::Control);
                }
                Step::Control {
                    kind,
                    left: length as usize,
                    mask,
                    body: Vec::new(),
                }
            }
            OpCode::Data(kind) => {
                self.begin_data(kind, header)?;
                Step::Payload { left: length, mask }
            }
        };
        Ok(())
    }

    fn begin_data(&mut self, kind: Data, header: &FrameHeader) -> Result<(), Violation> {
        let is_final = header.is_final;
        match (kind, &mut self.message) {
            (Data::Continue, Some(message)) if !header.rsv1 => message.is_final = is_final,
            (Data::Continue, Some(_)) => return Err(Violation::ReservedBits),
            (Data::Continue, None) | (_, Some(_)) => return Err(Violation::Fragment),
            (_, None) => {
                let inflater = match (&self.inflation, header.rsv1) {
                    (Some((pool, max)), true) => Some(Box::new(pool.inflater(*max))),
                    (None, true) => return Err(Violation::ReservedBits),
                    (_, false) => None,
                };
                self.message = Some(Message { is_final, inflater });
            }
        }
        Ok(())
    }

    /// Takes payload of a data frame.
    fn payload(&mut self, rest: &[u8], room: &mut [u8]) -> Result<(usize, usize), Violation> {
        let Some(message) = &mut self.message else {
            self.step = Step::NEXT;
            return Ok((0, 0)); // Never: payload belongs to a message.
        };
        let (left, mask) = match &mut self.step {
            Step::Payload { left, mask } if *left > 0 => (left, mask),
            Step::Payload { .. } if !message.is_final => {
                // What has come goes out before the next fragment comes.
                let written = match &mut message.inflater {
                    Some(_) if room.is_empty() => return Ok((0, 0)),
                    Some(inflater) => inflater.inflate(&[], room)?.1,
                    None => 0,
                };
                if written == 0 {
                    self.step = Step::NEXT;
                }
                return Ok((0, written));
            }
            _ => return self.end_message(room),
        };
        let len = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        let (used, written) = match &mut message.inflater {
            None => {
                let len = len.min(room.len());
                mask.copy(&rest[..len], &mut room[..len]);
                (len, len)
            }
            Some(inflater) => {
                let len = len.min(PIECE_LEN);
                let mut piece = [0; PIECE_LEN];
                mask.clone().copy(&rest[..len], &mut piece[..len]);
                let (used, written) = inflater.inflate(&piece[..len], room)?;
                mask.skip(used);
                (used, written)
            }
        };
        *left -= used as u64;
        Ok((used, written))
    }

    /// The last frame of a message is over; a compressed one may have more to give.
    fn end_message(&mut self, room: &mut [u8]) -> Result<(usize, usize), Violation> {
        let inflater = self.message.as_mut().and_then(|it| it.inflater.as_mut());
        if let Some(inflater) = inflater {
            self.step = Step::Tail;
            let (is_over, written) = inflater.finish(room)?;
            if !is_over {
                return Ok((0, written));
            }
            self.message = None;
            self.step = Step::NEXT;
            return Ok((0, written));
        }
        self.message = None;
        self.step = Step::NEXT;
        Ok((0, 0))
    }

    /// Takes payload of a control frame; the event once it is whole.
    fn control(&mut self, rest: &[u8]) -> Result<(usize, Option<Event>), Violation> {
        let Step::Control {
            kind,
            left,
            mask,
            body,
        } = &mut self.step
        else {
            return Ok((0, None)); // Never: asked for in this step only.
        };
        let len = rest.len().min(*left);
        let start = body.len();
        body.resize(start + len, 0);
        mask.copy(&rest[..len], &mut body[start..]);
        *left -= len;
        if *left > 0 {
            return Ok((len, None));
        }
        let (kind, body) = (*kind, std::mem::take(body));
        self.step = Step::NEXT;
        let event = match kind {
            Control::Ping => Some(Event::Ping(body)),
            Control::Close => Some(Event::Close(answer_to_close(body)?)),
            Control::Pong | Control::Reserved(_) => None,
        };
        Ok((len, event))
    }
}

impl Step {
    const NEXT: Self = Self::Header {
        bytes: [0; HEADER_MAX],
        len: 0,
    };
}

/// A header in pieces: adds from `rest` until it is whole. How much of `rest` was used, and the
/// header with the length of its payload.
fn read_header(
    bytes: &mut [u8; HEADER_MAX],
    len: &mut usize,
    rest: &[u8],
) -> Result<(usize, Option<(FrameHeader, u64)>), Violation> {
    let known = *len;
    let more = rest.len().min(HEADER_MAX - known);
    bytes[known..known + more].copy_from_slice(&rest[..more]);
    let mut cursor = Cursor::new(&bytes[..known + more]);
    // The only error from memory is an opcode that does not exist.
    match FrameHeader::parse(&mut cursor).map_err(|_| Violation::OpCode)? {
        Some(header) => Ok((cursor.position() as usize - known, Some(header))),
        None => {
            *len = known + more;
            Ok((more, None))
        }
    }
}

/// What a close frame is answered with: itself, if it says anything sensible.
fn answer_to_close(body: Vec<u8>) -> Result<Vec<u8>, Violation> {
    use tungstenite::protocol::frame::coding::CloseCode;
    let status = match body[..] {
        [] => return Ok(body),
        [_] => return Err(Violation::Close),
        [high, low, ..] => CloseCode::from(u16::from_be_bytes([high, low])),
    };
    if !status.is_allowed() {
        return Err(Violation::Close);
    }
    if std::str::from_utf8(&body[2..]).is_err() {
        let text = "invalid utf8 body in close frame"; // As the reference server says it.
        return Ok(super::status::body(CloseCode::Invalid, text));
    }
    Ok(body)
}

/// A mask, and how far it has been used.
#[derive(Debug, Clone)]
struct Mask {
    /// The four bytes, the next one first.
    bytes: [u8; 4],
}

impl Mask {
    fn new(bytes: [u8; 4]) -> Self {
        Self { bytes }
    }

    /// Copies `from` unmasked to `to`, which is as long.
    fn copy(&mut self, from: &[u8], to: &mut [u8]) {
        let (whole_from, rest_from) = from.as_chunks::<4>();
        let (whole_to, rest_to) = to.as_chunks_mut::<4>();
        let mask = u32::from_ne_bytes(self.bytes);
        for (from, to) in whole_from.iter().zip(whole_to) {
            *to = (u32::from_ne_bytes(*from) ^ mask).to_ne_bytes();
        }
        for ((from, to), mask) in rest_from.iter().zip(rest_to).zip(self.bytes) {
            *to = from ^ mask;
        }
        self.skip(from.len());
    }

    fn skip(&mut self, len: usize) {
        self.bytes.rotate_left(len % 4);
    }
}
