//! The loop that serves one connection, whatever it is made of.
//!
//! One round: read what is there into the thread's buffer; let the session take it (parse, match,
//! deliver: all of it happens here and now); flush each outbox that was written to, once. Between
//! rounds a connection keeps the unfinished end of its input and nothing else.
//!
//! Invariants: a publisher waits for a slow reader at most four milliseconds a round, and only while
//! that reader makes progress; a connection that is ending is read no more; whatever happens, the
//! session hears of the end exactly once.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::growth::growth;
use super::hindrance::Hindrances;
use super::hub::{Alive, Hub};
use super::socket::Socket;
use super::worker::Worker;
use crate::link::{Backlog, End, Flushed, Input, Outbox, Reason, Session, Status, Verdict, Wakes};

/// How many reads a connection may do before the others have their turn. A guess.
const READS_MAX: usize = 4;
/// With more outboxes than this to flush, each is left to its own loop, so that other threads can
/// help. A guess.
const DIRECT_MAX: usize = 2048;
/// How long a reader that was cut may take for its last words.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);
/// How long a connection that ends may take for what is queued.
const ENDING_MAX: Duration = Duration::from_secs(2);
/// How long the peer may take to hang up after us; meanwhile what it sends is thrown away, since a
/// socket closed over unread bytes takes back what was sent.
const LINGER_MAX: Duration = Duration::from_millis(500);

/// The task of one connection.
pub(super) struct Drive<S: Socket> {
    hub: Arc<Hub>,
    /// None once it is over.
    connection: Option<Connection<S>>,
    _alive: Alive,
}

struct Connection<S> {
    id: u32,
    outbox: Arc<Outbox<S>>,
    session: Box<dyn Session>,
    /// The unfinished end of the input, if there is one; shorter than `need`.
    tail: Option<Box<BytesMut>>,
    /// How long the input must be before the session wants to see it.
    need: usize,
    /// When the clock will wake this loop.
    armed: Option<Instant>,
    hindrances: Hindrances,
    /// The session wants no input for now.
    is_paused: bool,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Open,
    /// Sends what is queued.
    Ending,
    /// Waits for the peer to hang up.
    Lingering,
    /// Waits for whoever is writing to it, and counts what its reader has lost.
    Over,
}

impl<S: Socket> Drive<S> {
    pub(super) fn new(
        id: u32,
        outbox: Arc<Outbox<S>>,
        session: Box<dyn Session>,
        hub: Arc<Hub>,
        alive: Alive,
    ) -> Self {
        let connection = Connection {
            id,
            outbox,
            session,
            tail: None,
            need: 1,
            armed: None,
            hindrances: Hindrances::default(),
            is_paused: false,
            phase: Phase::New,
        };
        Self {
            hub,
            connection: Some(connection),
            _alive: alive,
        }
    }
}

impl<S: Socket> Future for Drive<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self {
            hub, connection, ..
        } = &mut *self;
        hub.with_worker(|worker| {
            let Some(open) = connection else {
                return Poll::Ready(());
            };
            if open.round(hub, worker, cx).is_pending() {
                open.arm(hub);
                return Poll::Pending;
            }
            let at = hub.now();
            let last = open.hindrances.last();
            let backlog = last.unwrap_or_else(|| open.outbox.backlog(at));
            if !open.outbox.try_discard(worker.wakes.chunks()) {
                open.phase = Phase::Over;
                return Poll::Pending;
            }
            if !hub.count_lost(&open.outbox, worker.wakes.chunks(), cx) {
                open.phase = Phase::Over;
                open.hindrances.set_last(backlog);
                return Poll::Pending;
            }
            if let Some(over) = connection.take() {
                over.finish(hub, backlog, at);
            }
            Poll::Ready(())
        })
    }
}

impl<S: Socket> Drop for Drive<S> {
    fn drop(&mut self) {
        // The runtime ended before the connection did.
        if let Some(connection) = self.connection.take() {
            let hub = &self.hub;
            hub.with_worker(|worker| {
                connection.outbox.end(Reason::ServerShutdown);
                let at = hub.now();
                let backlog = connection.outbox.backlog(at);
                let chunks = worker.wakes.chunks();
                connection.outbox.discard(chunks);
                connection
                    .outbox
                    .count_lost(hub.read_text, usize::MAX, chunks);
                connection.finish(hub, backlog, at);
            });
        }
    }
}

