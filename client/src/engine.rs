//! The client's side of one connection after another, without I/O: bytes in, bytes and notices out.
//!
//! In: what the server sent, what callers ask for, what time it is. Out: messages into the queues of
//! subscriptions, lines for the server, notices for the driver, answers for waiting calls. No
//! socket, no clock, no runtime; only the subscriptions live on from one connection to the next.
//!
//! ```text
//! bytes ─▶ receive ─▶ table ─▶ queues, replies        callers ─▶ apply ─▶ table
//!             │                                                    │
//!             ├─▶ control: PONG, PING, SUB …                       ▼
//!             └─▶ notices: -ERR, INFO, slow            awaiting: one entry per PING on its way
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use dunlin_protocol::{ServerLimits, ServerParser, encode};

use crate::command::{Command, Flushed, Taken};
use crate::engine::table::Table;
use crate::error::{FlushErrorKind, PublishErrorKind};
use crate::message::Subject;
use crate::notice::{LinkError, Notice};
use crate::replies::Replies;
use crate::statistics::Tally;

pub(crate) mod handshake;
mod receive;
mod table;
#[cfg(test)]
mod tests;

/// How the engine behaves; settled when the client is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineOptions {
    pub(crate) ping_interval: Duration,
    /// How many pings may be unanswered when the next is due.
    pub(crate) pings_max: u32,
    /// How long a publish may go unconfirmed before a PING asks for it; none never asks.
    pub(crate) confirm_interval: Option<Duration>,
    pub(crate) limits: ServerLimits,
}

#[derive(Debug)]
pub(crate) struct Engine {
    options: EngineOptions,
    parser: ServerParser,
    /// What was received and not yet understood; starts where an operation starts.
    input: BytesMut,
    /// The size of the memory behind `input` when it was last set aside.
    input_size: usize,
    /// How long `input` must be before it is worth another look.
    need: usize,
    table: Table,
    replies: Arc<Replies>,
    /// One entry per PING that has no PONG yet. No entry stands before one whose PING goes out
    /// earlier, so that a PONG never answers for something the server has not seen.
    awaiting: VecDeque<Awaited>,
    /// How many publishes of this connection went the way of the lines so far.
    taken: u64,
    /// How many of them lie before a PING that was sent.
    asked: u64,
    /// How many of them the server has handled.
    confirmed: u64,
    /// When to ask for those behind `asked`; none while there are none.
    barrier: Option<Instant>,
    /// Keep-alive pings without an answer; at most `pings_max`.
    pings_unanswered: u32,
    next_ping: Instant,
    /// Nothing is read for now, and so no PONG either.
    is_held: bool,
    /// Lines that the engine itself has to say.
    control: Vec<u8>,
    notices: Vec<Notice>,
    tally: Tally,
}

/// A PING without its PONG.
#[derive(Debug)]
struct Awaited {
    what: Await,
    /// How many publishes of this connection lie before it, at least.
    covers: u64,
}

/// What a PONG stands for.
#[derive(Debug)]
enum Await {
    KeepAlive,
    /// Nothing but the publishes before it.
    Barrier,
    /// The last line on this connection: another one takes over.
    Farewell,
    Flush(Flushed),
    /// The message to this subject that lies right before it was taken; none once it was refused.
    Publish(Subject, Option<Taken>),
    /// The subscription with this sid is in force.
    Subscribe(u64),
    /// Nothing more comes for this sid.
    Unsubscribe(u64, Flushed),
    /// All subscriptions are ended, and what they were sent before has come.
    Drain,
}

