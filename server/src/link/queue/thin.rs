//! Messages taken out of the middle of a queue, to make room for others.
//!
//! A piece is a chunk and the shared payload behind it, if there is one. Whoever wrote the text
//! looks at it piece by piece and takes messages out; what has gone out in part, and what a writer
//! holds, nobody looks at. Afterwards half-empty chunks are put together, so that the memory goes
//! with the messages.
//!
//! A walk stops where whoever looks has seen enough, and goes on from there the next time: nobody
//! who appends a message pays for all that waits.

use std::collections::HashSet;
use std::ops::Range;

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
    /// There may be more to take out of it the next time.
    pub(crate) is_unfinished: bool,
}

/// From which end pieces are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Oldest,
    Newest,
}

/// What whoever looks at pieces remembers from one to the next.
pub(crate) type Notes = HashSet<Box<[u8]>>;

/// Takes messages out of a text, which it shortens, with so many bytes of payload behind it; none
/// when it has seen enough.
pub(crate) type Look<'a> = dyn FnMut(&mut Vec<u8>, usize, &mut Notes) -> Option<Thinned> + 'a;

/// What became of a walk.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::link) struct Walked {
    pub(in crate::link) messages: u64,
    pub(in crate::link) bytes: usize,
    /// Where it goes on the next time: so many bytes that wait are older.
    pub(in crate::link) at: Option<usize>,
    /// It has come to the other end.
    pub(in crate::link) is_over: bool,
    /// What is older than this has been left alone, in bytes.
    pub(in crate::link) untouched: usize,
}

/// Where a piece stands: in the list, and among what waits, in bytes from the oldest on.
struct Piece {
    index: usize,
    /// How many segments it is.
    count: usize,
    start: usize,
    end: usize,
}

impl Queue {
    /// Has `look` take messages out, from `at` on as [`Walked::at`] tells, or from an end.
    pub(in crate::link) fn thin(
        &mut self,
        from: From,
        at: Option<usize>,
        notes: &mut Notes,
        look: &mut Look<'_>,
        chunks: &mut Chunks,
    ) -> Walked {
        let first = self.first_untouched();
        let mut walked = Walked {
            at,
            untouched: self.pending_bytes,
            ..Walked::default()
        };
        let mut touched: Option<Range<usize>> = None;
        walked.is_over = true;
        for piece in self.pieces(from, at, first) {
            let Some(thinned) = self.look_at(piece.index, notes, look) else {
                walked.is_over = false;
                break;
            };
            walked.messages += thinned.messages;
            walked.bytes += thinned.bytes;
            walked.untouched = walked.untouched.min(piece.start);
            // What a newest-first walk has seen before comes next; else, what it saw before.
            let (start, end) = match from {
                From::Newest => (piece.index, piece.index + piece.count + 1),
                From::Oldest => (
                    first.max(piece.index.saturating_sub(1)),
                    piece.index + piece.count,
                ),
            };
            let range = touched.get_or_insert(start..end);
            *range = range.start.min(start)..range.end.max(end);
            walked.at = Some(match (from, thinned.is_unfinished) {
                (From::Newest, false) => piece.start,
                (From::Newest, true) => piece.end - thinned.bytes,
                // What was taken out before it stands no longer before it.
                (From::Oldest, true) => piece.start - (walked.bytes - thinned.bytes),
                (From::Oldest, false) => piece.end - walked.bytes,
            });
        }
        self.pending_bytes -= walked.bytes;
        if let (Some(range), true) = (touched, walked.bytes > 0) {
            self.put_together(range, chunks);
        }
        walked
    }

    /// The pieces that a walk would look at, in its order.
    fn pieces(&self, from: From, at: Option<usize>, first: usize) -> Vec<Piece> {
        let mut end = self.pending_bytes - self.here(); // The rest is with a writer, and older.
        let mut pieces: Vec<Piece> = Vec::new();
        for (index, segment) in self.segments.0.iter().enumerate() {
            let start = end;
            end += segment.left().len();
            match pieces.last_mut() {
                _ if index < first => {}
                Some(piece) if !segment.begins_message() => (piece.end, piece.count) = (end, 2),
                _ => pieces.push(Piece {
                    index,
                    count: 1,
                    start,
                    end,
                }),
            }
        }
        match from {
            From::Oldest => pieces.retain(|piece| at.is_none_or(|at| piece.start >= at)),
            // Not where one only begins before: what was put behind it has been looked at.
            From::Newest => {
                pieces.retain(|piece| at.is_none_or(|at| piece.end <= at));
                pieces.reverse();
            }
        }
        pieces
    }

    /// Has `look` look at the piece that begins at `index`.
    fn look_at(&mut self, index: usize, notes: &mut Notes, look: &mut Look<'_>) -> Option<Thinned> {
        let (head, rest) = self.segments.0.split_at_mut(index + 1);
        let Some(Segment {
            data: Data::Chunk(text),
            messages,
            ..
        }) = head.last_mut()
        else {
            return Some(Thinned::default());
        };
        let rest = rest.first_mut().map(|segment| &mut segment.data);
        let shared = match &rest {
            Some(Data::Shared(bytes)) => bytes.len(),
            _ => 0,
        };
        let thinned = look(text, shared, notes)?;
        if let (true, Some(Data::Shared(bytes))) = (thinned.drops_rest, rest) {
            *bytes = Bytes::new();
        }
        *messages = messages.saturating_sub(thinned.messages as u32);
        Some(thinned)
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

    /// Gives empty segments of `range` back, and fills chunks with those behind them.
    fn put_together(&mut self, range: Range<usize>, chunks: &mut Chunks) {
        let range = range.start..range.end.min(self.segments.0.len());
        let (start, end) = (range.start, range.end);
        let mut kept: Vec<Segment> = Vec::with_capacity(range.len());
        let mut tail = self.segments.0.split_off(start).into_iter();
        for segment in tail.by_ref().take(end - start) {
            if segment.left().is_empty() {
                segment.give_to(chunks);
                continue;
            }
            match (kept.last_mut(), &segment.data) {
                (
                    Some(Segment {
                        data: Data::Chunk(before),
                        messages,
                        ..
                    }),
                    Data::Chunk(text),
                ) if text.len() <= before.capacity() - before.len() => {
                    before.extend_from_slice(text);
                    *messages += segment.messages;
                    segment.give_to(chunks);
                }
                _ => kept.push(segment),
            }
        }
        self.segments.0.extend(kept);
        self.segments.0.extend(tail);
    }
}
