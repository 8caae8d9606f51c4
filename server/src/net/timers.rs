//! One clock for all connections: who wants to be woken when.
//!
//! A timer of the runtime for each connection would cost more memory than the rest of an idle
//! connection; an entry here is three words, and it leaves when its connection does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::link::Outbox;

#[derive(Default)]
pub(super) struct Timers {
    entries: Mutex<BTreeMap<(Instant, u64), Arc<Outbox>>>,
    /// Tells the clock's task that something is due before what it waits for.
    pub(super) earlier: Notify,
}

impl Timers {
    /// Wakes the owner of `outbox`, connection `id`, at `due` instead of at `old`.
    pub(super) fn set(&self, id: u64, old: Option<Instant>, due: Instant, outbox: Arc<Outbox>) {
        let mut entries = self.entries.lock();
        let known = old.and_then(|old| entries.remove(&(old, id)));
        let is_first = entries
            .first_key_value()
            .is_none_or(|(&(first, _), _)| due < first);
        entries.insert((due, id), outbox);
        drop(entries);
        if is_first {
            self.earlier.notify_one();
        }
        drop(known);
    }

    pub(super) fn remove(&self, id: u64, old: Instant) {
        let known = self.entries.lock().remove(&(old, id));
        drop(known);
    }

    /// Wakes whoever is due; tells when the next one is.
    pub(super) fn fire(&self, now: Instant) -> Option<Instant> {
        loop {
            let mut entries = self.entries.lock();
            let entry = entries.first_entry()?;
            let due = entry.key().0;
            if due > now {
                return Some(due);
            }
            let outbox = entry.remove();
            drop(entries);
            outbox.wake_owner();
        }
    }
}
