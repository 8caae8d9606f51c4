//! The most that all outboxes of a server hold together.
//!
//! What is counted is memory: the pieces that outboxes hold, whole, and each shared payload once.
//! Workers count for themselves and settle in steps, so no message touches what all share; a count
//! is therefore off by less than a [`STEP`] for each worker. Invariant: once nothing waits and every
//! worker has settled, it is zero.

use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;

use super::chunk::{Chunks, Pool};

/// How much a worker may be ahead of what it has told, in bytes: four of the larger pieces. A guess
/// between the cost of telling and what a small limit can bear.
pub(super) const STEP: usize = 256 * 1024;

/// Bytes held, and the most that may be.
pub(crate) struct Ceiling {
    /// Below zero where one worker has told of what came back and another not yet of what went out.
    used: AtomicIsize,
    max: AtomicUsize,
    relief: OnceLock<Weak<dyn Relief>>,
}

/// Whoever can make room when too much is held.
pub(crate) trait Relief: Send + Sync {
    /// Makes some; gives the memory back through `chunks`. Called without a lock.
    fn relieve(&self, chunks: &mut Chunks);
}

impl Default for Ceiling {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Ceiling {
    pub(super) fn new(max: usize) -> Self {
        Self {
            used: AtomicIsize::new(0),
            max: AtomicUsize::new(max),
            relief: OnceLock::new(),
        }
    }

    /// Names who makes room; only the first counts.
    pub(crate) fn set_relief(&self, relief: Weak<dyn Relief>) {
        let _ = self.relief.set(relief);
    }

    /// Allows so many bytes from now on.
    pub(crate) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    pub(crate) fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }

    /// How many bytes are held, as far as workers have told.
    pub(crate) fn used(&self) -> usize {
        usize::try_from(self.used.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// How many more may be.
    pub(super) fn room(&self) -> usize {
        self.max().saturating_sub(self.used())
    }

    /// Adds what a worker has to tell; whether too much is held.
    pub(super) fn tell(&self, bytes: isize) -> bool {
        // Relaxed: the number stands for itself.
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        usize::try_from(used).is_ok_and(|used| used > self.max())
    }

    pub(super) fn relief(&self) -> Option<Arc<dyn Relief>> {
        self.relief.get().and_then(Weak::upgrade)
    }
}

/// A payload that readers share: counted until the last of them has it.
pub(super) struct Held {
    bytes: Bytes,
    pool: Arc<Pool>,
}

impl Held {
    /// `bytes`, which the caller has counted, so that their end is counted too.
    pub(super) fn wrap(bytes: Bytes, pool: &Arc<Pool>) -> Bytes {
        Bytes::from_owner(Self {
            bytes,
            pool: Arc::clone(pool),
        })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Whoever drops it has no worker at hand. Once for each payload of 16 KiB and more.
        self.pool.ceiling().tell(-(self.bytes.len() as isize));
    }
}
