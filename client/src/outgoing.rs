//! The meeting place of callers and driver: the outgoing buffer and what goes with it.
//!
//! In: lines and commands, from any thread, under one short lock. Out: both, taken together by the
//! driver, so that the engine knows of a subscription before its SUB can be answered. A caller wakes
//! the driver only when it sleeps; while it writes, lines collect for its next turn.
//!
//! ```text
//! callers ──▶ buffer: SUB a 1⏎PUB b 2⏎…    ──▶ driver: one swap, one write
//!             commands: [subscribe 1]      ──▶ engine
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use dunlin_protocol::encode::{self, Publication};
use tokio::sync::{Notify, oneshot};

use crate::command::{Command, Confirmed, Ending, Sink};
use crate::engine::Engine;
use crate::error::{FlushErrorKind, PublishErrorKind, RequestErrorKind, SubscribeErrorKind};
use crate::message::Subject;
use crate::queue::Queue;
use crate::replies::Replies;
use crate::sift::Kept;
use crate::transport::Transport;

mod loan;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use loan::Loan;
use loan::Place;
pub use state::DrainReport;
pub use state::WhenUnsent;
use state::{Asked, Draining, State};
pub(crate) use state::{NoRoom, OutgoingLimits, Phase, SIZE_MAX, Totals, Untaken};

#[derive(Debug)]
pub(crate) struct Outgoing {
    limits: OutgoingLimits,
    replies: Arc<Replies>,
    /// Notified whenever waiting publishers should try again.
    room: Notify,
    state: Mutex<State>,
}

/// Whether the driver may sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// There is something to do.
    Work,
    /// It will be woken.
    Asleep,
    /// Everybody has gone and nothing is left to send.
    Over,
}

/// Callers: each of these is one short lock.
impl Outgoing {
    pub(crate) fn new(limits: OutgoingLimits, replies: Arc<Replies>) -> Self {
        Self {
            limits,
            replies,
            room: Notify::new(),
            state: Mutex::new(State::new()),
        }
    }

    /// Notified when it is worth trying again after [`Untaken::NoRoom`].
    pub(crate) fn room(&self) -> &Notify {
        &self.room
    }

    /// Appends one message, whose names are already checked. Some if the caller is to write it.
    pub(crate) fn publish(
        &self,
        publication: &Publication<'_>,
    ) -> Result<Option<Box<Loan>>, Untaken> {
        self.append(publication, false)
    }

    /// Appends one request, and before the first one the subscription for its answer. Some if the
    /// caller is to write it.
    pub(crate) fn request(
        &self,
        publication: &Publication<'_>,
    ) -> Result<Option<Box<Loan>>, Untaken> {
        self.append(publication, true)
    }

    /// Appends one message and asks to hear when the server has taken it; not without a connection.
    pub(crate) fn confirm(
        &self,
        publication: &Publication<'_>,
    ) -> Result<oneshot::Receiver<Result<(), PublishErrorKind>>, Untaken> {
        let mut state = self.lock();
        let body_len = state.check(publication, self.limits);
        if matches!(state.phase, Phase::Pending | Phase::Disconnected) {
            return Err(Untaken::Refused(PublishErrorKind::Disconnected));
        }
        state.append(publication, body_len?);
        let (taken, receiver) = oneshot::channel();
        state.buffer.extend_from_slice(encode::PING);
        let subject = Subject::from_wire(publication.subject);
        state.ask(Command::Confirm { subject, taken });
        unlock_and_wake(state);
        Ok(receiver)
    }

    fn append(
        &self,
        publication: &Publication<'_>,
        is_request: bool,
    ) -> Result<Option<Box<Loan>>, Untaken> {
        let mut state = self.lock();
        let mut pushed_out = Vec::new();
        let body_len = match state.check(publication, self.limits) {
            Err(Untaken::TooOld { len }) => {
                pushed_out = state.drop_oldest(len, self.limits.disconnected, &self.replies);
                state.body_len(publication)
            }
            checked => checked?,
        };
        if is_request && state.inbox_sid.is_none() {
            let sid = state.subscribe(self.replies.filter(), None, Sink::Replies, None);
            state.inbox_sid = Some(sid);
        }
        state.append(publication, body_len);
        let loan = state.lend(is_request);
        match loan {
            Some(_) => drop(state),
            None => unlock_and_wake(state),
        }
        for token in pushed_out {
            self.replies.fail(token, RequestErrorKind::BufferFull);
        }
        Ok(loan)
    }

