//! The subscriptions of one party, by the names that it gave them.
//!
//! Its own loop changes them, under a lock that nobody else takes but somebody who looks from
//! outside; no message passes it. Most parties have one, and no table for it.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;

use crate::bus::{Keys, Subscription};

/// With fewer subscriptions than this, ended ones are not looked for.
const SWEEP_MIN: usize = 32;

/// By sid; those that had their last message stay until the next sweep.
pub(super) enum Own {
    One(Option<Arc<Subscription>>),
    Many(Box<Many>),
}

/// More than one, or what became of them.
pub(super) struct Many {
    table: HashTable<Arc<Subscription>>,
    hasher: SeedableRandomState,
    sweep_at: usize,
}

impl Default for Own {
    fn default() -> Self {
        Self::One(None)
    }
}

impl Own {
    /// Takes `subscription` in; a table that must be made for it is keyed with `keys`.
    pub(super) fn insert(&mut self, subscription: Arc<Subscription>, keys: Keys) {
        if let Self::One(one) = self {
            let Some(first) = one.take() else {
                *one = Some(subscription);
                return;
            };
            let mut many = Many {
                table: HashTable::new(),
                hasher: keys.fast(),
                sweep_at: SWEEP_MIN,
            };
            many.insert(first);
            *self = Self::Many(Box::new(many));
        }
        if let Self::Many(many) = self {
            many.insert(subscription);
        }
    }

    pub(super) fn forget(&mut self, sid: &[u8]) {
        match self {
            Self::One(one) => {
                one.take_if(|known| known.sid() == sid);
            }
            Self::Many(many) => many.forget(sid),
        }
    }

    /// Takes all of them out.
    pub(super) fn take(&mut self) -> Vec<Arc<Subscription>> {
        match std::mem::take(self) {
            Self::One(one) => one.into_iter().collect(),
            Self::Many(many) => many.table.into_iter().collect(),
        }
    }

    pub(super) fn sweep_if_due(&mut self) {
        if let Self::Many(many) = self
            && many.table.len() >= many.sweep_at
        {
            many.sweep();
            many.sweep_at = (many.table.len() * 2).max(SWEEP_MIN);
        }
    }

    /// How many are live; exact where it matters, from `max` on.
    pub(super) fn live(&mut self, max: usize) -> usize {
        if self.len() >= max {
            self.sweep();
        }
        self.len()
    }

    /// Forgets those that had their last message.
    pub(super) fn sweep(&mut self) {
        match self {
            Self::One(one) => {
                one.take_if(|known| known.is_closed());
            }
            Self::Many(many) => many.sweep(),
        }
    }

    /// How many there are, those among them that had their last message.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(one) => usize::from(one.is_some()),
            Self::Many(many) => many.table.len(),
        }
    }

    pub(super) fn find(&self, sid: &[u8]) -> Option<Arc<Subscription>> {
        match self {
            Self::One(one) => one.as_ref().filter(|known| known.sid() == sid).cloned(),
            Self::Many(many) => {
                let hash = many.hasher.hash_one(sid);
                many.table.find(hash, |known| known.sid() == sid).cloned()
            }
        }
    }

    /// Those that still receive.
    pub(super) fn all(&self) -> Vec<Arc<Subscription>> {
        self.open().cloned().collect()
    }

    /// How many still receive.
    pub(super) fn count(&self) -> usize {
        self.open().count()
    }

    fn open(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        let (one, many) = match self {
            Self::One(one) => (one.as_ref(), None),
            Self::Many(many) => (None, Some(many.table.iter())),
        };
        let all = one.into_iter().chain(many.into_iter().flatten());
        all.filter(|known| !known.is_closed())
    }
}

impl Many {
    fn insert(&mut self, subscription: Arc<Subscription>) {
        let hasher = &self.hasher;
        let hash = hasher.hash_one(subscription.sid());
        self.table
            .insert_unique(hash, subscription, |known| hasher.hash_one(known.sid()));
    }

    fn forget(&mut self, sid: &[u8]) {
        let hash = self.hasher.hash_one(sid);
        if let Ok(entry) = self.table.find_entry(hash, |known| known.sid() == sid) {
            entry.remove();
        }
        if self.table.capacity() > 64 && self.table.len() < self.table.capacity() / 8 {
            self.sweep();
        }
    }

    fn sweep(&mut self) {
        self.table.retain(|known| !known.is_closed());
        let (len, hasher) = (self.table.len(), &self.hasher);
        if len < self.table.capacity() / 8 {
            self.table
                .shrink_to(len * 2, |known| hasher.hash_one(known.sid()));
        }
    }
}
