//! What publishers, reader and clock share: the account of deliveries, and when to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// What publishers, reader and clock share.
pub(crate) struct Flow {
    pub(crate) start: Instant,
    /// Deliveries that the messages sent so far must make.
    pub(crate) owed: AtomicU64,
    pub(crate) delivered: AtomicU64,
    /// Messages handed to sockets.
    pub(crate) sent: AtomicU64,
    pub(crate) window: u64,
    /// From when on delays are recorded, in nanoseconds from `start`.
    pub(crate) record_from: AtomicU64,
    pub(crate) is_stopped: AtomicBool,
    /// All publishers have ended: what is owed now is all.
    pub(crate) is_sent: AtomicBool,
}

impl Flow {
    pub(crate) fn new(window: u64) -> Self {
        Self {
            start: Instant::now(),
            owed: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            window,
            record_from: AtomicU64::new(u64::MAX),
            is_stopped: AtomicBool::new(false),
            is_sent: AtomicBool::new(false),
        }
    }

    /// Takes `deliveries` into the account; false if too many are outstanding.
    pub(crate) fn reserve(&self, deliveries: u64) -> bool {
        let owed = self.owed.fetch_add(deliveries, Ordering::Relaxed) + deliveries;
        // The reader may be ahead of the sum read here, never of the one to come.
        let outstanding = owed.saturating_sub(self.delivered.load(Ordering::Relaxed));
        let has_room = outstanding <= self.window;
        if !has_room {
            self.owed.fetch_sub(deliveries, Ordering::Relaxed);
        }
        has_room
    }

    /// Whether the publishers have room for much again.
    pub(crate) fn is_low(&self) -> bool {
        let delivered = self.delivered.load(Ordering::Relaxed);
        self.owed.load(Ordering::Relaxed).saturating_sub(delivered) <= self.window / 2
    }

    /// Whether everything has been sent and has arrived.
    pub(crate) fn is_done(&self) -> bool {
        self.is_sent.load(Ordering::Acquire)
            && self.delivered.load(Ordering::Relaxed) == self.owed.load(Ordering::Relaxed)
    }

    /// How many deliveries are missing, once everything has been sent.
    pub(crate) fn missing(&self) -> u64 {
        let delivered = self.delivered.load(Ordering::Relaxed);
        self.owed.load(Ordering::Relaxed).saturating_sub(delivered)
    }

    pub(crate) fn records(&self, nanos: u64) -> bool {
        nanos >= self.record_from.load(Ordering::Relaxed)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn nanos(&self) -> u64 {
        self.nanos_at(Instant::now())
    }

    pub(crate) fn nanos_at(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_nanos() as u64
    }
}
