//! The subscriptions of one party, by the names that it gave them.
//!
//! Its own loop changes them, under a lock that nobody else takes but somebody who looks from
//! outside; no message passes it.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;

use crate::bus::Subscription;

/// With fewer subscriptions than this, ended ones are not looked for.
const SWEEP_MIN: usize = 32;

/// By sid; those that had their last message stay until the next sweep.
pub(super) struct Own {
    table: HashTable<Arc<Subscription>>,
    hasher: SeedableRandomState,
    sweep_at: usize,
}

impl Own {
    pub(super) fn new(hasher: SeedableRandomState) -> Self {
        Self {
            table: HashTable::new(),
            hasher,
            sweep_at: SWEEP_MIN,
        }
    }

    pub(super) fn insert(&mut self, subscription: Arc<Subscription>) {
        let hasher = &self.hasher;
        let hash = hasher.hash_one(subscription.sid());
        self.table
            .insert_unique(hash, subscription, |known| hasher.hash_one(known.sid()));
    }

    pub(super) fn forget(&mut self, sid: &[u8]) {
        let hash = self.hasher.hash_one(sid);
        if let Ok(entry) = self.table.find_entry(hash, |known| known.sid() == sid) {
            entry.remove();
        }
        if self.table.capacity() > 64 && self.table.len() < self.table.capacity() / 8 {
            self.sweep();
        }
    }

    /// Takes all of them out.
    pub(super) fn take(&mut self) -> Vec<Arc<Subscription>> {
        std::mem::take(&mut self.table).into_iter().collect()
    }

    pub(super) fn sweep_if_due(&mut self) {
        if self.table.len() >= self.sweep_at {
            self.sweep();
            self.sweep_at = (self.table.len() * 2).max(SWEEP_MIN);
        }
    }

    /// How many are live; exact where it matters, from `max` on.
    pub(super) fn live(&mut self, max: usize) -> usize {
        if self.table.len() >= max {
            self.sweep();
        }
        self.table.len()
    }

    /// Forgets those that had their last message.
    pub(super) fn sweep(&mut self) {
        self.table.retain(|known| !known.is_closed());
        let (len, hasher) = (self.table.len(), &self.hasher);
        if len < self.table.capacity() / 8 {
            self.table
                .shrink_to(len * 2, |known| hasher.hash_one(known.sid()));
        }
    }

    /// How many there are, those among them that had their last message.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn find(&self, sid: &[u8]) -> Option<Arc<Subscription>> {
        let hash = self.hasher.hash_one(sid);
        self.table.find(hash, |known| known.sid() == sid).cloned()
    }

    /// Those that still receive.
    pub(super) fn all(&self) -> Vec<Arc<Subscription>> {
        let open = self.table.iter().filter(|known| !known.is_closed());
        open.cloned().collect()
    }

    /// How many still receive.
    pub(super) fn count(&self) -> usize {
        let open = self.table.iter().filter(|known| !known.is_closed());
        open.count()
    }
}
