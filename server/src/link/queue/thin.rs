//! Messages taken out of the middle of a queue, to make room for others.
//!
//! A piece is a chunk and the shared payload behind it, if there is one. Whoever wrote the text
//! looks at it piece by piece and takes messages out; what has gone out in part, and what a writer
//! holds, nobody looks at. Afterwards half-empty chunks are put together, so that the memory goes
//! with the messages.

use bytes::Bytes;

use super::{Data, Queue, Segment};
use crate::link::chunk::Chunks;

/// What was taken out of one piece.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thinned {
    pub(crate) messages: u64,
    /// Of the text and the shared payload, together.
    pub(crate) bytes: usize,
    /// The shared payload behind the text goes with the head that was taken out of it.
    pub(crate) drops_rest: bool,
}

/// From which end pieces are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Oldest,
    Newest,
}

/// Takes messages out of a text, which it shortens, with so many bytes of payload behind it; none
/// when enough has been taken out.
pub(crate) type Look<'a> = dyn FnMut(&mut Vec<u8>, usize) -> Option<Thinned> + 'a;

impl Queue {
    /// Has `look` take messages out; tells what was in all.
    pub(in crate::link) fn thin(
        &mut self,
        from: From,
        look: &mut Look<'_>,
        chunks: &mut Chunks,
    ) -> Thinned {
        let mut sum = Thinned::default();
        let first = self.first_untouched();
        let count = self.segments.0.len();
        for step in 0..count - first {
            let at = match from {
                From::Oldest => first + step,
                From::Newest => count - 1 - step,
            };
            let (head, rest) = self.segments.0.split_at_mut(at + 1);
            let Some(Segment {
                data: Data::Chunk(text),
                messages,
                ..
            }) = head.last_mut()
            else {
                continue;
            };
            let rest = rest.first_mut().map(|segment| &mut segment.data);
            let shared = match &rest {
                Some(Data::Shared(bytes)) => bytes.len(),
                _ => 0,
            };
            let Some(thinned) = look(text, shared) else {
                break;
            };
            if let (true, Some(Data::Shared(bytes))) = (thinned.drops_rest, rest) {
                *bytes = Bytes::new();
            }
            *messages = messages.saturating_sub(thinned.messages as u32);
            sum.messages += thinned.messages;
            sum.bytes += thinned.bytes;
        }
        self.pending_bytes -= sum.bytes;
        if sum.bytes > 0 {
            self.put_together(first, chunks);
        }
        sum
    }

    /// The first segment that begins a message of which nothing has gone out.
    pub(super) fn first_untouched(&self) -> usize {
        let segments = &self.segments.0;
        segments
            .iter()
            .enumerate()
            .position(|(at, segment)| segment.begins_message() && (at > 0 || segment.sent == 0))
            .unwrap_or(segments.len())
    }

    /// Gives empty segments from `first` on back, and fills chunks with those behind them.
    fn put_together(&mut self, first: usize, chunks: &mut Chunks) {
        let tail: Vec<Segment> = self.segments.0.drain(first..).collect();
        for segment in tail {
            if segment.left().is_empty() {
                segment.give_to(chunks);
                continue;
            }
            let fits = |before: &[u8], room: usize| before.len() <= room;
            match (self.segments.0.last_mut(), &segment.data) {
                (
                    Some(Segment {
                        data: Data::Chunk(before),
                        messages,
                        ..
                    }),
                    Data::Chunk(text),
                ) if fits(text, before.capacity() - before.len()) => {
                    before.extend_from_slice(text);
                    *messages += segment.messages;
                    segment.give_to(chunks);
                }
                _ => self.segments.0.push(segment),
            }
        }
    }
}
