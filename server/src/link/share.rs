//! What several outboxes may hold together.
//!
//! Only an outbox that was given a [`Share`] counts in it; all others have none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use smallvec::SmallVec;

/// Bytes that wait in several outboxes, and the most that may.
#[derive(Debug)]
pub(crate) struct Share {
    pending: AtomicUsize,
    max: AtomicUsize,
}

/// The shares that one outbox counts in.
#[derive(Default)]
pub(super) struct Shares {
    /// What has been counted for this outbox in each of them.
    counted: usize,
    all: SmallVec<[Arc<Share>; 2]>,
}

impl Share {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            pending: AtomicUsize::new(0),
            max: AtomicUsize::new(max),
        })
    }

    /// Allows more or less from now on.
    pub(crate) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }
}

impl Shares {
    /// Counts in `all` from now on, and no longer in those before.
    pub(super) fn replace(&mut self, all: impl Iterator<Item = Arc<Share>>) {
        let counted = self.counted;
        self.settle(0);
        self.all = all.collect();
        self.settle(counted);
    }

    /// Whether `more` bytes are within all of them. Two outboxes may ask at the same time: together
    /// they go over by one message at most.
    pub(super) fn have_room_for(&self, more: usize) -> bool {
        // Relaxed: the number stands for itself.
        self.all.iter().all(|share| {
            let pending = share.pending.load(Ordering::Relaxed) + more;
            pending <= share.max.load(Ordering::Relaxed)
        })
    }

    /// The outbox holds `pending` bytes now.
    pub(super) fn settle(&mut self, pending: usize) {
        let counted = std::mem::replace(&mut self.counted, pending);
        for share in &self.all {
            match pending.checked_sub(counted) {
                Some(more) => share.pending.fetch_add(more, Ordering::Relaxed),
                None => share
                    .pending
                    .fetch_sub(counted - pending, Ordering::Relaxed),
            };
        }
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        self.settle(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_counted_once_and_given_back() {
        let share = Share::new(10);
        let (mut one, mut other) = (Shares::default(), Shares::default());
        one.settle(3);
        one.replace([share.clone()].into_iter());
        other.replace([share.clone()].into_iter());
        assert!(other.have_room_for(7) && !other.have_room_for(8));
        other.settle(7);
        assert!(!one.have_room_for(1));
        other.settle(2);
        assert!(one.have_room_for(5) && !one.have_room_for(6));
        drop(other);
        one.replace(std::iter::empty());
        assert_eq!(share.pending.load(Ordering::Relaxed), 0);
        assert!(one.have_room_for(1000));
    }
}
