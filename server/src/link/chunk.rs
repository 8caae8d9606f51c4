//! Outbound memory: pieces of two fixed sizes, used again and again.
//!
//! One buffer that grows for each connection made the kernel clear fresh pages for four fifths of
//! the time a message took; pieces that stay warm in the cache took it to a sixth (measured
//! 2026-11). A worker keeps a few pieces at hand and takes no lock for them; the rest are in the
//! server's pool, which is trimmed while little happens.

use std::sync::Arc;
use std::time::Instant;

use super::sync::Mutex;

/// A piece for the first few messages of an outbox, so that many readers of little traffic do not
/// spread over the whole cache. A guess between one message and a page's worth of them.
const SMALL: usize = 4 * 1024;
/// A piece for an outbox that has more to say.
const LARGE: usize = 64 * 1024;
/// How many pieces of one size a worker keeps before it puts half of them into the pool.
const LOCAL_MAX: usize = 128;
/// How many pieces of one size the pool keeps; what is over goes back to the allocator. Enough for
/// a fan-out to some thousand readers: with 32 and 512 the same took 1.14 times the CPU and three
/// times the memory at 1,000 (2026-11).
const POOL_MAX: usize = 4096;

/// The pieces that no worker holds.
#[derive(Default)]
pub(crate) struct Pool {
    shelves: Mutex<Shelves>,
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
    /// The time of the round that writes.
    now: Instant,
}

impl Chunks {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self {
            pool,
            shelves: Shelves::default(),
            now: Instant::now(),
        }
    }

    /// What is written from here on is written at `now`.
    pub(crate) fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Makes sure that the next [`Chunks::take`] needs no lock: it happens under one.
    pub(crate) fn prepare(&mut self) {
        if self.shelves.small.is_empty() || self.shelves.large.is_empty() {
            self.refill();
        }
    }

    #[cold]
    fn refill(&mut self) {
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
            _ => return Vec::with_capacity(len),
        };
        shelf.pop().unwrap_or_else(|| Vec::with_capacity(size))
    }

    /// Takes a piece back.
    pub(crate) fn give(&mut self, mut chunk: Vec<u8>) {
        chunk.clear();
        let shelf = match chunk.capacity() {
            SMALL => &mut self.shelves.small,
            LARGE => &mut self.shelves.large,
            _ => return,
        };
        shelf.push(chunk);
        if shelf.len() > LOCAL_MAX {
            self.overflow();
        }
    }

    #[cold]
    fn overflow(&mut self) {
        let mut pool = self.pool.shelves.lock();
        let Shelves { small, large, .. } = &mut *pool;
        for (shelf, stock) in [
            (&mut self.shelves.small, small),
            (&mut self.shelves.large, large),
        ] {
            let keep = shelf.len().min(LOCAL_MAX / 2);
            stock.extend(shelf.drain(keep..));
            stock.truncate(POOL_MAX);
        }
    }

    /// Puts everything into the pool, where it can be trimmed.
    pub(crate) fn return_all(&mut self) {
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
