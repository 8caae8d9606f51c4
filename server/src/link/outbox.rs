//! What one connection is still to be sent.
//!
//! ```text
//! deliver ─▶ [ chunk ][ shared payload ][ chunk ] ─▶ flush ─▶ socket
//!                                         ▲ appended here      ▲ written from the front
//! ```
//!
//! Any worker may append, and any worker may flush: the one that flushes takes the segments out,
//! writes without holding the lock, and puts back what the socket did not take. Invariants: one
//! writer at a time; an outbox that is being written or is blocked is flushed by nobody else;
//! `pending_bytes` never exceeds the limit by more than the last words of a connection; a chunk always
//! begins a message and a shared payload never does, so that a connection can be cut between two
//! messages.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use super::{Chunks, Reason, Wakes};

/// The most segments handed to the kernel at once; more than this fit no socket buffer.
const VECTORS_MAX: usize = 64;
/// More pending than this, in bytes, and publishers hold back for a while: what a reader has not
/// read by then has left the cache. From the trial measured 2026-11.
const HIGH_WATER: usize = 512 * 1024;
/// Less pending than this, in bytes, and they go on.
const LOW_WATER: usize = HIGH_WATER / 2;

/// The side of a socket that can be written from any thread without waiting.
pub(crate) trait Wire: Send + Sync {
    /// Writes what fits now; `WouldBlock` if nothing does.
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
}

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
}

/// Why nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It would exceed the limit.
    Full,
    /// The connection is ending.
    Ending,
}

#[derive(Default)]
struct State {
    segments: SmallVec<[Segment; 1]>, // Sent from the front.
    pending_bytes: usize,             // In `segments` and in the hands of a writer.
    drained_bytes: u64,               // Ever taken by the socket; shows progress.
    /// `drained_bytes` when a publisher last waited for this reader.
    waited_at: Option<u64>,
    ending: Option<Ending>,
    is_noted: bool,
    is_writing: bool,
    is_blocked: bool,
    owner: Option<Waker>,
    waiting: Vec<Waker>, // Publishers that wait for this outbox to drain.
    dropped: Dropped,
}

/// What was queued and will not be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

struct Ending {
    reason: Reason,
    /// Set by a cut until the queue has been dropped: the last thing to say.
    last_words: Option<Box<[u8]>>,
}

struct Segment {
    data: Data,
    sent: usize,   // At most the length of `data`.
    messages: u32, // How many begin in it.
}

enum Data {
    /// Whole messages, but for the last one if a shared payload follows.
    Chunk(Vec<u8>),
    /// The rest of a message whose head stands in the chunk before.
    Shared(Bytes),
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
        if state.segments.is_empty() {
            return Ok(Flushed::Done);
        }
        state.is_writing = true;
        loop {
            let mut segments = std::mem::take(&mut state.segments);
            drop(state);
            let written = self.write(&segments);
            advance(&mut segments, *written.as_ref().unwrap_or(&0), chunks);
            state = self.state.lock();
            state.put_back(segments);
            match written {
                Ok(0) => return state.stop_writing(Err(io::ErrorKind::WriteZero.into())),
                Ok(bytes) => state.drained(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    state.is_blocked = true;
                    let owner = state.owner.clone();
                    let result = state.stop_writing(Ok(Flushed::Blocked));
                    drop(state);
                    if let Some(owner) = owner {
                        owner.wake();
                    }
                    return result;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return state.stop_writing(Err(error)),
            }
            let waiting = state.released();
            if state.segments.is_empty() {
                state.is_writing = false;
                // An owner that waits for the last byte before it hangs up.
                let owner = state.ending.as_ref().and(state.owner.clone());
                drop(state);
                waiting.into_iter().chain(owner).for_each(Waker::wake);
                return Ok(Flushed::Done);
            }
            if !waiting.is_empty() {
                drop(state);
                waiting.into_iter().for_each(Waker::wake);
                state = self.state.lock();
            }
        }
    }

