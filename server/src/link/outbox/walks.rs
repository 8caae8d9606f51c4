//! Where walks through what waits have got to.

use crate::link::queue::{Notes, Walked};

/// A walk through what waits that goes on where it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// From the newest on, for what a newer message makes void.
    Superseded,
    /// From the oldest on, for what makes room.
    Oldest,
    /// From the newest on, for what makes room.
    Newest,
}

/// What walks have done, and where they go on; made for the first of them.
#[derive(Default)]
pub(super) struct Thinning {
    pub(super) removed_bytes: u64,
    /// How much had ever been appended when the walks last found too little.
    pub(super) failed_at: Option<u64>,
    /// Looks for what has been superseded before the outbox is full.
    pub(super) is_ahead: bool,
    /// How much may be looked at, of what has been paid for by appending; less than none where the
    /// last piece was more.
    pub(super) credit: isize,
    /// Where each walk goes on, in bytes from the first that was ever sent, those not counted that
    /// have been taken out; none for a new one.
    pub(super) places: [Option<u64>; 3],
    /// Of [`Walk::Superseded`].
    pub(super) notes: Notes,
}

impl Thinning {
    /// Notes what `walk` has done in a queue of which `drained` bytes have gone before.
    pub(super) fn walked(&mut self, walk: Walk, walked: &Walked, drained: u64) {
        self.removed_bytes += walked.bytes as u64;
        let untouched = drained + walked.untouched as u64;
        let removed = walked.bytes as u64;
        for place in self.places.iter_mut().flatten() {
            // Too old rather than too new: what has been looked at must not be looked at again.
            if *place > untouched {
                *place = place.saturating_sub(removed).max(untouched);
            }
        }
        self.places[walk as usize] = match walked.is_over {
            true => None,
            false => walked.at.map(|at| drained + at as u64),
        };
        if walk == Walk::Superseded && walked.is_over {
            self.notes = Notes::new();
        }
    }

    /// Forgets all walks; the next ones begin anew.
    pub(super) fn forget(&mut self) {
        self.places = [None; 3];
        self.failed_at = None;
        self.notes = Notes::new();
    }

    /// Nothing waits: what was noted about it is void.
    pub(super) fn relax(&mut self, pending_bytes: usize) {
        if pending_bytes == 0 && self.places != [None; 3] {
            self.forget();
        }
    }
}
