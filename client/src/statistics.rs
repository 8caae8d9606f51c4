//! Counters of one client, since it was made.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a client has done so far; a snapshot, made by [`Client::statistics`](crate::Client::statistics).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Messages that arrived, those included that were dropped afterwards.
    pub in_messages: u64,
    /// Their headers and payloads, in bytes.
    pub in_bytes: u64,
    /// Messages that were accepted for sending.
    pub out_messages: u64,
    /// Their headers and payloads, in bytes.
    pub out_bytes: u64,
    /// How often a connection was made; the first one counts.
    pub connects: u64,
    /// Messages that found no room in the queue of their subscription, or made it.
    pub dropped: u64,
    /// Messages whose place in a queue a later one of the same subject took.
    pub replaced: u64,
    /// Messages for subscriptions that do not exist here; some are normal after an unsubscribe.
    pub unclaimed: u64,
    /// Messages whose header block could not be read.
    pub bad_headers: u64,
    /// Accepted messages that were thrown away unsent: at the end, pushed out of a full reconnect
    /// buffer, or too large for a new server.
    pub discarded: u64,
    /// Accepted messages that were sent when a connection was lost and that the server had not
    /// confirmed: they may have arrived or not. Requests among them failed as well.
    pub unconfirmed: u64,
}

/// The counters that the driver keeps; those of publishing live with the outgoing buffer.
///
/// All are written by one task and only ever read as figures: relaxed is enough everywhere.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) in_messages: AtomicU64,
    pub(crate) in_bytes: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) replaced: AtomicU64,
    pub(crate) unclaimed: AtomicU64,
    pub(crate) bad_headers: AtomicU64,
}

/// What one batch of input adds to the [`Counters`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) in_messages: u64,
    pub(crate) in_bytes: u64,
    pub(crate) dropped: u64,
    pub(crate) replaced: u64,
    pub(crate) unclaimed: u64,
    pub(crate) bad_headers: u64,
}

impl Counters {
    pub(crate) fn add(&self, tally: Tally) {
        let add = |counter: &AtomicU64, by: u64| {
            if by > 0 {
                counter.fetch_add(by, Ordering::Relaxed);
            }
        };
        add(&self.in_messages, tally.in_messages);
        add(&self.in_bytes, tally.in_bytes);
        add(&self.dropped, tally.dropped);
        add(&self.replaced, tally.replaced);
        add(&self.unclaimed, tally.unclaimed);
        add(&self.bad_headers, tally.bad_headers);
    }

    pub(crate) fn snapshot(&self) -> Statistics {
        Statistics {
            in_messages: self.in_messages.load(Ordering::Relaxed),
            in_bytes: self.in_bytes.load(Ordering::Relaxed),
            connects: self.connects.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            replaced: self.replaced.load(Ordering::Relaxed),
            unclaimed: self.unclaimed.load(Ordering::Relaxed),
            bad_headers: self.bad_headers.load(Ordering::Relaxed),
            ..Statistics::default()
        }
    }
}