    fn write(&self, segments: &[Segment]) -> io::Result<usize> {
        if let [segment] = segments {
            return self.wire.try_write(&[IoSlice::new(segment.left())]);
        }
        let vectors: SmallVec<[IoSlice<'_>; VECTORS_MAX]> = segments
            .iter()
            .take(VECTORS_MAX)
            .map(|segment| IoSlice::new(segment.left()))
            .collect();
        self.wire.try_write(&vectors)
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

    /// The socket has room again: whoever comes next may flush.
    pub(crate) fn unblock(&self) {
        self.state.lock().is_blocked = false;
    }

    /// What the loop of the connection must know, in one look.
    pub(crate) fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            is_blocked: state.is_blocked,
            is_empty: state.segments.is_empty() && !state.is_writing,
            drained_bytes: state.drained_bytes,
            ending: state.ending.as_ref().map(|ending| ending.reason),
        }
    }

    /// Nothing more may be appended; what is queued is still sent. The first reason counts.
    pub(crate) fn end(&self, reason: Reason) {
        self.state.lock().end(reason, None);
    }

    /// Drops all that is queued, since nobody will read it; tells what the reader lost by this and
    /// by a cut before.
    pub(crate) fn discard(&self, chunks: &mut Chunks) -> Dropped {
        let mut state = self.state.lock();
        let segments = std::mem::take(&mut state.segments);
        let mut dropped = state.dropped;
        for segment in &segments {
            dropped.messages += u64::from(segment.messages);
            dropped.bytes += segment.left().len() as u64;
        }
        state.pending_bytes = 0;
        let waiting = std::mem::take(&mut state.waiting);
        state.owner = None;
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        for segment in segments {
            if let Data::Chunk(chunk) = segment.data {
                chunks.give(chunk);
            }
        }
        dropped
    }

    /// Whether a publisher should hold back for this reader: it has much to read, and it has read
    /// something since somebody last waited for it.
    pub(crate) fn wants_pause(&self) -> bool {
        let mut state = self.state.lock();
        if state.pending_bytes <= HIGH_WATER || state.ending.is_some() {
            return false;
        }
        let has_progressed = state.waited_at != Some(state.drained_bytes);
        state.waited_at = Some(state.drained_bytes);
        has_progressed
    }

    /// Whether the reader has caught up, or is gone; if not, wakes `waker` when it has.
    pub(crate) fn has_room_or_wake(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        if state.pending_bytes <= LOW_WATER || state.ending.is_some() {
            return true;
        }
        if !state.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            state.waiting.push(waker.clone());
        }
        false
    }
}

impl State {
    fn put_back(&mut self, segments: SmallVec<[Segment; 1]>) {
        if !segments.is_empty() {
            let appended = std::mem::replace(&mut self.segments, segments);
            self.segments.extend(appended);
        }
        self.apply_cut();
    }

    fn drained(&mut self, bytes: usize) {
        self.drained_bytes += bytes as u64;
        self.pending_bytes = self.pending_bytes.saturating_sub(bytes);
    }

    /// The publishers that may go on now.
    fn released(&mut self) -> Vec<Waker> {
        if self.pending_bytes <= LOW_WATER {
            std::mem::take(&mut self.waiting)
        } else {
            Vec::new()
        }
    }

    fn stop_writing(&mut self, result: io::Result<Flushed>) -> io::Result<Flushed> {
        self.is_writing = false;
        result
    }

    fn end(&mut self, reason: Reason, last_words: Option<Box<[u8]>>) {
        if self.ending.is_none() {
            self.ending = Some(Ending { reason, last_words });
            if !self.is_writing {
                self.apply_cut();
            }
        }
    }

    /// After a cut: keeps the message that is under way, drops those behind it, says the last
    /// words.
    fn apply_cut(&mut self) {
        let Some(words) = self
            .ending
            .as_mut()
            .and_then(|ending| ending.last_words.take())
        else {
            return;
        };
        let keep = self
            .segments
            .iter()
            .enumerate()
            .position(|(at, segment)| segment.begins_message() && (at > 0 || segment.sent == 0))
            .unwrap_or(self.segments.len());
        for segment in &self.segments[keep..] {
            self.dropped.messages += u64::from(segment.messages);
            self.dropped.bytes += segment.left().len() as u64;
        }
        self.segments.truncate(keep);
        self.segments.push(Segment {
            data: Data::Chunk(words.into_vec()),
            sent: 0,
            messages: 0,
        });
        self.pending_bytes = self
            .segments
            .iter()
            .map(|segment| segment.left().len())
            .sum();
    }
}

