//! An outbox under its lock: what is appended, taken out again, and cut.

use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;

use super::{Refused, State};
use crate::link::chunk::Chunks;
use crate::link::queue::{Dropped, From, Look, Place, Sight, Thinned};
use crate::link::reason::Reason;
use crate::link::sync::MutexGuard;

/// A search that failed is repeated when this part of what waits is new. A guess.
const THIN_PART: u64 = 8;

/// Keeps a queue in which little can be dropped from being searched for each message.
#[derive(Default)]
pub(super) struct Thinning {
    pub(super) removed_bytes: u64,
    /// How much had ever been appended when a search last found too little.
    failed_at: Option<u64>,
}

/// An outbox under its lock.
pub(crate) struct Writing<'a> {
    pub(super) state: MutexGuard<'a, State>,
    pub(super) pending_max: usize,
}

impl Writing<'_> {
    /// Appends `parts`, one after another, as one message of the wire. True asks the caller to
    /// note the outbox for flushing: nobody else will flush it.
    ///
    /// # Errors
    ///
    /// Nothing was appended; an outbox that is full stays open until it is [`Writing::cut`].
    pub(crate) fn append<const N: usize>(
        &mut self,
        parts: [&[u8]; N],
        chunks: &mut Chunks,
    ) -> Result<bool, Refused> {
        let len = parts.iter().map(|part| part.len()).sum();
        self.admit(len)?;
        self.state.queue.push(len, parts, 1, chunks);
        Ok(self.note())
    }

    /// Appends a line that is no delivery, and is not counted as one if it is lost.
    ///
    /// # Errors
    ///
    /// As for [`Writing::append`].
    pub(crate) fn append_line(
        &mut self,
        line: &[u8],
        chunks: &mut Chunks,
    ) -> Result<bool, Refused> {
        self.admit(line.len())?;
        self.state.queue.push(line.len(), [line], 0, chunks);
        Ok(self.note())
    }

    /// Appends `parts` and behind them `shared`, without copying it.
    ///
    /// # Errors
    ///
    /// As for [`Writing::append`].
    pub(crate) fn append_shared<const N: usize>(
        &mut self,
        parts: [&[u8]; N],
        shared: Bytes,
        chunks: &mut Chunks,
    ) -> Result<bool, Refused> {
        let head = parts.iter().map(|part| part.len()).sum();
        self.admit(head + shared.len())?;
        self.state.queue.push(head, parts, 1, chunks);
        self.state.queue.push_shared(shared);
        Ok(self.note())
    }

    /// Appends `text`, in which `messages` messages begin, and `shared` behind it, once there is room.
    ///
    /// # Errors
    ///
    /// As for [`Writing::append`].
    #[cold]
    #[inline(never)]
    pub(crate) fn append_late(
        &mut self,
        text: &[u8],
        messages: u32,
        shared: Option<&Bytes>,
        chunks: &mut Chunks,
    ) -> Result<bool, Refused> {
        self.admit(text.len() + shared.map_or(0, Bytes::len))?;
        self.state.queue.push(text.len(), [text], messages, chunks);
        if let Some(shared) = shared {
            self.state.queue.push_shared(shared.clone());
        }
        Ok(self.note())
    }

    /// Drops what is queued behind the message under way, and the `refused` one that did not fit;
    /// says `last_words` and ends. Wake what is returned when the lock is gone.
    pub(crate) fn cut(
        &mut self,
        reason: Reason,
        refused: Dropped,
        last_words: Vec<u8>,
        chunks: &mut Chunks,
    ) -> Option<Waker> {
        let dropped = &mut self.state.rare().dropped;
        dropped.messages += refused.messages;
        dropped.bytes += refused.bytes;
        self.state.cut(reason, last_words, chunks);
        self.state.owner.clone()
    }

    /// Whether a search for what can be dropped may find something: it did the last time, or much
    /// has been appended since.
    pub(crate) fn may_thin(&self) -> bool {
        let rare = self.state.rare.as_deref();
        let failed_at = rare.and_then(|rare| rare.thinning.failed_at);
        let since = failed_at.map(|at| self.state.appended_bytes() - at);
        let due = self.state.queue.pending_bytes as u64 / THIN_PART;
        !self.state.is_ending() && since.is_none_or(|bytes| bytes > due)
    }

    /// How much should go so that `len` bytes more have room, and the next search is not for the
    /// next message.
    pub(crate) fn goal(&self, len: usize) -> usize {
        len + self.state.queue.pending_bytes / 4
    }

    /// Has `look` take messages out that have not begun to go out; tells what was in all.
    pub(crate) fn thin(&mut self, from: From, look: &mut Look<'_>, chunks: &mut Chunks) -> Thinned {
        let state = &mut *self.state;
        let thinned = state.queue.thin(from, look, chunks);
        state.rare().thinning.removed_bytes += thinned.bytes as u64;
        state.settle();
        thinned
    }

    /// Remembers whether the searches found what was wanted.
    pub(crate) fn end_thinning(&mut self, has_found: bool) {
        let appended = self.state.appended_bytes();
        self.state.rare().thinning.failed_at = (!has_found).then_some(appended);
    }

    /// Whether `len` bytes more would be taken.
    pub(crate) fn has_room_for(&self, len: usize) -> bool {
        self.admit(len).is_ok()
    }

    fn admit(&self, len: usize) -> Result<(), Refused> {
        if self.state.is_ending() {
            return Err(Refused::Ending);
        }
        if self.state.queue.pending_bytes + len > self.pending_max {
            return Err(Refused::Full(len));
        }
        match &self.state.rare {
            Some(rare) if !rare.shares.have_room_for(len) => Err(Refused::Full(len)),
            _ => Ok(()),
        }
    }

    /// Whether somebody is about to flush what was appended before.
    pub(crate) fn is_noted(&self) -> bool {
        self.state.is_noted
    }

    fn note(&mut self) -> bool {
        let state = &mut *self.state;
        state.settle();
        let must_note = !(state.is_noted || state.is_writing || state.is_blocked);
        state.is_noted |= must_note;
        must_note
    }
}

impl State {
    /// Copies the next chunk from `place` on; false if there is none, or it cannot be found again.
    pub(super) fn show(&self, place: &mut Option<Place>, sight: &mut Sight, now: Instant) -> bool {
        if self.is_ending() {
            return false;
        }
        let end = self.drained_bytes + self.queue.pending_bytes as u64;
        let removed = self.removed_bytes();
        let front = end - self.queue.here() as u64;
        let place = place.get_or_insert(Place {
            at: front,
            end,
            removed,
        });
        place.removed == removed && self.queue.show(front, place, sight, now)
    }

    /// How many bytes have ever been appended.
    fn appended_bytes(&self) -> u64 {
        self.drained_bytes + self.queue.pending_bytes as u64 + self.removed_bytes()
    }

    /// How many of them were taken out to make room.
    fn removed_bytes(&self) -> u64 {
        let rare = self.rare.as_deref();
        rare.map_or(0, |it| it.thinning.removed_bytes)
    }
}
