//! What the simulation of this repository needs to repeat a run; behind the feature `sim`.
//!
//! A server takes bytes and time from its runtime; in one thread, under a paused clock, the only
//! chance that is left is in the keys of its hash tables, which decide the order in which they are
//! walked, and in the lots it draws, which the thread's own generator decides. Not for others: who
//! knows the keys can choose subjects that collide.

use crate::options::Builder;

/// A server to be whose tables are walked in an order that `seed` decides.
pub fn repeatable(mut options: Builder, seed: u64) -> Builder {
    options.seed = Some(seed);
    options
}