impl Engine {
    pub(crate) fn new(options: EngineOptions, replies: Arc<Replies>, now: Instant) -> Self {
        Self {
            options,
            parser: ServerParser::default(),
            input: BytesMut::new(),
            input_size: 0,
            need: 1,
            table: Table::new(Arc::clone(&replies)),
            replies,
            awaiting: VecDeque::new(),
            taken: 0,
            asked: 0,
            confirmed: 0,
            barrier: None,
            pings_unanswered: 0,
            next_ping: now + options.ping_interval,
            is_held: false,
            control: Vec::new(),
            notices: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Starts on a new connection, whose first bytes behind the handshake are `input`: all
    /// subscriptions are asked for again, and those that callers wait for are followed by a PING.
    pub(crate) fn connected(&mut self, input: BytesMut, now: Instant) {
        self.parser = ServerParser::default();
        self.input = input;
        self.need = 1;
        self.pings_unanswered = 0;
        self.next_ping = now + self.options.ping_interval;
        (self.taken, self.asked, self.confirmed, self.barrier) = (0, 0, 0, None);
        self.control.clear();
        let waiting = self.table.write_all(&mut self.control);
        for sid in waiting.into_iter().rev() {
            self.control.extend_from_slice(encode::PING);
            let what = Await::Subscribe(sid);
            // In front of what was asked for since: these lines go out first.
            self.awaiting.push_front(Awaited { what, covers: 0 });
        }
    }

    /// Ends with the connection: whoever waits for a PONG hears that none will come, but for those
    /// who wait for a subscription, which goes on.
    pub(crate) fn lost(&mut self) {
        self.input = BytesMut::new();
        self.control = Vec::new();
        for awaited in std::mem::take(&mut self.awaiting) {
            match awaited.what {
                Await::KeepAlive | Await::Barrier | Await::Farewell => {}
                Await::Subscribe(_) | Await::Drain => {}
                Await::Flush(flushed) => {
                    let _ = flushed.send(Err(FlushErrorKind::Disconnected));
                }
                Await::Publish(_, taken) => {
                    let lost = |taken: Taken| taken.send(Err(PublishErrorKind::Disconnected));
                    let _ = taken.map(lost);
                }
                Await::Unsubscribe(sid, flushed) => {
                    self.table.unsubscribe(sid, None);
                    let _ = flushed.send(Err(FlushErrorKind::Disconnected));
                }
            }
        }
    }

    /// Ends for good: all queues end, all waiting calls hear it.
    pub(crate) fn close(&mut self) {
        for awaited in std::mem::take(&mut self.awaiting) {
            if let Await::Flush(flushed) | Await::Unsubscribe(_, flushed) = awaited.what {
                let _ = flushed.send(Err(FlushErrorKind::Closed));
            }
        }
        self.table.close();
    }

    /// Does what a caller asked for, behind `covers` publishes of this connection. The lines that
    /// belong to it are already on their way, in the same order as the commands.
    pub(crate) fn apply(&mut self, command: Command, covers: u64) {
        match command {
            Command::Subscribe(subscription) => {
                if subscription.confirmed.is_some() && subscription.has_line {
                    self.await_pong(Await::Subscribe(subscription.sid), covers);
                }
                self.table.insert(subscription);
            }
            Command::Unsubscribe { sid, max } => self.table.unsubscribe(sid, max),
            Command::DrainSubscription { sid, flushed } => {
                self.await_pong(Await::Unsubscribe(sid, flushed), covers);
            }
            Command::Flush(flushed) => self.await_pong(Await::Flush(flushed), covers),
            Command::Confirm { subject, taken } => {
                self.await_pong(Await::Publish(subject, Some(taken)), covers);
            }
            Command::Drain => {
                self.table.write_end(&mut self.control);
                self.ping(Await::Drain);
            }
        }
    }

    /// `messages` more publishes are on their way, in front of whatever is said from now on.
    pub(crate) fn took(&mut self, messages: u64) {
        self.taken += messages;
    }

    /// How many publishes of this connection the server has said to have.
    pub(crate) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Whether there are publishes that nothing asks for yet; then
    /// [`expect_confirmation`](Self::expect_confirmation) is next.
    pub(crate) fn is_unasked(&self) -> bool {
        self.barrier.is_none() && self.taken > self.asked && self.options.confirm_interval.is_some()
    }

    /// Whether the clock is set for that, or need never be.
    pub(crate) fn is_timed(&self) -> bool {
        self.barrier.is_some() || self.options.confirm_interval.is_none()
    }

    /// Sets the clock for the PING that asks for them.
    pub(crate) fn expect_confirmation(&mut self, now: Instant) {
        self.barrier = self.options.confirm_interval.map(|interval| now + interval);
    }

    /// Asks for everything that was said, as the last thing on this connection.
    pub(crate) fn say_farewell(&mut self) {
        self.ping(Await::Farewell);
    }

    /// Sends a PING of the engine's own, behind all that was taken.
    fn ping(&mut self, what: Await) {
        self.control.extend_from_slice(encode::PING);
        self.await_pong(what, self.taken);
    }

    fn await_pong(&mut self, what: Await, covers: u64) {
        self.asked = self.asked.max(covers);
        self.awaiting.push_back(Awaited { what, covers });
    }

    /// Looks at the clock: a PING may be due, or overdue.
    ///
    /// # Errors
    ///
    /// As many pings as allowed are unanswered and the next one is due.
    pub(crate) fn tick(&mut self, now: Instant) -> Result<(), LinkError> {
        if self.barrier.is_some_and(|due| due <= now) {
            self.barrier = None;
            if self.taken > self.asked {
                self.ping(Await::Barrier);
            }
        }
        if now < self.next_ping {
            return Ok(());
        }
        if self.is_held {
            self.next_ping = now + self.options.ping_interval;
            return Ok(()); // A silence of our own making.
        }
        if self.pings_unanswered >= self.options.pings_max {
            return Err(LinkError::Stale);
        }
        self.pings_unanswered += 1;
        self.next_ping = now + self.options.ping_interval;
        self.ping(Await::KeepAlive);
        Ok(())
    }

    /// Whether a subscriber asks that nothing more be read; `waker` is called when that changes.
    pub(crate) fn holds_off(&mut self, waker: &Waker) -> bool {
        self.is_held = self.table.holds_off(waker);
        self.is_held
    }

    /// When to look at the clock again.
    pub(crate) fn deadline(&self) -> Instant {
        self.barrier
            .map_or(self.next_ping, |due| due.min(self.next_ping))
    }

    /// Whether the engine has lines of its own to send.
    pub(crate) fn has_control(&self) -> bool {
        !self.control.is_empty()
    }

    /// Whether so many answers are due that nothing more should be asked before some have come.
    pub(crate) fn is_owed_much(&self) -> bool {
        self.awaiting.len() >= AWAITING_MAX
    }

    /// Moves the engine's own lines behind `out`.
    pub(crate) fn write_control(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.control);
        if self.control.capacity() > CONTROL_MAX {
            self.control = Vec::new(); // The many SUBs of a new connection.
        }
    }

    /// What has happened since the last call.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// What is to be counted since the last call.
    pub(crate) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// How many messages wait in the queues of subscribers.
    pub(crate) fn queued(&self) -> u64 {
        self.table.queued()
    }
}

/// How many bytes of answers a server may owe us reading: over ten thousand PONGs. A guess.
const CONTROL_MAX: usize = 64 * 1024;
/// How many PINGs may be without their PONG before nothing more is sent: some megabytes. A guess.
const AWAITING_MAX: usize = 64 * 1024;