impl<S: Socket> Connection<S> {
    /// Everything that can be done now; ready when the connection is over.
    fn round(&mut self, hub: &Hub, worker: &mut Worker, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase == Phase::Over {
            return Poll::Ready(());
        }
        let now = hub.now();
        worker.wakes.set_now(now);
        if self.phase == Phase::New {
            self.phase = Phase::Open;
            self.outbox.set_owner(cx.waker());
            self.session.on_open(now, &mut worker.wakes);
            self.flush_noted(&mut worker.wakes);
        }
        self.tick(now, &mut worker.wakes);
        for _ in 0..READS_MAX {
            let status = self.write_rest(now, &mut worker.wakes, cx);
            if let Some(reason) = status.ending {
                if reason.is_slow_consumer() {
                    // Its memory is wanted elsewhere.
                    hub.count_lost(&self.outbox, worker.wakes.chunks(), cx);
                }
                return self.end(reason, status, now, worker, cx);
            }
            if self
                .hindrances
                .stalled_since()
                .is_some_and(|since| since + hub.write_deadline() <= now)
            {
                if !hub.keeps_stalled() {
                    self.outbox.end(Reason::SlowConsumerWriteDeadline);
                    return Poll::Ready(());
                }
                self.session.on_stall();
                self.hindrances.stall_anew(now);
            }
            if status.is_notified {
                self.notice(now, &mut worker.wakes);
                continue;
            }
            if self.is_paused || !self.hindrances.may_read(cx) {
                return Poll::Pending;
            }
            match self.outbox.wire().poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => self.read(now, worker),
                Poll::Ready(Err(_)) => self.outbox.end(Reason::ReadError),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does what time asks for.
    fn tick(&mut self, now: Instant, wakes: &mut Wakes) {
        if self.armed.is_none_or(|armed| armed > now) {
            return;
        }
        self.armed = None;
        if self.session.deadline() <= now && self.phase == Phase::Open {
            let verdict = self.session.on_tick(now, wakes);
            self.flush_noted(wakes);
            self.obey(verdict, now, wakes);
        }
    }

    /// Tells the session that there is something to look at.
    fn notice(&mut self, now: Instant, wakes: &mut Wakes) {
        self.outbox.take_notice();
        let verdict = self.session.on_notice(now, wakes);
        self.flush_noted(wakes);
        self.obey(verdict, now, wakes);
    }

    /// Sends what others left to this loop; tells how the outbox stands after that.
    fn write_rest(&mut self, now: Instant, wakes: &mut Wakes, cx: &mut Context<'_>) -> Status {
        let mut status = self.outbox.status();
        while status.is_blocked {
            match self.outbox.wire().poll_write_ready(cx) {
                Poll::Ready(ready) => match ready.and_then(|()| self.outbox.wire().try_drain()) {
                    Ok(()) => self.outbox.unblock(),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(_) => {
                        self.outbox.end(Reason::WriteError);
                        return self.outbox.status();
                    }
                },
                Poll::Pending => break,
            }
            if self.outbox.flush(wakes.chunks()).is_err() {
                self.outbox.end(Reason::WriteError);
                return self.outbox.status();
            }
            status = self.outbox.status();
        }
        if !status.is_blocked && !status.is_empty {
            if self.outbox.flush(wakes.chunks()).is_err() {
                self.outbox.end(Reason::WriteError);
            }
            status = self.outbox.status();
        }
        self.hindrances.note(&status, now);
        status
    }

    /// Reads once, and lets the session take what is there.
    fn read(&mut self, now: Instant, worker: &mut Worker) {
        let Worker { buffer, wakes, .. } = worker;
        if self.need > buffer.len() {
            return self.read_large(now, wakes);
        }
        let tail = self.tail.as_deref().map_or(&[][..], |tail| tail);
        let kept = tail.len(); // Less than `need`, so there is room behind it.
        buffer[..kept].copy_from_slice(tail);
        match self.outbox.wire().try_read(&mut buffer[kept..]) {
            Ok(0) => self.outbox.end(Reason::ClientClosed),
            Ok(read) if kept + read < self.need => {
                self.keep(&buffer[kept..kept + read]);
            }
            Ok(read) => {
                self.tail = None;
                self.feed(&buffer[..kept + read], None, now, wakes);
            }
            Err(error) => self.note_read_error(&error),
        }
    }

    /// Reads into memory of the message's own, which its readers can then share.
    fn read_large(&mut self, now: Instant, wakes: &mut Wakes) {
        let tail = self.tail.get_or_insert_default();
        let room = growth(tail.len(), self.need);
        tail.reserve(room - tail.len());
        match self.outbox.wire().try_read_more(tail) {
            Ok(0) => self.outbox.end(Reason::ClientClosed),
            Ok(_) if tail.len() < self.need => {}
            Ok(_) => {
                let whole = self.take_tail();
                self.feed(&whole, Some(&whole), now, wakes);
            }
            Err(error) => self.note_read_error(&error),
        }
    }

    /// Adds to the unfinished end of the input.
    fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            let tail = self.tail.get_or_insert_default();
            tail.extend_from_slice(rest);
        }
    }

    fn take_tail(&mut self) -> Bytes {
        let tail = self.tail.take();
        tail.map_or_else(Bytes::new, |tail| tail.freeze())
    }

