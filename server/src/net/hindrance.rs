//! What keeps a connection from going on, in memory that only those own whom something has kept.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::link::{Backlog, Outbox, Status};

/// The longest that a publisher waits for a reader after one read.
const PACE_MAX: Duration = Duration::from_millis(4);

/// The hindrances of one connection.
#[derive(Default)]
pub(super) struct Hindrances(Option<Box<All>>);

#[derive(Default)]
struct All {
    stall: Option<Stall>,
    pace: Option<Pace>,
    until: Option<Instant>,
    /// How the outbox stood when it was over, while what was lost is counted.
    last: Option<Backlog>,
}

/// The socket takes nothing.
struct Stall {
    since: Instant,
    drained_bytes: u64,
}

/// A reader that this publisher waits for.
struct Pace {
    reader: Arc<Outbox>,
    limit: Pin<Box<Sleep>>,
}

impl Hindrances {
    /// Notes how the outbox stands now.
    pub(super) fn note(&mut self, status: &Status, now: Instant) {
        if !status.is_blocked {
            if let Some(all) = &mut self.0 {
                all.stall = None;
            }
            return;
        }
        let stall = &mut self.0.get_or_insert_default().stall;
        let drained_bytes = status.drained_bytes;
        if stall
            .as_ref()
            .is_none_or(|stall| stall.drained_bytes != drained_bytes)
        {
            *stall = Some(Stall {
                since: now,
                drained_bytes,
            });
        }
    }

    /// Since when the socket takes nothing, if it does.
    pub(super) fn stalled_since(&self) -> Option<Instant> {
        let stall = self.0.as_ref()?.stall.as_ref()?;
        Some(stall.since)
    }

    /// Counts the stall that lasts from now on.
    pub(super) fn stall_anew(&mut self, now: Instant) {
        if let Some(stall) = self.0.as_mut().and_then(|all| all.stall.as_mut()) {
            stall.since = now;
        }
    }

    /// Whether a reader is waited for.
    pub(super) fn is_pacing(&self) -> bool {
        self.0.as_ref().is_some_and(|all| all.pace.is_some())
    }

    /// Waits for `reader` from now on, for at most [`PACE_MAX`].
    pub(super) fn wait_for(&mut self, reader: &Arc<Outbox>) {
        self.0.get_or_insert_default().pace = Some(Pace {
            reader: Arc::clone(reader),
            limit: Box::pin(tokio::time::sleep(PACE_MAX)),
        });
    }

    /// Whether no reader is waited for any more.
    pub(super) fn may_read(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(all) = &mut self.0 else {
            return true;
        };
        let Some(pace) = &mut all.pace else {
            return true;
        };
        let is_over =
            pace.reader.has_room_or_wake(cx.waker()) || pace.limit.as_mut().poll(cx).is_ready();
        if is_over {
            all.pace = None;
        }
        is_over
    }

    /// The connection goes on like this until then at the latest.
    pub(super) fn set_until(&mut self, until: Instant) {
        self.0.get_or_insert_default().until = Some(until);
    }

    /// When it must have gone on at the latest, if that is bounded.
    pub(super) fn until(&self) -> Option<Instant> {
        self.0.as_ref()?.until
    }

    /// It is over, and the outbox stood like this.
    pub(super) fn set_last(&mut self, last: Backlog) {
        self.0.get_or_insert_default().last = Some(last);
    }

    /// How the outbox stood when it was over, if that is some time ago.
    pub(super) fn last(&self) -> Option<Backlog> {
        self.0.as_ref()?.last
    }
}
