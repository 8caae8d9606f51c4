//! Outbound memory: pieces of two fixed sizes, used again and again.
//!
//! One buffer that grows for each connection made the kernel clear fresh pages for four fifths of
//! the time a message took; pieces that stay warm in the cache took it to a sixth (measured
//! 2026-11). A worker keeps a few pieces at hand and takes no lock for them; the rest are in the
//! server's pool, which is trimmed while little happens.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::ceiling::{Ceiling, Held, STEP};
use super::latency::{Latency, SAMPLE_INTERVAL};
use super::queue::Segment;
use super::sync::Mutex;

/// A piece for the first few messages of an outbox, so that many readers of little traffic do not
/// spread over the whole cache. A guess between one message and a page's worth of them.
const SMALL: usize = 4 * 1024;
/// A piece for an outbox that has more to say.
pub(crate) const LARGE: usize = 64 * 1024;
/// How many pieces of one size a worker keeps before it puts half of them into the pool.
const LOCAL_MAX: usize = 128;
/// How many segments a list for an outbox holds without growing; one that has grown is not used
/// again.
const LIST_LEN: usize = 4;
/// How many pieces of one size the pool keeps; what is over goes back to the allocator. Enough for
/// a fan-out to some thousand readers: with 32 and 512 the same took 1.14 times the CPU and three
/// times the memory at 1,000 (2026-11).
const POOL_MAX: usize = 4096;

/// The pieces that no worker holds.
#[derive(Default)]
pub(crate) struct Pool {
    shelves: Mutex<Shelves>,
    ceiling: Ceiling,
    latency: Arc<Latency>,
}

/// Empty pieces, by size; every one has exactly that capacity.
#[derive(Default)]
struct Shelves {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    /// The fewest pieces of both sizes since the last trim: nobody needed so many.
    spare: (usize, usize),
}

impl Pool {
    /// A pool for outboxes that may hold `pending_total_max` bytes together, whose samples are
    /// timed by `clock`.
    pub(crate) fn new(pending_total_max: usize, clock: fn() -> Instant) -> Self {
        Self {
            shelves: Mutex::default(),
            ceiling: Ceiling::new(pending_total_max),
            latency: Arc::new(Latency::new(clock)),
        }
    }

    /// How long messages take.
    pub(crate) fn latency(&self) -> Arc<Latency> {
        Arc::clone(&self.latency)
    }

    /// What all outboxes hold, and may.
    pub(crate) fn ceiling(&self) -> &Ceiling {
        &self.ceiling
    }

    /// An empty piece of [`LARGE`] bytes, if there is one; what it is used for is no outbox's.
    pub(crate) fn take_large(&self) -> Option<Vec<u8>> {
        let mut shelves = self.shelves.lock();
        let piece = shelves.large.pop();
        shelves.spare.1 = shelves.large.len().min(shelves.spare.1);
        piece
    }

    /// Takes such a piece back.
    pub(crate) fn give_large(&self, mut piece: Vec<u8>) {
        piece.clear();
        let mut shelves = self.shelves.lock();
        if shelves.large.len() < POOL_MAX {
            shelves.large.push(piece);
        }
    }

    /// Gives half of what nobody needed lately back to the allocator; true if nothing is kept.
    pub(crate) fn trim(&self) -> bool {
        let mut shelves = self.shelves.lock();
        let (small, large) = shelves.spare;
        let small_left = shelves.small.len() - small.div_ceil(2).min(shelves.small.len());
        let large_left = shelves.large.len() - large.div_ceil(2).min(shelves.large.len());
        let dropped = (
            shelves.small.split_off(small_left),
            shelves.large.split_off(large_left),
        );
        shelves.spare = (small_left, large_left);
        let is_empty = small_left == 0 && large_left == 0;
        if is_empty {
            *shelves = Shelves::default();
        }
        drop(shelves);
        drop(dropped);
        is_empty
    }
}

/// The pieces that one worker holds.
pub(crate) struct Chunks {
    pool: Arc<Pool>,
    shelves: Shelves,
    /// Empty lists; at most `LOCAL_MAX`.
    lists: Vec<Vec<Segment>>,
    /// The time of the round that writes.
    now: Instant,
    /// When the next sample of latency is due.
    sample_at: Instant,
    /// What has gone into outboxes and not been told of, in bytes; below zero: come back.
    untold: isize,
    /// All outboxes together held too much when last told.
    is_over: bool,
}