    fn note_read_error(&mut self, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
            // The bytes came, but they are no frames: the peer can still be told.
            io::ErrorKind::InvalidData => self.outbox.end(Reason::ProtocolViolation),
            _ => self.outbox.end(Reason::ReadError),
        }
    }

    /// Hands `input` to the session, flushing whenever it asks for it; keeps what it leaves.
    fn feed(&mut self, input: &[u8], owner: Option<&Bytes>, now: Instant, wakes: &mut Wakes) {
        let mut rest = input;
        loop {
            let taken = self
                .session
                .on_bytes(Input { bytes: rest, owner }, now, wakes);
            rest = &rest[taken.used..];
            self.need = taken.need;
            if taken.need == 0 || !wakes.may_leave() {
                self.flush_noted(wakes);
            }
            match taken.verdict {
                Verdict::Continue if taken.need == 0 => {}
                Verdict::Continue => break,
                Verdict::Pause => {
                    self.is_paused = true;
                    break;
                }
                Verdict::Close(reason) => {
                    self.outbox.end(reason);
                    break;
                }
            }
        }
        self.keep(rest);
    }

    /// Does what the session made of a tick or a notice; after a pause it gets what was kept.
    fn obey(&mut self, verdict: Verdict, now: Instant, wakes: &mut Wakes) {
        match verdict {
            Verdict::Continue if self.is_paused => {
                self.is_paused = false;
                let kept = self.take_tail();
                self.feed(&kept, Some(&kept), now, wakes);
            }
            Verdict::Continue => {}
            Verdict::Pause => self.is_paused = true,
            Verdict::Close(reason) => self.outbox.end(reason),
        }
    }

    /// Flushes every outbox that the round wrote to, and finds one worth waiting for.
    fn flush_noted(&mut self, wakes: &mut Wakes) {
        let noted = wakes.take_noted();
        let is_direct = noted.len() <= DIRECT_MAX;
        for outbox in &noted {
            let flushed = match is_direct {
                true => outbox.flush(wakes.chunks()),
                false => Ok(Flushed::Busy),
            };
            if !is_direct {
                outbox.wake_owner();
            }
            match flushed {
                Ok(Flushed::Done) => {}
                Ok(Flushed::Busy | Flushed::Blocked) => {
                    if !self.hindrances.is_pacing() && outbox.wants_pause() {
                        self.session.on_pace();
                        self.hindrances.wait_for(outbox);
                    }
                }
                Err(_) => {
                    outbox.end(Reason::WriteError);
                    outbox.wake_owner();
                }
            }
        }
        wakes.reuse(noted);
        wakes.relieve();
    }

    /// The way out: what is queued is sent, then the peer is given a moment to hang up.
    fn end(
        &mut self,
        reason: Reason,
        status: Status,
        now: Instant,
        worker: &mut Worker,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.phase == Phase::Open {
            let patience = match reason {
                Reason::ReadError | Reason::WriteError => return Poll::Ready(()),
                Reason::SlowConsumerPendingBytes | Reason::SlowConsumerPendingTotal => {
                    LAST_WORDS_MAX
                }
                _ => ENDING_MAX,
            };
            self.enter(Phase::Ending, now + patience);
        }
        if self.phase == Phase::Ending {
            if !status.is_empty {
                return match self.is_late(now) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                };
            }
            if reason == Reason::ClientClosed {
                return Poll::Ready(()); // Its end says the rest.
            }
            self.outbox.wire().finish(reason);
            self.enter(Phase::Lingering, now + LINGER_MAX);
        }
        if self.phase != Phase::Lingering || self.is_late(now) {
            return Poll::Ready(());
        }
        for _ in 0..READS_MAX {
            match self.outbox.wire().poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => match self.outbox.wire().try_read(&mut worker.buffer) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => return Poll::Ready(()),
                },
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// From now on it is `phase`, but no longer than `until`.
    fn enter(&mut self, phase: Phase, until: Instant) {
        self.phase = phase;
        self.hindrances.set_until(until);
    }

    fn is_late(&self, now: Instant) -> bool {
        let until = self.hindrances.until();
        until.is_some_and(|until| until <= now)
    }

    /// Has the clock wake this loop when it next has something to do.
    fn arm(&mut self, hub: &Hub) {
        let due = match (self.hindrances.until(), self.hindrances.stalled_since()) {
            (Some(until), _) => until,
            (_, Some(since)) => self.session.deadline().min(since + hub.write_deadline()),
            _ => self.session.deadline(),
        };
        if self.armed.is_none_or(|armed| due < armed) {
            hub.timers.set(self.id, self.armed, due);
            self.armed = Some(due);
        }
    }

    /// The end: the session hears of it, and nothing of the connection stays behind.
    fn finish(mut self, hub: &Hub, backlog: Backlog, at: Instant) {
        let dropped = self.outbox.take_dropped();
        let reason = self
            .outbox
            .status()
            .ending
            .unwrap_or(Reason::ServerShutdown);
        self.session.on_close(End {
            reason,
            dropped,
            backlog,
            at,
        });
        drop(self.session);
        if let Some(armed) = self.armed.take() {
            hub.timers.remove(self.id, armed); // Before the number is another's.
        }
        hub.forget(self.id);
        // Publishers that remember a subscription of this connection keep its socket for a while.
        let wire = self.outbox.wire();
        if !wire.ends_when_dropped() || Arc::strong_count(&self.outbox) > 1 {
            wire.abandon(reason);
        }
    }
}
