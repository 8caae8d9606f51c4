//! Room for others: who must go when all outboxes of a server together hold too much, and what
//! becomes of what they lose.
//!
//! Whoever queued the last of it does the work, between two of its own steps and without a lock of
//! its own; others go on meanwhile. The largest laggard goes first, until an eighth of the limit is
//! free, so that this is not the way of every message.

use std::cmp::Reverse;
use std::sync::Arc;
use std::task::Context;

use super::hub::Hub;
use crate::link::{Chunks, Outbox, Relief, Wire};

/// How many messages are looked at in one go, to tell for whom they were. A guess: some twenty
/// milliseconds' work, which whoever needs the room waits for.
const LOOK_MAX: usize = 256 * 1024;
/// How many of a reader that was cut are counted before others have their turn: less than a
/// millisecond's work.
const COUNT_MAX: usize = 8 * 1024;
/// This part of the limit is to be free afterwards. A guess.
const FREE_PART: usize = 8;

impl Hub {
    /// Allows all outboxes together to hold so many bytes from now on.
    pub(crate) fn set_pending_total_max(&self, bytes: usize) {
        self.pool.ceiling().set_max(bytes);
    }

    /// Has this hub make room where too much is held.
    pub(super) fn set_relief(self: &Arc<Self>) {
        let this: Arc<dyn Relief> = self.clone();
        self.pool.ceiling().set_relief(Arc::downgrade(&this));
    }
}

impl Hub {
    /// Counts some of what the reader behind `outbox` has lost; if there is more, false, and its
    /// loop has another turn.
    pub(super) fn count_lost<W: Wire>(
        &self,
        outbox: &Outbox<W>,
        chunks: &mut Chunks,
        cx: &Context<'_>,
    ) -> bool {
        let is_all = outbox.count_lost(self.read_text, COUNT_MAX, chunks);
        if !is_all {
            cx.waker().wake_by_ref();
        }
        is_all
    }
}

impl Relief for Hub {
    fn relieve(&self, chunks: &mut Chunks) {
        let Some(_one) = self.relieving.try_lock() else {
            return; // Somebody is at it.
        };
        let ceiling = self.pool.ceiling();
        let wanted = ceiling.max() - ceiling.max() / FREE_PART;
        let (mut held_by_writers, mut look) = (0, LOOK_MAX);
        for (_, outbox) in self.laggards() {
            if ceiling.used().saturating_sub(held_by_writers) <= wanted {
                return;
            }
            held_by_writers += outbox.evict(&self.last_words, chunks);
            look = look.saturating_sub(outbox.reclaim(self.read_text, look, chunks));
            chunks.tell();
        }
    }
}

impl Hub {
    /// Everybody for whom something waits, the one with the most first.
    fn laggards(&self) -> Vec<(usize, Arc<Outbox>)> {
        let open = self.presence.all();
        let pending = open
            .into_iter()
            .map(|outbox| (outbox.evictable_bytes(), outbox));
        let mut laggards: Vec<_> = pending.filter(|(bytes, _)| *bytes > 0).collect();
        laggards.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        laggards
    }
}