    /// Makes a subscription; returns its sid.
    pub(crate) fn subscribe(
        &self,
        subject: Subject,
        group: Option<Subject>,
        queue: Arc<Queue>,
        confirmed: Option<Confirmed>,
    ) -> Result<u64, SubscribeErrorKind> {
        let mut state = self.lock();
        if state.is_ending() {
            return Err(SubscribeErrorKind::Closed);
        }
        if state.phase == Phase::Connected && state.buffer.len() > self.limits.connected {
            return Err(SubscribeErrorKind::BufferFull);
        }
        let sid = state.subscribe(subject, group, Sink::Queue(queue), confirmed);
        unlock_and_wake(state);
        Ok(sid)
    }

    /// Ends a subscription, which is done once for each; false if all are ended already.
    pub(crate) fn unsubscribe(&self, sid: u64) -> bool {
        let state = self.lock();
        let goes_on = !state.is_ending();
        if goes_on {
            unsubscribe(state, sid, None);
        }
        goes_on
    }

    /// Ends a subscription after `max` messages; false if all are ended already.
    pub(crate) fn unsubscribe_after(&self, sid: u64, max: u64) -> Result<bool, NoRoom> {
        let state = self.lock();
        let goes_on = !state.is_ending();
        if goes_on {
            state.has_room(self.limits)?;
            unsubscribe(state, sid, Some(max));
        }
        Ok(goes_on)
    }

    /// Ends a subscription; the receiver hears when nothing more can come. None if that is so now.
    pub(crate) fn drain_subscription(&self, sid: u64) -> Result<Option<Ending>, NoRoom> {
        let mut state = self.lock();
        if !state.is_ending() {
            state.has_room(self.limits)?;
        }
        if state.phase != Phase::Connected {
            drop(state);
            self.unsubscribe(sid);
            return Ok(None);
        }
        let (flushed, receiver) = oneshot::channel();
        encode::unsubscribe(&mut state.buffer, sid, None);
        state.buffer.extend_from_slice(encode::PING);
        state.ask(Command::DrainSubscription { sid, flushed });
        unlock_and_wake(state);
        Ok(Some(receiver))
    }

    /// Asks to hear when the server has handled everything accepted so far.
    pub(crate) fn flush(&self) -> Result<Result<Ending, FlushErrorKind>, NoRoom> {
        let mut state = self.lock();
        // A caller who asks again and again while nobody answers must not fill the memory.
        match state.phase {
            Phase::Draining | Phase::Closed => return Ok(Err(FlushErrorKind::Closed)),
            Phase::Connected | Phase::Moving => state.has_room(self.limits)?,
            Phase::Pending | Phase::Disconnected => {
                if state.waiting_bytes() + encode::PING.len() > self.limits.disconnected {
                    return Ok(Err(FlushErrorKind::Disconnected));
                }
            }
        }
        let (flushed, receiver) = oneshot::channel();
        state.buffer.extend_from_slice(encode::PING);
        state.ask(Command::Flush(flushed));
        unlock_and_wake(state);
        Ok(Ok(receiver))
    }

    /// Lets nothing more in and finishes what is there. None if that was asked for already.
    pub(crate) fn drain(&self) -> Option<oneshot::Receiver<DrainReport>> {
        let mut state = self.lock();
        if state.is_ending() {
            return None;
        }
        let (report, receiver) = oneshot::channel();
        state.draining = Some(Draining {
            report,
            pending: state.messages + state.messages_in_hand,
            unconfirmed_before: state.totals.unconfirmed,
        });
        if matches!(state.phase, Phase::Connected | Phase::Moving) {
            state.ask(Command::Drain);
        }
        state.phase = Phase::Draining;
        state.wake();
        drop(state);
        self.room.notify_waiters(); // Those who wait for room hear that there will be none.
        Some(receiver)
    }

