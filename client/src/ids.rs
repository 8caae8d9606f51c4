//! Numbers and names that the client makes up: random texts, and maps keyed by its own numbers.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use dunlin_protocol::number::parse_size;

/// A source of names that others cannot guess: a keyed hash, seeded by the system, of a counter.
#[derive(Debug, Default)]
pub(crate) struct Random {
    key: RandomState,
    count: AtomicU64, // Relaxed: each caller only needs a value that no other gets.
}

impl Random {
    pub(crate) fn number(&self) -> u64 {
        self.key
            .hash_one(self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// A number below `bound`, which must not be 0; the bias is below 2^-32 for the bounds in use.
    pub(crate) fn below(&self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    /// 22 letters and digits: 128 bits, as long as the names that other clients make.
    pub(crate) fn name(&self) -> String {
        let mut name = String::with_capacity(22);
        for _ in 0..2 {
            let mut number = self.number();
            for _ in 0..11 {
                name.push(char::from(ALPHABET[(number % 62) as usize]));
                number /= 62;
            }
        }
        name
    }

    /// Mixes the items of a list.
    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The number that `digits`, which this client made up, spell; none if they are no number.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    match parse_size(digits) {
        Some(number) => Some(number as u64), // Up to nine digits; nearly always.
        None => str::from_utf8(digits).ok()?.parse().ok(),
    }
}

/// A map keyed by numbers that this client counted up itself; a peer can look them up, not choose
/// them, so they need no keyed hash.
pub(crate) type NumberMap<V> = HashMap<u64, V, BuildHasherDefault<NumberHasher>>;

#[derive(Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 divided by the golden ratio: spreads a counter over the upper bits, which the table
        // uses, and the rotation over the lower ones.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_are_subject_tokens() {
        let random = Random::default();
        let (one, two) = (random.name(), random.name());
        assert_ne!(one, two);
        assert!(one.len() == 22 && one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let mut items: Vec<usize> = (0..20).collect();
        random.shuffle(&mut items);
        items.sort_unstable();
        assert_eq!(items, (0..20).collect::<Vec<_>>());
    }
}
