//! What waits, copied out a piece at a time for somebody who wants to know what it is.
//!
//! Nobody is held up for longer than it takes to copy a piece of 64 KiB: the lock of the outbox is
//! let go between two. What a writer holds meanwhile is not seen, nor is a payload whose head has
//! gone out.

use std::time::{Duration, Instant};

use super::{Data, Queue, Segment, Segments};

/// The most that is copied of one chunk: larger ones hold one message each.
const COPY_MAX: usize = 64 * 1024;

/// Where in the stream of a connection somebody has got to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// In bytes from the first that was ever sent.
    pub(in crate::link) at: u64,
    /// What was appended behind here came later, and is not looked for.
    pub(in crate::link) end: u64,
    /// How much had been taken out of the middle: if that changes, places mean nothing any more.
    pub(in crate::link) removed: u64,
}

/// A chunk that waits, with the payload behind it.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    /// Begins with a message, or a line.
    pub(crate) text: Vec<u8>,
    /// How much of it has gone out.
    pub(crate) sent: usize,
    /// What follows belongs to the message that ends the text, in bytes.
    pub(crate) rest: usize,
    /// Since its first byte came.
    pub(crate) age: Duration,
}

impl Queue {
    /// How many bytes are here, and not in the hands of a writer.
    pub(in crate::link) fn here(&self) -> usize {
        self.segments.0.iter().map(|it| it.left().len()).sum()
    }

    /// Copies the first chunk from `place` on into `sight`, if there is one, and moves `place`
    /// behind it; the queue begins `front` bytes from the first that was ever sent.
    pub(in crate::link) fn show(
        &self,
        front: u64,
        place: &mut Place,
        sight: &mut Sight,
        now: Instant,
    ) -> bool {
        let (mut at, mut is_found) = (front, false);
        sight.rest = 0;
        for segment in &self.segments.0 {
            let end = at + segment.left().len() as u64;
            match &segment.data {
                Data::Shared(_) if is_found => sight.rest += segment.left().len(),
                _ if is_found => break,
                Data::Chunk(chunk) if at >= place.at && at < place.end => {
                    let copied = chunk.len().min(COPY_MAX);
                    sight.text.clear();
                    sight.text.extend_from_slice(&chunk[..copied]);
                    sight.sent = segment.sent;
                    sight.rest = chunk.len() - copied;
                    sight.age = self.waited(segment, now);
                    is_found = true;
                }
                _ => {}
            }
            at = end;
            if is_found {
                place.at = end;
            }
        }
        is_found
    }

    /// When the first of `segments`, which were here, came, and how much of it is left with the
    /// payload behind it, in bytes; if it is of a message.
    #[cold]
    pub(in crate::link) fn front(&self, segments: &Segments) -> Option<(Instant, usize)> {
        let first = segments.0.first()?;
        if first.begins_message() && first.messages == 0 {
            return None;
        }
        let payload = segments.0.get(1).filter(|second| !second.begins_message());
        let left = first.left().len() + payload.map_or(0, |payload| payload.left().len());
        Some((self.came(first)?, left))
    }

    /// How long `segment` has waited.
    pub(super) fn waited(&self, segment: &Segment, now: Instant) -> Duration {
        let came = self.came(segment);
        came.map_or(Duration::ZERO, |came| now.saturating_duration_since(came))
    }

    fn came(&self, segment: &Segment) -> Option<Instant> {
        Some(self.filled? + Duration::from_millis(u64::from(segment.age)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::link::chunk::Chunks;

    fn shown(queue: &Queue, front: u64, mut place: Place) -> Vec<(String, usize, usize)> {
        let (mut sight, mut found) = (Sight::default(), Vec::new());
        while queue.show(front, &mut place, &mut sight, Instant::now()) {
            let text = String::from_utf8(sight.text.clone()).unwrap();
            found.push((text, sight.sent, sight.rest));
        }
        found
    }

    #[test]
    fn every_chunk_is_seen_once_with_the_payload_behind_it() {
        let mut chunks = Chunks::new(Arc::default());
        let mut queue = Queue::default();
        queue.push(5, [b"MSG1\n"], 1, &mut chunks);
        queue.push(5, [b"MSG2 "], 1, &mut chunks);
        queue.push_shared(Bytes::from_static(b"shared\n"));
        queue.push(5, [b"MSG3\n"], 1, &mut chunks);
        queue.segments.0[0].sent = 2;
        let place = Place {
            at: 0,
            end: 100,
            removed: 0,
        };
        let expected = [
            ("MSG1\nMSG2 ".to_owned(), 2, 7),
            ("MSG3\n".to_owned(), 0, 0),
        ];
        assert_eq!(shown(&queue, 40, place), expected);
        let place = Place { at: 55, ..place };
        assert_eq!(shown(&queue, 40, place), expected[1..]);
        let place = Place { end: 48, ..place };
        assert_eq!(shown(&queue, 40, place), []);
    }
}
