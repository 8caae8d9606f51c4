//! What waits for one reader, and how it has coped so far: the figures by which a slow reader is
//! known.

use std::time::{Duration, Instant};

/// How one outbox stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// What is queued and not yet taken by the socket, in bytes.
    pub(crate) pending_bytes: usize,
    /// How many messages begin in it; those that a writer holds at the moment are not counted.
    pub(crate) pending_messages: u64,
    /// The most that ever waited, in bytes.
    pub(crate) high_water_bytes: usize,
    /// How long the oldest of it has waited, to the millisecond; of messages that were queued
    /// close together, the first.
    pub(crate) oldest: Duration,
    /// How often the socket took no more.
    pub(crate) stalls: u32,
    /// For how long in all, the stall that lasts included.
    pub(crate) stalled: Duration,
    /// The socket takes nothing at the moment.
    pub(crate) is_stalled: bool,
}

/// The times when a socket took nothing. Boxed, and made at the first of them: most readers never
/// need one.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    count: u32,
    total: Duration,
    since: Option<Instant>,
}

impl Stalls {
    pub(super) fn begin(&mut self, now: Instant) {
        if self.since.is_none() {
            self.count = self.count.saturating_add(1);
            self.since = Some(now);
        }
    }

    pub(super) fn end(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.total += now.saturating_duration_since(since);
        }
    }

    /// Writes what is known into `backlog`.
    pub(super) fn report(&self, backlog: &mut Backlog, now: Instant) {
        let lasting = self.since.map(|since| now.saturating_duration_since(since));
        backlog.stalls = self.count;
        backlog.stalled = self.total + lasting.unwrap_or_default();
        backlog.is_stalled = lasting.is_some();
    }
}
