//! What one connection is still to be sent.
//!
//! ```text
//! deliver ─▶ [ chunk ][ shared payload ][ chunk ] ─▶ flush ─▶ socket
//!                                         ▲ appended here      ▲ written from the front
//! ```
//!
//! Any worker may append, and any worker may flush: the one that flushes takes the segments out,
//! writes without holding the lock, and puts back what the socket did not take. Invariants: one
//! writer at a time; an outbox that is being written or is blocked is flushed by nobody else; what
//! is pending never exceeds the limit by more than the last words of a connection.

mod lost;
mod walks;
mod writing;

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::backlog::{Backlog, Stalls};
use super::chunk::Chunks;
use super::queue::{Dropped, Queue, Segments, Sight};
use super::reason::Reason;
use super::share::{Share, Shares};
use super::sync::{Mutex, MutexGuard};
use super::wire::Wire;
use walks::Thinning;
pub(crate) use walks::Walk;
pub(crate) use writing::Writing;

/// More pending than this, in bytes, and publishers hold back for a while: what a reader has not
/// read by then has left the cache. From the trial measured 2026-11.
const HIGH_WATER: usize = 512 * 1024;
/// Less pending than this, in bytes, and they go on.
const LOW_WATER: usize = HIGH_WATER / 2;

/// The outbox of one connection, and the wire behind it.
pub(crate) struct Outbox<W: ?Sized = dyn Wire> {
    state: Mutex<State>,
    /// More pending than this, in bytes, and the reader is cut.
    pending_max: usize,
    wire: W,
}

/// What became of a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing is left.
    Done,
    /// Somebody else is at it, and will send what was appended meanwhile.
    Busy,
    /// The socket is full; its own loop has been woken to wait for room.
    Blocked,
}

/// How an outbox stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Status {
    /// The socket took no more when last asked.
    pub(crate) is_blocked: bool,
    /// Everything has been written.
    pub(crate) is_empty: bool,
    /// How many bytes the socket has ever taken.
    pub(crate) drained_bytes: u64,
    /// Why nothing more is appended.
    pub(crate) ending: Option<Reason>,
    /// Somebody has something to tell the session.
    pub(crate) is_notified: bool,
}

/// Why nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// So many bytes would exceed the limit.
    Full(usize),
    /// The connection is ending.
    Ending,
}

#[derive(Default)]
struct State {
    queue: Queue,
    drained_bytes: u64, // Ever taken by the socket; shows progress.
    is_noted: bool,
    is_writing: bool,
    is_blocked: bool,
    is_notified: bool,
    /// Nobody will ever read: what a writer brings back goes the way of all else.
    is_discarded: bool,
    owner: Option<Waker>,
    rare: Option<Box<Rare>>,
}

/// What an outbox has only once something has gone wrong, or is bounded together with others.
#[derive(Default)]
struct Rare {
    ending: Option<Ending>,
    /// `drained_bytes` when a publisher last waited for this reader.
    waited_at: Option<u64>,
    waiting: Vec<Waker>, // Publishers that wait for this outbox to drain.
    stalls: Stalls,
    /// What this outbox may hold together with others.
    shares: Shares,
    /// What the reader has lost so far.
    dropped: Dropped,
    /// That which somebody is to read before it goes.
    lost: Segments,
    /// How many read parts of it at the moment.
    readers: u32,
    /// What was taken out to make room.
    thinning: Option<Box<Thinning>>,
}

struct Ending {
    reason: Reason,
    /// Set by a cut until the queue has been dropped: the last thing to say.
    last_words: Option<Vec<u8>>,
}

impl<W> Outbox<W> {
    pub(crate) fn new(wire: W, pending_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            pending_max,
            wire,
        }
    }

    /// The concrete wire, for the loop that owns it.
    pub(crate) fn wire(&self) -> &W {
        &self.wire
    }
}

