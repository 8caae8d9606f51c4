//! Whether anything has happened since the clock last looked.

use std::sync::atomic::Ordering;

use crate::link::sync::AtomicBool;

/// Read by every round of work, written twice a second: the line stays in every core's cache.
///
/// What was done and what the clock looks at is under a lock of its own: whoever finds the flag
/// still set after its work had done it before the clock took that lock.
#[derive(Default)]
pub(super) struct Stir(AtomicBool);

impl Stir {
    /// Somebody has worked, and is done with it; true if the clock must be told.
    pub(super) fn is_first(&self) -> bool {
        !self.0.load(Ordering::Relaxed) && !self.0.swap(true, Ordering::Relaxed)
    }

    /// The clock will look again before long: nobody needs to tell it meanwhile.
    pub(super) fn look_anyway(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The clock is about to look.
    pub(super) fn settle(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_once_and_not_while_it_looks_anyway() {
        let stir = Stir::default();
        assert!(stir.is_first() && !stir.is_first());
        stir.settle();
        stir.look_anyway();
        assert!(!stir.is_first());
        stir.settle();
        assert!(stir.is_first());
    }
}
