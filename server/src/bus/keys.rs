//! What the hash tables of one server are keyed with.
//!
//! Peers choose what is hashed, so every server draws keys of its own; a simulation gives them, so
//! that the order in which tables are walked repeats.

use std::hash::BuildHasher;

use foldhash::{SharedSeed, fast, quality};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    seed: u64,
    shared: &'static SharedSeed,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            seed: fast::RandomState::default().hash_one(0_u8),
            shared: SharedSeed::global_random(),
        }
    }
}

impl Keys {
    #[cfg(feature = "sim")]
    /// The same keys for the same seed, and therefore no secret.
    pub(crate) fn known(seed: u64) -> Self {
        Self {
            seed,
            shared: SharedSeed::global_fixed(),
        }
    }

    /// For tables that belong to one connection.
    pub(crate) fn fast(self) -> fast::SeedableRandomState {
        fast::SeedableRandomState::with_seed(self.seed, self.shared)
    }

    /// For tables that belong to everybody.
    pub(super) fn quality(self) -> quality::SeedableRandomState {
        quality::SeedableRandomState::with_seed(self.seed, self.shared)
    }
}
