//! The bytes that wait for one reader: chunks and shared payloads, sent from the front.
//!
//! Invariants: a chunk begins a message and a shared payload never does, so that the queue can be
//! cut between two messages; `pending_bytes` is what is here and what a writer has taken out.

mod lost;
mod sight;
mod thin;

use std::io::{self, IoSlice};
use std::time::Instant;

use bytes::Bytes;
use smallvec::SmallVec;

use super::backlog::Backlog;
use super::chunk::Chunks;
use super::tally::Queued;
use super::wire::Wire;

pub(crate) use sight::{Place, Sight};
pub(super) use thin::Walked;
pub(crate) use thin::{From, Look, Notes, Thinned};

/// The most segments handed to the kernel at once; more than this fit no socket buffer.
const VECTORS_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Queue {
    segments: Segments,
    pub(super) pending_bytes: usize,
    /// The most that `pending_bytes` has been.
    high_water_bytes: usize,
    /// When the first bytes came that have not been sent since; segments count from here.
    filled: Option<Instant>,
}

/// What was queued and will not be sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Of a chunk that has gone out in part those that have not are seen in its text only: not
    /// before somebody has read it.
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// For whom it was, as far as somebody has looked.
    pub(crate) by_sid: Option<Box<Queued>>,
}

/// A run of segments, here or in the hands of a writer. Its own memory belongs to the workers as
/// the chunks do: an empty queue owns none.
#[derive(Default)]
pub(super) struct Segments(Vec<Segment>);

pub(super) struct Segment {
    data: Data,
    sent: usize,   // At most the length of `data`.
    messages: u32, // How many begin in it.
    age: u32,      // Milliseconds from `Queue::filled` to its first byte.
}

enum Data {
    /// Whole messages, but for the last one if a shared payload follows.
    Chunk(Vec<u8>),
    /// The rest of a message whose head stands in the chunk before.
    Shared(Bytes),
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.segments.0.is_empty()
    }

    /// Appends `parts`, `len` bytes together, in which `messages` messages begin.
    pub(super) fn push<const N: usize>(
        &mut self,
        len: usize,
        parts: [&[u8]; N],
        messages: u32,
        chunks: &mut Chunks,
    ) {
        self.grow(len, chunks.now());
        let segments = &mut self.segments.0;
        let is_first = segments.is_empty();
        if let Some(Segment {
            data: Data::Chunk(chunk),
            messages: known,
            ..
        }) = segments.last_mut()
            && chunk.capacity() - chunk.len() >= len
        {
            parts.iter().for_each(|part| chunk.extend_from_slice(part));
            *known += messages;
            return;
        }
        let age = self.age(chunks.now());
        let segments = self.segments.list(chunks);
        let mut chunk = chunks.take(len, is_first);
        parts.iter().for_each(|part| chunk.extend_from_slice(part));
        segments.push(Segment {
            data: Data::Chunk(chunk),
            sent: 0,
            messages,
            age,
        });
    }

    /// Appends the rest of the message that was pushed last.
    pub(super) fn push_shared(&mut self, rest: Bytes) {
        self.pending_bytes += rest.len();
        self.high_water_bytes = self.high_water_bytes.max(self.pending_bytes);
        let age = self.segments.0.last().map_or(0, |head| head.age);
        self.segments.0.push(Segment {
            data: Data::Shared(rest),
            sent: 0,
            messages: 0,
            age,
        });
    }

    /// Makes room in the books for `len` bytes.
    fn grow(&mut self, len: usize, now: Instant) {
        if self.pending_bytes == 0 {
            self.filled = Some(now);
        }
        self.pending_bytes += len;
        self.high_water_bytes = self.high_water_bytes.max(self.pending_bytes);
    }

    /// The age of a segment that begins now.
    fn age(&self, now: Instant) -> u32 {
        let since = self
            .filled
            .map(|filled| now.saturating_duration_since(filled));
        since.map_or(0, |since| since.as_millis() as u32)
    }

    /// How much waits, and how long it has.
    pub(super) fn report(&self, backlog: &mut Backlog, now: Instant) {
        let segments = &self.segments.0;
        backlog.pending_bytes = self.pending_bytes;
        backlog.high_water_bytes = self.high_water_bytes;
        backlog.pending_messages = segments.iter().map(|it| u64::from(it.messages)).sum();
        if let (Some(filled), true) = (self.filled, self.pending_bytes > 0) {
            let first = segments.first();
            backlog.oldest = match first {
                Some(first) => self.waited(first, now),
                None => now.saturating_duration_since(filled),
            };
        }
    }

    /// Hands everything to a writer.
    pub(super) fn take(&mut self) -> Segments {
        std::mem::take(&mut self.segments)
    }

    /// Takes back what the writer could not send, in front of what came meanwhile, after `written`
    /// bytes of it went out.
    pub(super) fn put_back(&mut self, rest: Segments, written: usize) {
        self.pending_bytes -= written;
        if !rest.0.is_empty() {
            let appended = std::mem::replace(&mut self.segments, rest);
            self.segments.0.extend(appended.0);
        }
    }

    /// Keeps the message that is under way, takes out those behind it, and ends with `words`.
    pub(super) fn cut(
        &mut self,
        words: &[u8],
        dropped: &mut Dropped,
        chunks: &mut Chunks,
    ) -> Segments {
        let keep = self.first_untouched();
        let segments = &mut self.segments.0;
        let lost = Segments(segments.split_off(keep));
        lost.0.iter().for_each(|segment| dropped.add(segment));
        let mut last = chunks.take(words.len(), true);
        last.extend_from_slice(words);
        segments.push(Segment {
            data: Data::Chunk(last),
            sent: 0,
            messages: 0,
            age: 0,
        });
        self.pending_bytes = segments.iter().map(|segment| segment.left().len()).sum();
        lost
    }

    /// Takes everything out, and adds it to what the reader has lost.
    pub(super) fn clear(&mut self, dropped: &mut Dropped) -> Segments {
        self.pending_bytes = 0;
        let mut segments = self.take();
        match segments.0.first_mut() {
            // It was counted where its head stood, which has gone out.
            Some(first) if !first.begins_message() => dropped.messages += 1,
            Some(first) if first.sent > 0 => first.messages = 0, // Whoever reads it will see.
            _ => {}
        }
        segments.0.iter().for_each(|segment| dropped.add(segment));
        segments
    }
}

