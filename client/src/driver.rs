//! The one task that owns the socket.
//!
//! It writes what callers have put into the outgoing buffer, reads what the server sends into the
//! engine, looks at the clock, and, when the connection is lost, makes another one. Everything it
//! does with a connection stands in [`Driver::poll_link`]; everything between two in
//! [`Driver::reconnect`].

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::address::ServerAddr;
use crate::dial::{Connection, dial};
use crate::engine::{Engine, EngineOptions};
use crate::error::{ConnectErrorKind, RequestErrorKind};
use crate::events::Event;
use crate::notice::{LinkError, Notice};
use crate::outgoing::{Phase, Rest, SIZE_MAX};
use crate::pool::Pool;
use crate::refusal::Verdict;
use crate::shared::Shared;
use crate::transport::Transport;

mod moving;

use moving::{Successor, part};

pub(crate) struct Driver {
    shared: Arc<Shared>,
    pool: Pool,
    engine: Engine,
    /// Lines taken from the callers, on their way to the socket.
    writing: Vec<u8>,
    /// How much of `writing` the socket has.
    written: usize,
    /// Whether the stream may still hold back what was written.
    needs_flush: bool,
    /// Where the connection in use leads; none for a stream that was given.
    current: Option<ServerAddr>,
    /// The server has said that it is about to go.
    is_lame: bool,
}

/// A connection in use.
pub(crate) struct Link {
    /// None while the driver sleeps: then callers may have it.
    transport: Option<Transport>,
    timer: Pin<Box<Sleep>>,
    /// Set when it was over before it began: by what came with the end of the handshake.
    ended: Option<End>,
    /// The connection that is to take over from a server that is about to go.
    successor: Option<Successor>,
}

