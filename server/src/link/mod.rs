//! What passes between bytes and meaning.
//!
//! `net/` owns sockets and time, `doors/` own meaning; they meet here. A [`Session`] takes bytes
//! and the time and answers with a verdict; an [`Outbox`] takes what a connection is to be sent;
//! [`Wakes`] lists the outboxes that one round of work touched, so that each is flushed once.
//! Nothing here awaits, and nothing here knows a wire text.

mod backlog;
mod ceiling;
mod chunk;
mod lag;
mod latency;
#[cfg(all(test, model))]
pub(crate) mod models;
mod origin;
mod outbox;
mod queue;
mod reason;
mod share;
pub(crate) mod sync;
mod tally;
mod wakes;
mod wire;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

pub(crate) use backlog::Backlog;
pub(crate) use ceiling::Relief;
pub(crate) use chunk::{Chunks, LARGE as PIECE_LEN, Pool};
pub use lag::Lag;
pub(crate) use lag::LagRule;
pub(crate) use latency::{Latency, Samples};
pub(crate) use origin::{Cookies, Origin, Secured};
pub(crate) use outbox::{Flushed, Outbox, Refused, Status, Walk, Writing};
pub(crate) use queue::{Dropped, Notes, Sight, Thinned};
pub(crate) use reason::Reason;
pub(crate) use share::Share;
pub(crate) use tally::{Queued, ReadText, Waiting};
pub(crate) use wakes::Wakes;
pub(crate) use wire::Wire;

/// One connection as its door sees it: a plain state machine without socket or clock.
pub(crate) trait Session: Send + 'static {
    /// The connection is there; the first thing to say, if the server speaks first.
    fn on_open(&mut self, now: Instant, wakes: &mut Wakes);

    /// Takes as much of `input` as it understands; what it leaves comes again with more behind it.
    fn on_bytes(&mut self, input: Input<'_>, now: Instant, wakes: &mut Wakes) -> Taken;

    /// The time that [`Session::deadline`] named has come, or came a while ago.
    fn on_tick(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict;

    /// Somebody called [`Outbox::notify`]: what the session waited for is there, or what all
    /// sessions share has changed.
    fn on_notice(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict;

    /// The other side has taken nothing for as long as it may, and is kept all the same.
    fn on_stall(&mut self) {}

    /// The connection holds back for a slower reader.
    fn on_pace(&mut self) {}

    /// When `on_tick` is wanted next; asked after every call.
    fn deadline(&self) -> Instant;

    /// The connection is over; called once, last.
    fn on_close(&mut self, end: End);
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: Reason,
    /// What was queued for it and not sent.
    pub(crate) dropped: Dropped,
    /// How its outbox stood before that was dropped.
    pub(crate) backlog: Backlog,
    pub(crate) at: Instant,
}

/// What has been received and not yet taken.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
    /// Owns `bytes`, where they may be kept without copying.
    pub(crate) owner: Option<&'a Bytes>,
}

/// What a session made of its input.
#[derive(Debug)]
pub(crate) struct Taken {
    /// How many bytes are done with.
    pub(crate) used: usize,
    /// How long the rest must be before another look can help; 0 asks for another look at once,
    /// after what was written has been flushed.
    pub(crate) need: usize,
    pub(crate) verdict: Verdict,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Continue,
    /// Read no more, and keep what has been read, until a tick or a notice is answered with
    /// `Continue`; what was kept is handed in again then.
    Pause,
    /// Send what is queued, then hang up.
    Close(Reason),
}

/// What receives new connections: one for each way in.
pub(crate) trait Door: Send + Sync + 'static {
    /// Somebody has connected.
    fn arrive(&self, origin: Origin, now: Instant) -> Box<dyn Arrival>;
}

/// A connection that has a number, and no session yet: its encryption may still have to be agreed
/// on. It is either opened or turned away.
pub(crate) trait Arrival: Send {
    /// Whether there is room for it: if not, its session will only say so.
    fn is_admitted(&self) -> bool;

    /// What is said in the open, before the encryption starts; the session does not say it again.
    fn greeting(&mut self) -> Vec<u8>;

    /// Begins the session, which writes to `outbox`. `secured` tells what the encryption showed.
    fn open(
        self: Box<Self>,
        outbox: Arc<Outbox>,
        secured: Option<Box<Secured>>,
        now: Instant,
    ) -> Box<dyn Session>;

    /// Too many have come at once: its session will only say so.
    fn throttle(&mut self);

    /// There will be no session. `why` is for whoever keeps an eye on the server, if it concerns
    /// them.
    fn turn_away(self: Box<Self>, reason: Reason, why: Option<String>, now: Instant);
}

/// Where work is done that takes longer than a loop may.
pub(crate) trait Background: Send + Sync {
    /// Does `job` on another thread, soon; or never, if the server stops.
    fn run(&self, job: Box<dyn FnOnce() + Send>);
}