impl<W: ?Sized + Wire> Outbox<W> {
    /// Writes what is queued until nothing is left or the socket is full.
    ///
    /// # Errors
    ///
    /// What the socket said; the connection is of no use any more.
    pub(crate) fn flush(&self, chunks: &mut Chunks) -> io::Result<Flushed> {
        let mut state = self.state.lock();
        state.is_noted = false;
        if state.is_writing {
            return Ok(Flushed::Busy);
        }
        if state.is_blocked {
            return Ok(Flushed::Blocked);
        }
        state.is_writing = true;
        while !state.queue.is_empty() || self.wire.is_behind() {
            let mut segments = state.queue.take();
            let sampled = match chunks.is_sample_due() {
                true => state.queue.front(&segments),
                false => None,
            };
            drop(state);
            let written = match segments.is_empty() {
                true => Ok(None), // Only what the wire holds is left.
                false => segments.write_to(&self.wire).map(Some),
            };
            let taken = written.as_ref().map_or(0, |taken| taken.unwrap_or(0));
            let written = written.and_then(|taken| self.wire.try_drain().map(|()| taken));
            segments.advance(taken, chunks);
            if let Some((came, _)) = sampled.filter(|(_, len)| *len <= taken) {
                chunks.sample(came);
            }
            state = self.state.lock();
            state.put_back(segments, taken, chunks);
            match written {
                Ok(Some(0)) => return state.stop_writing(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {
                    state.end_stall(chunks.now());
                    state = self.release_waiting(state);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    state.is_blocked = true;
                    state.rare().stalls.begin(chunks.now());
                    wake_after(state);
                    return Ok(Flushed::Blocked);
                }
                Err(error) => return state.stop_writing(Err(error)),
            }
        }
        if state.is_ending() {
            wake_after(state); // The owner waits for the last byte to hang up.
        } else {
            state.is_writing = false;
        }
        Ok(Flushed::Done)
    }

    /// Lets the publishers go on that waited for what has been written now.
    fn release_waiting<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let is_low = state.queue.pending_bytes <= LOW_WATER;
        let waiting = match &mut state.rare {
            Some(rare) if is_low && !rare.waiting.is_empty() => std::mem::take(&mut rare.waiting),
            _ => return state,
        };
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        self.state.lock()
    }

    /// Writes under the lock; the guard notes the outbox in `wakes` where that is needed.
    pub(crate) fn lock(&self) -> Writing<'_> {
        Writing {
            state: self.state.lock(),
            pending_max: self.pending_max,
        }
    }

    /// Remembers whom to wake when the connection itself has something to do.
    pub(crate) fn set_owner(&self, waker: &Waker) {
        let mut state = self.state.lock();
        if !state
            .owner
            .as_ref()
            .is_some_and(|owner| owner.will_wake(waker))
        {
            state.owner = Some(waker.clone());
        }
    }

    /// Wakes the loop of this connection.
    pub(crate) fn wake_owner(&self) {
        let owner = self.state.lock().owner.clone();
        if let Some(owner) = owner {
            owner.wake();
        }
    }

    /// Has the loop of this connection tell its session that there is something to look at.
    pub(crate) fn notify(&self) {
        let mut state = self.state.lock();
        state.is_notified = true;
        let owner = state.owner.clone();
        drop(state);
        owner.into_iter().for_each(Waker::wake);
    }

    /// The session is being told.
    pub(crate) fn take_notice(&self) {
        self.state.lock().is_notified = false;
    }

    /// The socket has room again, and the wire holds nothing: whoever comes next may flush.
    pub(crate) fn unblock(&self) {
        self.state.lock().is_blocked = false;
    }

    /// What the loop of the connection must know, in one look.
    pub(crate) fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            is_blocked: state.is_blocked,
            // A wire that is full may hold the end of what it took.
            is_empty: state.queue.is_empty()
                && !state.is_writing
                && !state.is_blocked
                && !self.wire.is_behind(),
            drained_bytes: state.drained_bytes,
            ending: state.ending().map(|ending| ending.reason),
            is_notified: state.is_notified,
        }
    }

    /// Counts what waits here in `shares` from now on, and in no other.
    pub(crate) fn share(&self, shares: impl Iterator<Item = Arc<Share>>) {
        let mut state = self.state.lock();
        state.rare().shares.replace(shares);
        state.settle();
    }

    /// What waits here, and how the reader has coped so far.
    pub(crate) fn backlog(&self, now: Instant) -> Backlog {
        let state = self.state.lock();
        let mut backlog = Backlog::default();
        state.queue.report(&mut backlog, now);
        if let Some(rare) = &state.rare {
            rare.stalls.report(&mut backlog, now);
        }
        backlog
    }

    /// Shows `look` what waits, chunk by chunk from the oldest on, until it has seen `bytes_max` of
    /// it or all; the lock is held for one chunk at a time.
    pub(crate) fn show(&self, bytes_max: usize, now: Instant, look: &mut dyn FnMut(&Sight)) {
        let (mut place, mut sight, mut seen) = (None, Sight::default(), 0);
        while seen < bytes_max {
            let state = self.state.lock();
            let is_found = state.show(&mut place, &mut sight, now);
            drop(state);
            if !is_found {
                break;
            }
            seen += sight.text.len();
            look(&sight);
        }
    }

    /// Makes room for others: sets aside what is queued behind the message under way, says
    /// `last_words` and ends. Tells how much of it a writer still holds, in bytes.
    pub(crate) fn evict(&self, last_words: &[u8], chunks: &mut Chunks) -> usize {
        let mut state = self.state.lock();
        let reason = Reason::SlowConsumerPendingTotal;
        state.cut(reason, last_words.to_vec(), chunks);
        let held = match state.is_writing {
            true => state.queue.pending_bytes,
            false => 0,
        };
        let owner = state.owner.clone();
        drop(state);
        owner.into_iter().for_each(Waker::wake);
        held
    }

    /// How much waits here and can be dropped, in bytes; what has been dropped, and is still here,
    /// goes before all else.
    pub(crate) fn evictable_bytes(&self) -> usize {
        let state = self.state.lock();
        match &state.rare {
            Some(rare) if !rare.lost.is_empty() && !state.is_discarded => usize::MAX,
            _ if state.is_ending() => 0,
            _ => state.queue.pending_bytes,
        }
    }

    /// Nothing more may be appended; what is queued is still sent. The first reason counts.
    pub(crate) fn end(&self, reason: Reason) {
        self.state.lock().end(reason, None);
    }

    /// Whether a publisher should hold back for this reader: it has much to read, and it has read
    /// something since somebody last waited for it.
    pub(crate) fn wants_pause(&self) -> bool {
        let mut state = self.state.lock();
        if state.queue.pending_bytes <= HIGH_WATER || state.is_ending() {
            return false;
        }
        let drained_bytes = state.drained_bytes;
        state.rare().waited_at.replace(drained_bytes) != Some(drained_bytes)
    }

    /// Whether the reader has caught up, or is gone; if not, wakes `waker` when it has.
    pub(crate) fn has_room_or_wake(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        if state.queue.pending_bytes <= LOW_WATER || state.is_ending() {
            return true;
        }
        let waiting = &mut state.rare().waiting;
        if !waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            waiting.push(waker.clone());
        }
        false
    }
}