/// How a connection ended.
enum End {
    /// As it was asked for.
    Done,
    /// In order, with a successor that takes over.
    Parted,
    Lost(Box<str>),
    /// And another one would end the same way.
    Hopeless(Box<str>),
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, pool: Pool) -> Self {
        let options = EngineOptions {
            ping_interval: shared.options.ping_interval,
            pings_max: shared.options.pings_max,
            confirm_interval: shared.options.confirm_interval,
            limits: dunlin_protocol::ServerLimits {
                payload_max: shared.options.payload_max,
                ..dunlin_protocol::ServerLimits::default()
            },
        };
        let replies = Arc::clone(&shared.replies);
        Self {
            engine: Engine::new(options, replies, Instant::now().into_std()),
            shared,
            pool,
            writing: Vec::new(),
            written: 0,
            needs_flush: false,
            current: None,
            is_lame: false,
        }
    }

    /// Drives connections until the client ends; without a first one it starts by looking for it.
    pub(crate) async fn run(mut self, first: Option<Link>) {
        let mut next = first;
        loop {
            let mut link = match next.take() {
                Some(link) => link,
                None => match self.reconnect().await {
                    Some(connection) => self.begin(connection, false),
                    None => break,
                },
            };
            let end = poll_fn(|cx| self.poll_link(cx, &mut link)).await;
            match end {
                End::Done => {
                    if let Some(transport) = link.transport {
                        part(transport).await;
                    }
                    break;
                }
                End::Parted => next = self.change_over(link),
                End::Lost(reason) => {
                    self.lose(reason);
                    // Where somebody stands by already, nobody needs to be looked for.
                    next = link
                        .successor
                        .and_then(Successor::ready)
                        .map(|new| self.begin(new, false));
                }
                End::Hopeless(reason) => {
                    self.lose(reason);
                    break;
                }
            }
        }
    }

    /// Everything that is done with a connection, until nothing is left to do now.
    fn poll_link(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Poll<End> {
        if let Some(end) = link.ended.take() {
            return Poll::Ready(end);
        }
        if link.transport.is_none() && !self.reclaim(cx, link) {
            return Poll::Pending;
        }
        while link.timer.as_mut().poll(cx).is_ready() {
            if let Err(error) = self.engine.tick(Instant::now().into_std()) {
                return Poll::Ready(ended(error));
            }
            link.timer.as_mut().reset(self.engine.deadline().into());
        }
        if let Poll::Ready(end) = self.poll_successor(cx, link) {
            return Poll::Ready(end);
        }
        for _ in 0..ROUNDS_MAX {
            let is_blocked = match self.poll_write(cx, link) {
                Poll::Ready(Ok(())) => false,
                Poll::Ready(Err(error)) => return Poll::Ready(self.last_words(cx, link, error)),
                Poll::Pending => true,
            };
            if self.engine.is_unasked() {
                self.engine.expect_confirmation(Instant::now().into_std());
                link.timer.as_mut().reset(self.engine.deadline().into());
                let _ = link.timer.as_mut().poll(cx); // Not due yet; now it is known whom to wake.
            }
            match self.poll_read(cx, link) {
                // From a farewell that was taken back, because the client ends.
                Poll::Ready(Some(End::Parted)) if !link.stands_by() => continue,
                Poll::Ready(Some(end)) => return Poll::Ready(end),
                Poll::Ready(None) => continue,
                Poll::Pending => {}
            }
            if self.engine.has_control() && !is_blocked {
                continue;
            }
            if self.is_lame && link.successor.is_none() {
                break; // Once more from the top, to look for another server.
            }
            let takes_none = is_blocked || link.stands_by() || self.engine.is_owed_much();
            let (outgoing, is_timed) = (&self.shared.outgoing, self.engine.is_timed());
            match outgoing.sleep(cx, takes_none, is_timed, &mut link.transport) {
                Rest::Work => {}
                Rest::Asleep => return Poll::Pending,
                Rest::Over => return Poll::Ready(End::Done),
            }
        }
        cx.waker().wake_by_ref(); // Others have waited long enough.
        Poll::Pending
    }

    /// Takes the connection back from callers, and what they could not write; false while one of
    /// them writes.
    fn reclaim(&mut self, cx: &Context<'_>, link: &mut Link) -> bool {
        let Some(returned) = self.shared.outgoing.reclaim(cx) else {
            return false;
        };
        link.transport = Some(returned.transport);
        if !returned.lines.is_empty() {
            (self.writing, self.written) = (returned.lines, returned.written);
        }
        self.needs_flush = returned.needs_flush;
        true
    }

    /// Writes what was taken, else takes what there is and writes that. Pending: the socket is full.
    fn poll_write(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Poll<io::Result<()>> {
        if self.written == self.writing.len() {
            self.written = 0;
            match self.writing.capacity() > WRITING_KEPT {
                true => self.writing = Vec::new(), // What one large message took.
                false => self.writing.clear(),
            }
            // In this order: see `Engine::awaiting`.
            self.engine.write_control(&mut self.writing);
            if !link.stands_by() && !self.engine.is_owed_much() {
                let outgoing = &self.shared.outgoing;
                outgoing.take(&mut self.writing, &mut self.engine);
                link.has_taken(&mut self.engine);
            }
            self.engine.write_control(&mut self.writing);
        }
        let Some(transport) = &mut link.transport else {
            return Poll::Pending;
        };
        let mut transport = Pin::new(transport);
        while self.written < self.writing.len() {
            match ready!(
                transport
                    .as_mut()
                    .poll_write(cx, &self.writing[self.written..])
            )? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => self.written += len,
            }
            self.needs_flush = true;
        }
        if self.needs_flush {
            ready!(transport.poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and understands it; none if the connection goes on.
    fn poll_read(&mut self, cx: &mut Context<'_>, link: &mut Link) -> Poll<Option<End>> {
        let Some(transport) = &mut link.transport else {
            return Poll::Pending;
        };
        if self.engine.holds_off(cx.waker()) {
            return Poll::Pending;
        }
        let read = ready!(pin!(transport.read_buf(self.engine.space())).poll(cx));
        Poll::Ready(match read {
            Ok(0) => Some(End::Lost("server hung up".into())),
            Ok(_) => self.receive(),
            Err(error) => Some(End::Lost(error.to_string().into())),
        })
    }

    /// A server that refuses something says why before it hangs up: that may stand behind a failed
    /// write, and says whether to come back.
    fn last_words(&mut self, cx: &mut Context<'_>, link: &mut Link, error: io::Error) -> End {
        loop {
            match self.poll_read(cx, link) {
                Poll::Ready(None) => {}
                Poll::Ready(Some(End::Hopeless(reason))) => return End::Hopeless(reason),
                Poll::Ready(Some(_)) | Poll::Pending => return End::Lost(error.to_string().into()),
            }
        }
    }

    /// Understands what was read and tells what came of it.
    fn receive(&mut self) -> Option<End> {
        let outcome = self.engine.receive();
        self.shared.counters.add(self.engine.take_tally());
        let told = self.tell_notices();
        match outcome {
            Err(error) => Some(ended(error)),
            Ok(()) => told,
        }
    }

    /// Passes on what the engine noticed; some if that is an end.
    fn tell_notices(&mut self) -> Option<End> {
        let mut told = None;
        for notice in self.engine.take_notices() {
            match notice {
                Notice::Refused(error) => self.shared.events.emit(&Event::ServerError(error)),
                Notice::Slow(slow) => self.shared.events.emit(&Event::SlowConsumer(slow)),
                Notice::InboxRefused => self.shared.outgoing.inbox_lost(),
                Notice::Drained => told = Some(End::Done), // Also behind a farewell taken back.
                Notice::Parted => told = told.or(Some(End::Parted)),
                Notice::Info(info) => {
                    self.shared
                        .outgoing
                        .limits_changed(payload_max(info.max_payload));
                    self.discover(&info.connect_urls);
                    if info.ldm {
                        self.is_lame = true;
                        self.shared.events.emit(&Event::LameDuck);
                    }
                    self.shared.set_info(info);
                }
            }
        }
        told
    }

    /// Starts on a connection, after a lost one or by a move from one that was parted with:
    /// subscriptions are made again, then what was buffered is sent.
    pub(crate) fn begin(&mut self, connection: Connection, is_move: bool) -> Link {
        (self.current, self.is_lame) = (connection.addr, false);
        let (shared, engine) = (&self.shared, &mut self.engine);
        let info = connection.info;
        (self.writing, self.written, self.needs_flush) = (Vec::new(), 0, false);
        let max = payload_max(info.max_payload);
        shared.outgoing.connected(max, info.headers, engine);
        engine.connected(connection.input, Instant::now().into_std());
        let event = match shared.counters.connects.fetch_add(1, Ordering::Relaxed) {
            0 => Event::Connected,
            _ if is_move => Event::Moved,
            _ => Event::Reconnected,
        };
        let urls = info.connect_urls.clone();
        shared.set_info(info);
        shared.events.emit(&event);
        self.discover(&urls);
        Link {
            // The handshake may have read further than its own end.
            ended: self.receive(),
            transport: Some(connection.transport),
            timer: Box::pin(sleep_until(self.engine.deadline().into())),
            successor: None,
        }
    }

    fn lose(&mut self, reason: Box<str>) {
        let shared = &self.shared;
        let engine = &mut self.engine;
        let lost = shared.outgoing.lost(&self.writing, self.written, engine);
        (self.writing, self.written) = (Vec::new(), 0);
        let kind = RequestErrorKind::Disconnected;
        shared.replies.fail_all_but(&lost.tokens, kind);
        shared.events.emit(&Event::Disconnected(reason));
        if lost.unconfirmed > 0 {
            shared.events.emit(&Event::Unconfirmed(lost.unconfirmed));
        }
    }

    /// Tries one server after the other, with pauses; none when it is time to give up.
    async fn reconnect(&mut self) -> Option<Connection> {
        let shared = Arc::clone(&self.shared);
        let options = &shared.options;
        for failed in 0.. {
            if options.max_reconnects.is_some_and(|max| failed >= max) {
                return None;
            }
            let delay = options.delay(failed, self.pool.len(), &shared.random);
            self.meanwhile(sleep(delay)).await?;
            let addr = self.pool.next()?;
            match self.meanwhile(dial(&addr, options)).await? {
                Ok(connection) => {
                    self.pool.succeeded(&addr);
                    return Some(connection);
                }
                Err(error) => {
                    if error.kind() == ConnectErrorKind::Authentication {
                        self.pool.refused(&addr);
                    }
                    let text = error.to_string();
                    shared.events.emit(&Event::ConnectFailed(text.into()));
                }
            }
        }
        None
    }

    /// Waits for `future` without keeping callers waiting; none if the client ends.
    async fn meanwhile<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if !self.shared.outgoing.take_commands(cx, &mut self.engine) {
                return Poll::Ready(None);
            }
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }

    fn discover(&mut self, urls: &[String]) {
        if !urls.is_empty() && !self.shared.options.ignores_discovered {
            self.pool.discovered(urls, &self.shared.random);
        }
    }
}

/// However the driver ends, also with its runtime: nobody is left waiting for it.
impl Drop for Driver {
    fn drop(&mut self) {
        let shared = &self.shared;
        let phase = shared.outgoing.phase();
        if matches!(phase, Phase::Connected | Phase::Moving | Phase::Draining) {
            let engine = &mut self.engine;
            shared.outgoing.lost(&self.writing, self.written, engine);
        }
        shared.outgoing.close(&mut self.engine);
        shared.replies.fail_all_but(&[], RequestErrorKind::Closed);
        shared.events.emit(&Event::Closed);
    }
}

fn ended(error: LinkError) -> End {
    let reason = error.to_string().into();
    match error {
        LinkError::Refused(refusal) if refusal.verdict() == Verdict::GiveUp => {
            End::Hopeless(reason)
        }
        _ => End::Lost(reason),
    }
}

/// A server that names no limit has none.
fn payload_max(max_payload: i64) -> usize {
    match usize::try_from(max_payload) {
        Ok(0) | Err(_) => SIZE_MAX,
        Ok(max) => max.min(SIZE_MAX),
    }
}

/// How many times round before other tasks get a turn; each is up to 64 KiB each way. A guess.
const ROUNDS_MAX: u32 = 4;
/// The largest buffer that is kept for the next lines, in bytes: four times what usually collects.
const WRITING_KEPT: usize = 1024 * 1024;