impl Dropped {
    fn add(&mut self, segment: &Segment) {
        self.messages += u64::from(segment.messages);
        self.bytes += segment.left().len() as u64;
    }
}

impl Segments {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes as much as `wire` takes at once.
    pub(super) fn write_to<W: ?Sized + Wire>(&self, wire: &W) -> io::Result<usize> {
        if let [segment] = &self.0[..] {
            return wire.try_write(&[IoSlice::new(segment.left())]);
        }
        let vectors: SmallVec<[IoSlice<'_>; VECTORS_MAX]> = self
            .0
            .iter()
            .take(VECTORS_MAX)
            .map(|segment| IoSlice::new(segment.left()))
            .collect();
        wire.try_write(&vectors)
    }

    /// Takes `written` bytes off the front; the memory of finished chunks goes back into `chunks`.
    pub(super) fn advance(&mut self, mut written: usize, chunks: &mut Chunks) {
        let mut finished = 0;
        for segment in &mut self.0 {
            let left = segment.left().len();
            if written < left {
                segment.sent += written;
                break;
            }
            written -= left;
            finished += 1;
        }
        self.0
            .drain(..finished)
            .for_each(|segment| segment.give_to(chunks));
        if self.0.is_empty() {
            chunks.give_list(std::mem::take(&mut self.0));
        }
    }

    /// The list, with memory for a segment.
    fn list(&mut self, chunks: &mut Chunks) -> &mut Vec<Segment> {
        if self.0.capacity() == 0 {
            self.0 = chunks.take_list();
        }
        &mut self.0
    }

    pub(super) fn give_to(mut self, chunks: &mut Chunks) {
        self.0.drain(..).for_each(|segment| segment.give_to(chunks));
        chunks.give_list(self.0);
    }
}

impl Segment {
    fn begins_message(&self) -> bool {
        matches!(self.data, Data::Chunk(_))
    }