impl State {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn ending(&self) -> Option<&Ending> {
        self.rare.as_ref()?.ending.as_ref()
    }

    fn is_ending(&self) -> bool {
        self.ending().is_some()
    }

    fn put_back(&mut self, rest: Segments, written: usize, chunks: &mut Chunks) {
        self.drained_bytes += written as u64;
        if self.is_discarded {
            return rest.give_to(chunks);
        }
        self.queue.put_back(rest, written);
        self.settle();
        self.apply_cut(chunks);
    }

    /// Tells the shares how much waits here.
    fn settle(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.shares.settle(self.queue.pending_bytes);
            if let Some(thinning) = &mut rare.thinning {
                thinning.relax(self.queue.pending_bytes);
            }
        }
    }

    fn end_stall(&mut self, now: Instant) {
        if let Some(rare) = &mut self.rare {
            rare.stalls.end(now);
        }
    }

    fn stop_writing(&mut self, result: io::Result<Flushed>) -> io::Result<Flushed> {
        self.is_writing = false;
        result
    }

    fn end(&mut self, reason: Reason, last_words: Option<Vec<u8>>) {
        if !self.is_ending() {
            self.rare().ending = Some(Ending { reason, last_words });
        }
    }

    /// Ends behind the message under way, now or when its writer is back; the first reason counts.
    fn cut(&mut self, reason: Reason, last_words: Vec<u8>, chunks: &mut Chunks) {
        self.end(reason, Some(last_words));
        if !self.is_writing {
            self.apply_cut(chunks);
        }
    }

    /// Once, after a cut, when no writer has the front of the queue.
    fn apply_cut(&mut self, chunks: &mut Chunks) {
        let Some(rare) = &mut self.rare else { return };
        let ending = rare.ending.as_mut();
        if let Some(words) = ending.and_then(|ending| ending.last_words.take()) {
            rare.lost = self.queue.cut(&words, &mut rare.dropped, chunks);
            self.settle();
        }
    }
}

/// Ends a turn of writing and wakes the connection's own loop.
fn wake_after(mut state: MutexGuard<'_, State>) {
    state.is_writing = false;
    let owner = state.owner.clone();
    drop(state);
    owner.into_iter().for_each(Waker::wake);
}