impl Chunks {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self {
            pool,
            shelves: Shelves::default(),
            lists: Vec::new(),
            now: Instant::now(),
            sample_at: Instant::now(),
            untold: 0,
            is_over: false,
        }
    }

    /// What is written from here on is written at `now`.
    pub(crate) fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Whether somebody is to look how long what it writes has taken.
    pub(super) fn is_sample_due(&self) -> bool {
        self.now >= self.sample_at
    }

    /// What was read at `start` has been written now.
    #[cold]
    pub(super) fn sample(&mut self, start: Instant) {
        self.sample_at = self.now + SAMPLE_INTERVAL;
        self.pool.latency.note(start);
    }

    /// Makes sure that the next [`Chunks::take`] needs no lock: it happens under one.
    pub(crate) fn prepare(&mut self) {
        let Shelves { small, large, .. } = &self.shelves;
        if small.is_empty() || large.is_empty() || self.lists.is_empty() {
            self.refill();
        }
    }

    #[cold]
    fn refill(&mut self) {
        if self.lists.is_empty() {
            self.lists.push(Vec::with_capacity(LIST_LEN));
        }
        let mut pool = self.pool.shelves.lock();
        let Shelves {
            small,
            large,
            spare,
        } = &mut *pool;
        for (shelf, stock, spare, size) in [
            (&mut self.shelves.small, small, &mut spare.0, SMALL),
            (&mut self.shelves.large, large, &mut spare.1, LARGE),
        ] {
            if shelf.is_empty() {
                let from = stock.len().saturating_sub(LOCAL_MAX / 2);
                shelf.extend(stock.drain(from..));
                *spare = stock.len().min(*spare);
            }
            if shelf.is_empty() {
                shelf.push(Vec::with_capacity(size));
            }
        }
    }

    /// An empty piece that holds at least `len` bytes; a small one if it will do and `is_first`.
    pub(crate) fn take(&mut self, len: usize, is_first: bool) -> Vec<u8> {
        let (shelf, size) = match (is_first, len) {
            (true, 0..=SMALL) => (&mut self.shelves.small, SMALL),
            (_, 0..=LARGE) => (&mut self.shelves.large, LARGE),
            _ => {
                self.count(len as isize);
                return Vec::with_capacity(len);
            }
        };
        let chunk = shelf.pop().unwrap_or_else(|| Vec::with_capacity(size));
        self.count(size as isize);
        chunk
    }

    /// `bytes`, which readers will share, counted until the last of them lets go.
    pub(super) fn hold(&mut self, bytes: Bytes) -> Bytes {
        self.count(bytes.len() as isize);
        Held::wrap(bytes, &self.pool)
    }

    fn count(&mut self, bytes: isize) {
        self.untold += bytes;
        if self.untold.unsigned_abs() >= STEP {
            self.tell();
        }
    }

    /// Tells what has not been told.
    #[cold]
    pub(crate) fn tell(&mut self) {
        self.is_over = self.pool.ceiling.tell(std::mem::take(&mut self.untold));
    }

    /// Has somebody make room, if all outboxes together hold too much.
    pub(super) fn relieve(&mut self) {
        if self.is_over {
            self.find_relief();
        }
    }

    #[cold]
    fn find_relief(&mut self) {
        self.tell();
        if let Some(relief) = self.pool.ceiling.relief().filter(|_| self.is_over) {
            relief.relieve(self);
            self.tell();
        }
    }

    /// Takes a piece back.
    pub(crate) fn give(&mut self, mut chunk: Vec<u8>) {
        chunk.clear();
        let capacity = chunk.capacity();
        self.count(-(capacity as isize));
        let shelf = match capacity {
            SMALL => &mut self.shelves.small,
            LARGE => &mut self.shelves.large,
            _ => return,
        };
        shelf.push(chunk);
        if shelf.len() > LOCAL_MAX {
            self.overflow();
        }
    }

    /// An empty list with room for a segment.
    pub(super) fn take_list(&mut self) -> Vec<Segment> {
        let known = self.lists.pop();
        known.unwrap_or_else(|| Vec::with_capacity(LIST_LEN))
    }

    /// Takes an emptied list back.
    pub(super) fn give_list(&mut self, list: Vec<Segment>) {
        if list.capacity() == LIST_LEN && self.lists.len() < LOCAL_MAX {
            self.lists.push(list);
        }
    }

    #[cold]
    fn overflow(&mut self) {
        // What lies about must not add to what is held beyond the limit.
        let room = self.pool.ceiling.room();
        let mut pool = self.pool.shelves.lock();
        let Shelves { small, large, .. } = &mut *pool;
        for (shelf, stock, size) in [
            (&mut self.shelves.small, small, SMALL),
            (&mut self.shelves.large, large, LARGE),
        ] {
            let keep = shelf.len().min(LOCAL_MAX / 2);
            stock.extend(shelf.drain(keep..));
            stock.truncate(POOL_MAX.min(room / size));
        }
    }

    /// Puts everything into the pool, where it can be trimmed.
    pub(crate) fn return_all(&mut self) {
        self.tell();
        self.lists = Vec::new();
        if self.shelves.small.is_empty() && self.shelves.large.is_empty() {
            return;
        }
        let mut pool = self.pool.shelves.lock();
        pool.small.append(&mut self.shelves.small);
        pool.large.append(&mut self.shelves.large);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_comes_back_and_is_used_again() {
        let mut chunks = Chunks::new(Arc::default());
        chunks.prepare();
        let mut chunk = chunks.take(100, true);
        assert_eq!(chunk.capacity(), SMALL);
        chunk.extend_from_slice(b"x");
        let address = chunk.as_ptr();
        chunks.give(chunk);
        let again = chunks.take(SMALL, true);
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
    }

    #[test]
    fn what_is_kept_is_bounded_and_trimmed() {
        let pool = Arc::<Pool>::default();
        let mut chunks = Chunks::new(Arc::clone(&pool));
        for _ in 0..6000 {
            chunks.give(Vec::with_capacity(LARGE));
        }
        assert!(chunks.shelves.large.len() <= LOCAL_MAX);
        assert!(pool.shelves.lock().large.len() <= POOL_MAX);
        chunks.return_all();
        for _ in 0..20 {
            pool.trim();
        }
        assert!(pool.trim());
        assert_eq!(pool.shelves.lock().large.capacity(), 0);
    }
}
