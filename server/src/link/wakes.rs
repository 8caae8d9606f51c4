//! The outboxes that one round of work wrote to.

use std::sync::Arc;

use bytes::Bytes;

use super::chunk::{Chunks, Pool};
use super::outbox::Outbox;

/// How much one round may queue before its outboxes are flushed: past the size of a second-level
/// cache the bytes would be fetched twice. A guess, to be settled by measurement.
const ROUND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How much rounds may leave to be flushed later, in bytes: more is worth a write of its own. A
/// guess.
const LEFT_MAX: usize = 32 * 1024;

/// Handed down through every call of a round: notes who must be flushed at its end, and carries
/// the memory that the round writes into.
pub(crate) struct Wakes {
    noted: Vec<Arc<Outbox>>,
    queued_bytes: usize,
    /// Somebody flushes what a round leaves.
    is_leaving: bool,
    chunks: Chunks,
}

impl Wakes {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self {
            noted: Vec::new(),
            queued_bytes: 0,
            is_leaving: false,
            chunks: Chunks::new(pool),
        }
    }

    /// What happens from here on happens at `now`.
    pub(crate) fn set_now(&mut self, now: std::time::Instant) {
        self.chunks.set_now(now);
    }

    /// The time of this round.
    pub(crate) fn now(&self) -> std::time::Instant {
        self.chunks.now()
    }

    /// The memory to write into.
    pub(crate) fn chunks(&mut self) -> &mut Chunks {
        &mut self.chunks
    }

    /// `bytes` for several outboxes to share: counted once, until the last of them has sent it.
    pub(crate) fn hold(&mut self, bytes: Bytes) -> Bytes {
        self.chunks.hold(bytes)
    }

    /// Has room made if all outboxes of the server together hold too much. Take no lock meanwhile.
    pub(crate) fn relieve(&mut self) {
        self.chunks.relieve();
    }

    /// Counts what was queued, and notes the outbox if it must be flushed at the end of the round.
    pub(crate) fn note(&mut self, bytes: usize, outbox: Option<&Arc<Outbox>>) {
        self.queued_bytes += bytes;
        if let Some(outbox) = outbox {
            self.noted.push(Arc::clone(outbox));
        }
    }

    /// Whether there are any.
    pub(crate) fn has_noted(&self) -> bool {
        !self.noted.is_empty()
    }

    /// Says whether somebody flushes what this round leaves.
    pub(crate) fn set_leaving(&mut self, is_leaving: bool) {
        self.is_leaving = is_leaving;
    }

    /// Whether the round may end without flushing: its outboxes go with those of the next ones.
    pub(crate) fn may_leave(&self) -> bool {
        self.is_leaving && self.queued_bytes < LEFT_MAX
    }

    /// How much has been queued since the outboxes were taken, in bytes.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Whether so much is queued that the round should end here.
    pub(crate) fn is_full(&self) -> bool {
        self.queued_bytes > ROUND_BYTES_MAX
    }

    /// The outboxes noted, for flushing; hand the list back with [`Wakes::reuse`].
    pub(crate) fn take_noted(&mut self) -> Vec<Arc<Outbox>> {
        self.queued_bytes = 0;
        std::mem::take(&mut self.noted)
    }

    /// Takes an emptied list back, so that the next round need not allocate one.
    pub(crate) fn reuse(&mut self, mut list: Vec<Arc<Outbox>>) {
        list.clear();
        if self.noted.is_empty() && list.capacity() <= 4096 {
            self.noted = list;
        }
    }
}
