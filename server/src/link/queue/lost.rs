//! What was dropped, until somebody has looked for whom it was.

use std::time::Duration;

use super::{Data, Dropped, Segment, Segments, Sight};
use crate::link::chunk::Chunks;
use crate::link::tally::{Queued, ReadText};

/// So much text counts for a message, in bytes: lines of the server must be read past, too.
const LINE_COST: usize = 512;

impl Segments {
    /// Takes pieces off the end in which about `messages_max` messages begin, or a few more.
    pub(in crate::link) fn split_pieces(&mut self, messages_max: usize) -> Self {
        let (mut at, mut messages) = (self.0.len(), 0);
        while at > 0 && messages < messages_max {
            at -= 1;
            messages += self.0[at].weight();
        }
        while at > 0 && at < self.0.len() && !self.0[at].begins_message() {
            at -= 1; // A payload stays with its head.
        }
        match at {
            0 => std::mem::take(self),
            _ => Self(self.0.split_off(at)),
        }
    }

    /// Puts `older` in front.
    pub(in crate::link) fn prepend(&mut self, mut older: Self) {
        std::mem::swap(self, &mut older);
        self.0.append(&mut older.0);
    }

    /// Has all text read into `queued`, and gives it back. Tells how many messages were found in
    /// what had gone out in part.
    pub(in crate::link) fn read(
        mut self,
        read: ReadText,
        queued: &mut Queued,
        chunks: &mut Chunks,
    ) -> u64 {
        let mut in_fronts = 0;
        let mut segments = self.0.drain(..).peekable();
        while let Some(Segment { data, sent, .. }) = segments.next() {
            let Data::Chunk(text) = data else {
                continue; // Its head has gone out, and nobody knows for whom it was.
            };
            let payload = segments.next_if(|next| !next.begins_message());
            let sight = Sight {
                text,
                sent,
                rest: payload.map_or(0, |payload| payload.left().len()),
                age: Duration::ZERO,
            };
            let before = queued.messages;
            read(&sight, queued);
            if sent > 0 {
                in_fronts += queued.messages - before;
            }
            chunks.give(sight.text);
        }
        drop(segments);
        chunks.give_list(self.0);
        in_fronts
    }
}

impl Segment {
    /// What it takes to read it, in messages.
    fn weight(&self) -> usize {
        let text = match &self.data {
            Data::Chunk(chunk) => chunk.len(),
            Data::Shared(_) => 0,
        };
        (self.messages as usize).max(text / LINE_COST)
    }
}

impl Dropped {
    /// Adds for whom it was, as far as somebody has looked.
    pub(in crate::link) fn note(&mut self, queued: Queued) {
        match &mut self.by_sid {
            Some(known) => known.merge(queued),
            None => self.by_sid = Some(Box::new(queued)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::link::queue::Queue;

    /// A line is a message to whom its first byte names.
    fn read(sight: &Sight, queued: &mut Queued) {
        let text = String::from_utf8(sight.text.clone()).unwrap();
        let mut end = 0;
        for line in text.split_inclusive('\n') {
            end += line.len();
            let rest = if line.ends_with('\n') { 0 } else { sight.rest };
            let left = (end + rest)
                .saturating_sub(sight.sent)
                .min(line.len() + rest);
            if left > 0 {
                queued.count(&line.as_bytes()[..1], left, sight.age);
            }
        }
    }

    #[test]
    fn what_was_dropped_is_read_once_however_it_is_split() {
        for messages_max in 0..8 {
            let (mut chunks, mut queue) = (Chunks::new(Arc::default()), Queue::default());
            for _ in 0..3 {
                queue.push(5, [b"a 01\n"], 1, &mut chunks);
                queue.push(5, [b"b 01 "], 1, &mut chunks);
                queue.push_shared(Bytes::from_static(b"shared\n"));
            }
            queue.segments.0[0].sent = 2;
            let (mut dropped, mut queued) = (Dropped::default(), Queued::default());
            let mut lost = queue.clear(&mut dropped);
            assert_eq!((dropped.messages, dropped.bytes), (4, 3 * 17 - 2));
            let mut in_fronts = 0;
            while !lost.is_empty() {
                let pieces = lost.split_pieces(messages_max.max(1));
                in_fronts += pieces.read(read, &mut queued, &mut chunks);
            }
            assert_eq!(in_fronts, 2, "the first chunk has gone out in part");
            let of = |sid: &[u8]| (queued.by_sid[sid].messages, queued.by_sid[sid].bytes);
            assert_eq!((of(b"a"), of(b"b")), ((3, 13), (3, 36)), "{messages_max}");
        }
    }
}