    fn left(&self) -> &[u8] {
        match &self.data {
            Data::Chunk(chunk) => &chunk[self.sent..],
            Data::Shared(bytes) => &bytes[self.sent..],
        }
    }

    fn give_to(self, chunks: &mut Chunks) {
        if let Data::Chunk(chunk) = self.data {
            chunks.give(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    /// Takes at most so many bytes a call.
    struct Slow(Mutex<Vec<u8>>, usize);

    impl Wire for Slow {
        fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
            let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
            let taken = &all[..all.len().min(self.1)];
            self.0.lock().extend_from_slice(taken);
            Ok(taken.len())
        }
    }

    fn write_once(queue: &mut Queue, wire: &Slow, chunks: &mut Chunks) {
        let mut segments = queue.take();
        let written = segments.write_to(wire).unwrap();
        segments.advance(written, chunks);
        queue.put_back(segments, written);
    }

    fn filled(chunks: &mut Chunks) -> Queue {
        let mut queue = Queue::default();
        queue.push(5, [b"MSG", b"1\n"], 1, chunks);
        queue.push(5, [b"MSG2\n"], 1, chunks);
        queue.push(5, [b"MSG3 "], 1, chunks);
        queue.push_shared(Bytes::from_static(b"shared\n"));
        queue.push(5, [b"MSG4\n"], 1, chunks);
        queue
    }

    #[test]
    fn what_goes_in_comes_out_whatever_the_wire_takes() {
        for step in 1..30 {
            let (mut chunks, wire) = (Chunks::new(Arc::default()), Slow(Mutex::default(), step));
            let mut queue = filled(&mut chunks);
            assert_eq!(queue.pending_bytes, 27);
            while !queue.is_empty() {
                write_once(&mut queue, &wire, &mut chunks);
            }
            assert_eq!(
                *wire.0.lock(),
                b"MSG1\nMSG2\nMSG3 shared\nMSG4\n",
                "by {step}"
            );
            assert_eq!(queue.pending_bytes, 0);
        }
    }

    #[test]
    fn what_is_dropped_is_counted_but_for_a_chunk_half_gone() {
        for (sent, messages) in [
            (0, 4),
            (3, 1),  // `filled` writes three messages into the first chunk.
            (15, 2), // The head of the third has gone, its payload has not.
            (20, 2),
            (23, 0),
        ] {
            let mut chunks = Chunks::new(Arc::default());
            let mut queue = filled(&mut chunks);
            let wire = Slow(Mutex::default(), sent);
            write_once(&mut queue, &wire, &mut chunks);
            let mut dropped = Dropped::default();
            queue.clear(&mut dropped);
            assert_eq!(dropped.messages, messages, "after {sent} bytes");
            assert_eq!(dropped.bytes, 27 - sent as u64, "after {sent} bytes");
        }
    }

    #[test]
    fn a_cut_ends_behind_a_whole_message_and_counts_the_rest() {
        for (before, expected, lost) in [
            (0, &b"ERR\n"[..], 4),
            (3, b"MSG1\nMSG2\nMSG3 shared\nERR\n", 1),
            (17, b"MSG1\nMSG2\nMSG3 shared\nERR\n", 1),
            (22, b"MSG1\nMSG2\nMSG3 shared\nERR\n", 1),
            (23, b"MSG1\nMSG2\nMSG3 shared\nMSG4\nERR\n", 0),
        ] {
            let mut chunks = Chunks::new(Arc::default());
            let mut queue = filled(&mut chunks);
            let wire = Slow(Mutex::default(), before);
            write_once(&mut queue, &wire, &mut chunks);
            let mut dropped = Dropped::default();
            let taken_out = queue.cut(b"ERR\n", &mut dropped, &mut chunks);
            assert_eq!(taken_out.is_empty(), lost == 0, "after {before} bytes");
            let wire = Slow(wire.0, 100);
            while !queue.is_empty() {
                write_once(&mut queue, &wire, &mut chunks);
            }
            assert_eq!(*wire.0.lock(), expected, "after {before} bytes");
            assert_eq!(dropped.messages, lost, "after {before} bytes");
            assert_eq!(queue.pending_bytes, 0);
        }
    }
}
