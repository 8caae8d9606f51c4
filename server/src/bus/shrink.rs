//! Tables that give memory back.

use hashbrown::HashTable;

/// Gives memory back once a table is all but empty; as seldom as it grew.
pub(super) fn shrink<T>(table: &mut HashTable<T>, hasher: impl Fn(&T) -> u64) {
    if table.capacity() > 64 && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2, hasher);
    }
}
