//! An outbox under its lock: what is appended, taken out again, and cut.

use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::walks::{Thinning, Walk};
use super::{Refused, State};
use crate::link::chunk::Chunks;
use crate::link::queue::{From, Look, Place, Sight, Thinned};
use crate::link::reason::Reason;
use crate::link::sync::MutexGuard;
use crate::link::tally::Queued;

/// A search that failed is repeated when this part of what waits is new. A guess.
const THIN_PART: usize = 8;
/// From so much on, of what may wait, what has been superseded is looked for: then the search is
/// over before the rest is full.
const AMPLE_PART: (usize, usize) = (3, 4);
/// How much is looked at for each byte that comes meanwhile.
const LOOK_PER_BYTE: usize = 8;
/// What a piece without much text counts for, in bytes of text. A guess.
const PIECE_COST: usize = 256;
/// The most that makes room beyond what is needed, in bytes: a chunk is looked at for as many
/// messages as it holds, and not for each.
const GOAL_MAX: usize = 64 * 1024;

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
        self.admit_late(text.len() + shared.map_or(0, Bytes::len))?;
        self.state.queue.push(text.len(), [text], messages, chunks);
        if let Some(shared) = shared {
            self.state.queue.push_shared(shared.clone());
        }
        Ok(self.note())
    }

    /// Takes out what is queued behind the message under way, says `last_words` and ends. With it
    /// are lost `bytes` that did not fit, a message if they have a `sid`. Wake what is returned when
    /// the lock is gone.
    pub(crate) fn cut(
        &mut self,
        reason: Reason,
        sid: Option<&[u8]>,
        bytes: usize,
        last_words: Vec<u8>,
        chunks: &mut Chunks,
    ) -> Option<Waker> {
        let dropped = &mut self.state.rare().dropped;
        dropped.bytes += bytes as u64;
        if let Some(sid) = sid {
            let mut refused = Queued::default();
            refused.count(sid, bytes, Duration::ZERO);
            dropped.messages += refused.messages;
            dropped.note(refused);
        }
        self.state.cut(reason, last_words, chunks);
        self.state.owner.clone()
    }

    /// Whether what has been superseded is to be looked for before there is no room, from now on.
    pub(crate) fn set_ahead(&mut self, is_ahead: bool) {
        if is_ahead || self.state.is_ahead() {
            let thinning = self.state.thinning();
            thinning.is_ahead = is_ahead;
            thinning.forget();
        }
    }

    /// How much text [`Walk::Superseded`] may look at now that `len` bytes come; none while the
    /// outbox is not nearly full.
    pub(crate) fn look_ahead(&mut self, len: usize) -> Option<isize> {
        if self.is_ample(len) && self.has_room_for(len) || self.state.is_writing {
            return None;
        }
        let pending_bytes = self.state.queue.pending_bytes;
        let thinning = self.state.thinning();
        thinning.credit += (len * LOOK_PER_BYTE) as isize;
        // What nobody used is not saved up.
        thinning.credit = thinning.credit.min(pending_bytes as isize);
        (thinning.credit > 0).then_some(thinning.credit)
    }

    /// What a look at a piece takes from what may be looked at.
    pub(crate) fn cost(text: usize) -> isize {
        text.max(PIECE_COST) as isize
    }

    /// Whether a walk for what can be dropped may find something: it did the last time, or much
    /// has been appended since.
    pub(crate) fn may_thin(&self) -> bool {
        let thinning = self.state.known_thinning();
        let failed_at = thinning.and_then(|thinning| thinning.failed_at);
        let since = failed_at.map(|at| self.state.appended_bytes() - at);
        let due = (self.state.queue.pending_bytes / THIN_PART) as u64;
        !self.state.is_ending() && since.is_none_or(|bytes| bytes > due)
    }

    /// How much should go so that `len` bytes more have room, and the next walk is not for the
    /// next message.
    pub(crate) fn goal(&self, len: usize) -> usize {
        len + (self.state.queue.pending_bytes / 4).min(GOAL_MAX)
    }

    /// Has `look` take messages out that have not begun to go out, from where the walk stopped;
    /// tells what was in all, and whether it has come to the end and the next one begins anew.
    pub(crate) fn thin(
        &mut self,
        walk: Walk,
        look: &mut Look<'_>,
        chunks: &mut Chunks,
    ) -> (Thinned, bool) {
        let state = &mut *self.state;
        let drained = state.drained_bytes;
        let from = match walk {
            Walk::Oldest => From::Oldest,
            Walk::Superseded | Walk::Newest => From::Newest,
        };
        let rare = state.rare.get_or_insert_default();
        let thinning = rare.thinning.get_or_insert_default();
        let at = thinning.places[walk as usize].map(|at| at.saturating_sub(drained) as usize);
        let notes = &mut thinning.notes;
        let walked = state.queue.thin(from, at, notes, look, chunks);
        thinning.walked(walk, &walked, drained);
        state.settle();
        let thinned = Thinned {
            messages: walked.messages,
            bytes: walked.bytes,
            ..Thinned::default()
        };
        (thinned, walked.is_over)
    }

    /// The walk ahead has looked at as much as this leaves.
    pub(crate) fn end_look_ahead(&mut self, credit: isize) {
        self.state.thinning().credit = credit;
    }

    /// Remembers whether the walks found what was wanted.
    pub(crate) fn end_thinning(&mut self, has_found: bool) {
        let appended = self.state.appended_bytes();
        let has_seen_all = !self.state.is_writing; // A writer brings back what it does not write.
        self.state.thinning().failed_at = (!has_found && has_seen_all).then_some(appended);
    }

    /// Whether `len` bytes more would be taken.
    pub(crate) fn has_room_for(&self, len: usize) -> bool {
        self.admit_late(len).is_ok()
    }

    /// Whether `len` bytes more leave room enough that nothing need be looked for yet.
    fn is_ample(&self, len: usize) -> bool {
        let (part, of) = AMPLE_PART;
        let pending_bytes = self.state.queue.pending_bytes + len;
        pending_bytes <= self.pending_max / of * part
    }

    fn admit(&self, len: usize) -> Result<(), Refused> {
        if self.state.is_ahead() && !self.state.is_ending() && !self.is_ample(len) {
            return Err(Refused::Full(len));
        }
        self.admit_late(len)
    }

    /// As [`Writing::admit`], up to the last byte that may wait.
    fn admit_late(&self, len: usize) -> Result<(), Refused> {
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
        self.known_thinning().map_or(0, |it| it.removed_bytes)
    }

    fn known_thinning(&self) -> Option<&Thinning> {
        self.rare.as_deref()?.thinning.as_deref()
    }

    fn thinning(&mut self) -> &mut Thinning {
        self.rare().thinning.get_or_insert_default()
    }

    /// Whether what has been superseded is looked for before there is no room.
    fn is_ahead(&self) -> bool {
        self.known_thinning().is_some_and(|it| it.is_ahead)
    }
}
