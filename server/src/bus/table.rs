//! One hash table in many parts: none of them is so large that growing it, or giving its memory
//! back, keeps others waiting for long.
//!
//! A table of two million entries takes 200 ms to grow, under the lock of the index. Its parts grow one
//! after the other, each with an entry of its own that was one too many. It is for tables that are
//! asked once for a subject: choosing the part costs a few instructions, and a walk of the trie, which
//! asks a dozen times, took 14 % more.

use hashbrown::HashTable;
use hashbrown::hash_table::{AbsentEntry, OccupiedEntry};

/// How many parts there are: with two million entries each takes some 3 ms. A guess between that and
/// what empty ones take, which is 32 B for each.
const PARTS: usize = 64;
/// A table may stay as large as this, in entries, however empty.
const KEPT_MAX: usize = 14;

pub(super) struct Table<T> {
    parts: [HashTable<T>; PARTS],
}

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        Self {
            parts: [const { HashTable::new() }; PARTS],
        }
    }

    #[inline(always)]
    pub(super) fn find(&self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.parts[part(hash)].find(hash, is_it)
    }

    #[inline(always)]
    pub(super) fn find_mut(&mut self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        self.parts[part(hash)].find_mut(hash, is_it)
    }

    pub(super) fn find_entry(
        &mut self,
        hash: u64,
        is_it: impl FnMut(&T) -> bool,
    ) -> Result<OccupiedEntry<'_, T>, AbsentEntry<'_, T>> {
        self.parts[part(hash)].find_entry(hash, is_it)
    }

    /// Puts `value` in, which is not there yet.
    pub(super) fn insert_unique(&mut self, hash: u64, value: T, hasher: impl Fn(&T) -> u64) {
        self.parts[part(hash)].insert_unique(hash, value, hasher);
    }

    /// Gives memory back once the part of `hash` is all but empty; as seldom as it grew.
    pub(super) fn shrink(&mut self, hash: u64, hasher: impl Fn(&T) -> u64) {
        shrink(&mut self.parts[part(hash)], hasher);
    }

    /// How many entries there is room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.parts.iter().map(HashTable::capacity).sum()
    }
}

/// Gives memory back once a table is all but empty; as seldom as it grew.
pub(super) fn shrink<T>(table: &mut HashTable<T>, hasher: impl Fn(&T) -> u64) {
    if table.capacity() > KEPT_MAX && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2, hasher);
    }
}

/// Which part an entry is in: by bits of its hash that a part does not use, which takes the lowest for
/// the place and the highest to tell apart who shares one.
#[inline(always)]
fn part(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::BuildHasher;

    #[test]
    fn entries_are_spread_found_and_given_back() {
        let hasher = foldhash::quality::RandomState::default();
        let hash = |it: &u32| hasher.hash_one(it);
        let mut table = Table::new();
        for it in 0..100_000 {
            table.insert_unique(hash(&it), it, hash);
        }
        let largest = table.parts.iter().map(HashTable::len).max();
        assert!(largest < Some(2 * 100_000 / PARTS), "{largest:?}");
        for it in 0..100_000 {
            assert_eq!(table.find(hash(&it), |known| *known == it), Some(&it));
            assert!(table.find_entry(hash(&it), |known| *known == it).is_ok());
        }
        for it in 0..100_000 {
            match table.find_entry(hash(&it), |known| *known == it) {
                Ok(entry) => entry.remove(),
                Err(_) => panic!("{it} is not there"),
            };
            table.shrink(hash(&it), hash);
        }
        assert!(table.parts.iter().all(HashTable::is_empty));
        assert!(table.capacity() <= PARTS * KEPT_MAX);
    }
}