/// Takes `written` bytes off the front of `segments`; the memory of finished ones goes back into
/// `chunks`. Called without the lock.
fn advance(segments: &mut SmallVec<[Segment; 1]>, mut written: usize, chunks: &mut Chunks) {
    let mut finished = 0;
    for segment in segments.iter_mut() {
        let left = segment.left().len();
        if written < left {
            segment.sent += written;
            break;
        }
        written -= left;
        finished += 1;
    }
    for segment in segments.drain(..finished) {
        if let Data::Chunk(chunk) = segment.data {
            chunks.give(chunk);
        }
    }
}

/// An outbox under its lock.
pub(crate) struct Writing<'a> {
    state: MutexGuard<'a, State>,
    pending_max: usize,
}

impl Writing<'_> {
    /// Appends `parts`, one after another, as one message of the wire.
    ///
    /// # Errors
    ///
    /// Nothing was appended; an outbox that is full stays open until it is [`Writing::cut`].
    pub(crate) fn append(
        &mut self,
        parts: &[&[u8]],
        outbox: &Arc<Outbox>,
        wakes: &mut Wakes,
    ) -> Result<(), Refused> {
        let len = parts.iter().map(|part| part.len()).sum();
        self.admit(len, outbox, wakes)?;
        self.push(len, parts, 1, wakes);
        Ok(())
    }

    /// Appends a line that is no delivery, and is not counted as one if it is lost.
    ///
    /// # Errors
    ///
    /// As for [`Writing::append`].
    pub(crate) fn append_line(
        &mut self,
        line: &[u8],
        outbox: &Arc<Outbox>,
        wakes: &mut Wakes,
    ) -> Result<(), Refused> {
        self.admit(line.len(), outbox, wakes)?;
        self.push(line.len(), &[line], 0, wakes);
        Ok(())
    }

    /// Appends `parts` and behind them `shared`, without copying it.
    ///
    /// # Errors
    ///
    /// As for [`Writing::append`].
    pub(crate) fn append_shared(
        &mut self,
        parts: &[&[u8]],
        shared: Bytes,
        outbox: &Arc<Outbox>,
        wakes: &mut Wakes,
    ) -> Result<(), Refused> {
        let head = parts.iter().map(|part| part.len()).sum();
        self.admit(head + shared.len(), outbox, wakes)?;
        self.push(head, parts, 1, wakes);
        let segment = Segment {
            data: Data::Shared(shared),
            sent: 0,
            messages: 0,
        };
        self.state.segments.push(segment);
        Ok(())
    }

    /// Drops what is queued behind the message under way, and the one that did not fit; says
    /// `last_words` and ends. Wake what is returned when the lock is gone.
    pub(crate) fn cut(&mut self, reason: Reason, last_words: &[u8]) -> Option<Waker> {
        self.state.dropped.messages += 1;
        self.state.end(reason, Some(last_words.into()));
        self.state.owner.clone()
    }

    fn admit(
        &mut self,
        len: usize,
        outbox: &Arc<Outbox>,
        wakes: &mut Wakes,
    ) -> Result<(), Refused> {
        let state = &mut *self.state;
        if state.ending.is_some() {
            return Err(Refused::Ending);
        }
        if state.pending_bytes + len > self.pending_max {
            return Err(Refused::Full);
        }
        state.pending_bytes += len;
        wakes.queued_bytes += len;
        if !(state.is_noted || state.is_writing || state.is_blocked) {
            state.is_noted = true;
            wakes.noted.push(Arc::clone(outbox));
        }
        Ok(())
    }

    fn push(&mut self, len: usize, parts: &[&[u8]], count: u32, wakes: &mut Wakes) {
        let segments = &mut self.state.segments;
        let is_first = segments.is_empty();
        if let Some(Segment {
            data: Data::Chunk(chunk),
            messages,
            ..
        }) = segments.last_mut()
            && chunk.capacity() - chunk.len() >= len
        {
            parts.iter().for_each(|part| chunk.extend_from_slice(part));
            *messages += count;
            return;
        }
        let mut chunk = wakes.chunks().take(len, is_first);
        parts.iter().for_each(|part| chunk.extend_from_slice(part));
        segments.push(Segment {
            data: Data::Chunk(chunk),
            sent: 0,
            messages: count,
        });
    }
}
