//! One clock for all connections: who wants to be woken when.
//!
//! A timer of the runtime for each connection would cost more memory than the rest of an idle
//! connection; an entry here is two words, and it leaves when its connection does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

pub(super) struct Timers {
    /// Nanoseconds from `start`, and whose time it is.
    entries: Mutex<BTreeSet<(u64, u32)>>,
    start: Instant,
    /// Tells the clock's task that something is due before what it waits for.
    pub(super) earlier: Notify,
}

impl Timers {
    /// A clock that starts at `start`; nothing is due before.
    pub(super) fn new(start: Instant) -> Self {
        Self {
            entries: Mutex::default(),
            start,
            earlier: Notify::new(),
        }
    }

    /// The time of connection `id` is at `due` instead of at `old`.
    pub(super) fn set(&self, id: u32, old: Option<Instant>, due: Instant) {
        let (old, due) = (old.map(|old| self.nanos(old)), self.nanos(due));
        let mut entries = self.entries.lock();
        if let Some(old) = old {
            entries.remove(&(old, id));
        }
        let is_first = entries.first().is_none_or(|&(first, _)| due < first);
        entries.insert((due, id));
        drop(entries);
        if is_first {
            self.earlier.notify_one();
        }
    }

    pub(super) fn remove(&self, id: u32, old: Instant) {
        self.entries.lock().remove(&(self.nanos(old), id));
    }

    /// Hands out whoever is due, one at a time; then tells when the next one is.
    pub(super) fn next_due(&self, now: Instant) -> Result<u32, Option<Instant>> {
        let now = self.nanos(now);
        let mut entries = self.entries.lock();
        match entries.first() {
            None => Err(None),
            Some(&(due, _)) if due > now => Err(Some(self.start + Duration::from_nanos(due))),
            Some(&(due, id)) => {
                entries.remove(&(due, id));
                Ok(id)
            }
        }
    }

    fn nanos(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_nanos() as u64 // Centuries.
    }
}