    /// Nobody is left to ask for anything: the driver sends what is there and goes.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.is_abandoned = true;
        state.wake();
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().phase
    }

    pub(crate) fn totals(&self) -> Totals {
        self.lock().totals
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The driver's side.
impl Outgoing {
    /// Moves the lines behind `writing`, which is written to its end, and has the engine do what
    /// goes with them.
    pub(crate) fn take(&self, writing: &mut Vec<u8>, engine: &mut Engine) {
        let mut state = self.lock();
        if writing.is_empty() {
            std::mem::swap(writing, &mut state.buffer);
        } else {
            writing.append(&mut state.buffer);
        }
        state.messages_in_hand = std::mem::take(&mut state.messages);
        state.taken += state.messages_in_hand;
        engine.took(state.messages_in_hand + std::mem::take(&mut state.untold));
        let commands = std::mem::take(&mut state.commands);
        drop(state);
        if !writing.is_empty() || !commands.is_empty() {
            self.room.notify_waiters();
        }
        apply(commands, engine);
    }

    /// Takes the commands alone, while there is no connection. False when the client ends.
    pub(crate) fn take_commands(&self, cx: &Context<'_>, engine: &mut Engine) -> bool {
        let mut state = self.lock();
        let commands = std::mem::take(&mut state.commands);
        state.is_blocked = true;
        state.driver = Some(cx.waker().clone());
        let goes_on = !state.is_abandoned && state.phase != Phase::Draining;
        drop(state);
        apply(commands, engine);
        goes_on
    }

    /// Lays the driver to sleep, unless there is something to do. `is_blocked`: it cannot write now;
    /// else callers may have the connection meanwhile. `is_timed`: its clock is set to ask for what
    /// is unconfirmed.
    pub(crate) fn sleep(
        &self,
        cx: &Context<'_>,
        is_blocked: bool,
        is_timed: bool,
        connection: &mut Option<Transport>,
    ) -> Rest {
        let mut state = self.lock();
        if !is_blocked {
            if !state.buffer.is_empty() || !state.commands.is_empty() {
                return Rest::Work;
            }
            if state.is_abandoned {
                return Rest::Over;
            }
        }
        if !is_blocked && let Some(transport) = connection.take() {
            state.place = Place::Idle(transport);
        }
        (state.is_blocked, state.is_timed) = (is_blocked, is_timed);
        state.driver = Some(cx.waker().clone());
        Rest::Asleep
    }

    /// A connection stands: the engine puts in what comes before the buffer.
    pub(crate) fn connected(&self, payload_max: usize, has_headers: bool, engine: &mut Engine) {
        let mut state = self.lock();
        state.close_ranks();
        let mut refused = Vec::new();
        if payload_max < state.payload_max && !state.buffer.is_empty() {
            // One message over the server's limit would cost the connection that all are sent on.
            refused = state.drop_larger_than(payload_max, &self.replies);
        }
        (state.taken, state.untold) = (0, 0);
        state.payload_max = payload_max;
        state.has_headers = has_headers;
        if matches!(state.phase, Phase::Pending | Phase::Disconnected) {
            state.phase = Phase::Connected;
        }
        let commands = std::mem::take(&mut state.commands);
        drop(state);
        self.room.notify_waiters();
        for token in refused {
            self.replies.fail(token, RequestErrorKind::PayloadTooLarge);
        }
        apply(commands, engine);
    }

    /// The server has changed what it takes.
    pub(crate) fn limits_changed(&self, payload_max: usize) {
        self.lock().payload_max = payload_max;
    }

    /// The connection is lost, `written` bytes of `writing` after its beginning: keeps the publishes
    /// that are not sent, and counts those that were sent and never confirmed.
    pub(crate) fn lost(&self, writing: &[u8], written: usize, engine: &mut Engine) -> Lost {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Connected | Phase::Moving) {
            state.phase = Phase::Disconnected;
        }
        let mut kept = Kept::default();
        kept.add_unsent(writing, written, &self.replies);
        let buffer = std::mem::take(&mut state.buffer);
        kept.add_unsent(&buffer, 0, &self.replies);
        let all = state.taken + state.messages;
        // A server that answers what was not asked may have confirmed more than was sent.
        let unconfirmed = all.saturating_sub(kept.messages + engine.confirmed());
        state.totals.unconfirmed += unconfirmed;
        state.buffer = kept.bytes;
        state.messages = kept.messages;
        (state.taken, state.untold, state.messages_in_hand) = (0, 0, 0);
        let commands = std::mem::take(&mut state.commands);
        drop(state);
        apply(commands, engine);
        engine.lost();
        self.room.notify_waiters(); // Other limits hold now.
        Lost {
            tokens: kept.tokens,
            unconfirmed,
        }
    }

    /// Nothing more is taken on this connection: another one is about to take over. False if the
    /// client is ending, which it does here.
    pub(crate) fn stand_by(&self) -> bool {
        let mut state = self.lock();
        let goes_on = state.phase == Phase::Connected && !state.is_abandoned;
        if goes_on {
            state.phase = Phase::Moving;
        }
        goes_on
    }

    /// Everything said on the connection is done, and nothing was since: the next one begins where
    /// it ended.
    pub(crate) fn moved(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Moving {
            state.phase = Phase::Disconnected;
        }
        (state.taken, state.untold, state.messages_in_hand) = (0, 0, 0);
    }

    /// The subscription for answers is gone; the next request makes it again.
    pub(crate) fn inbox_lost(&self) {
        self.lock().inbox_sid = None;
    }

    /// The end: nothing is accepted any more, what waits is thrown away and counted.
    pub(crate) fn close(&self, engine: &mut Engine) {
        let mut state = self.lock();
        state.phase = Phase::Closed;
        let discarded = std::mem::take(&mut state.messages);
        state.totals.discarded += discarded;
        let unconfirmed = state.totals.unconfirmed;
        state.clear();
        let commands = std::mem::take(&mut state.commands);
        let draining = state.draining.take();
        let place = std::mem::take(&mut state.place);
        drop(state);
        drop(place); // The connection, if the driver had gone to sleep.
        apply(commands, engine);
        let queued = engine.queued();
        engine.close();
        self.room.notify_waiters();
        if let Some(draining) = draining {
            let unconfirmed = unconfirmed - draining.unconfirmed_before;
            let _ = draining.report.send(DrainReport {
                flushed: draining.pending.saturating_sub(discarded + unconfirmed),
                discarded,
                unconfirmed,
                queued,
            });
        }
    }
}

/// What a lost connection leaves.
#[derive(Debug)]
pub(crate) struct Lost {
    /// The tokens of the requests that are not sent yet, ascending.
    pub(crate) tokens: Vec<u64>,
    /// How many publishes were sent and never confirmed.
    pub(crate) unconfirmed: u64,
}

/// The line and the command that end a subscription.
fn unsubscribe(mut state: MutexGuard<'_, State>, sid: u64, max: Option<u64>) {
    if state.phase == Phase::Connected {
        encode::unsubscribe(&mut state.buffer, sid, max);
    }
    state.ask(Command::Unsubscribe { sid, max });
    unlock_and_wake(state);
}

fn apply(commands: Vec<Asked>, engine: &mut Engine) {
    for asked in commands {
        engine.apply(asked.command, asked.covers);
    }
}

/// Lets go of the lock, then wakes the driver if that can help.
fn unlock_and_wake(mut state: MutexGuard<'_, State>) {
    if state.is_blocked && (state.phase == Phase::Connected || state.commands.is_empty()) {
        return; // It writes, and looks here when it has; or it has nothing to write to.
    }
    let driver = state.driver.take();
    drop(state);
    if let Some(driver) = driver {
        driver.wake();
    }
}
