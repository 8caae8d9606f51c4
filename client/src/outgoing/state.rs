//! What lies under the lock of the outgoing buffer.
//!
//! Plain changes of a plain struct; who may call them when is settled one floor up.

use std::task::Waker;

use dunlin_protocol::encode::{self, Publication};
use tokio::sync::oneshot;

use super::loan::Place;
use crate::command::{Command, Confirmed, NewSubscription, Sink};
use crate::error::PublishErrorKind;
use crate::message::Subject;
use crate::replies::Replies;
use crate::sift::{self, Kept};

/// How many bytes may wait to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutgoingLimits {
    /// While there is a connection; a publish that finds no room waits for it.
    pub(crate) connected: usize,
    /// While there is none.
    pub(crate) disconnected: usize,
    /// What a publish does that finds no room then.
    pub(crate) when_unsent: WhenUnsent,
}

/// What a publish does that finds the reconnect buffer full, while there is no connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenUnsent {
    /// It fails. The default.
    #[default]
    Fail,
    /// It takes the place of what has waited longest, which is discarded and counted; requests
    /// among those fail. One that is larger than the whole buffer fails.
    DropOldest,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// Lines for the server. Without a connection: publishes, and the PINGs of waiting flushes.
    pub(super) buffer: Vec<u8>,
    /// Where the first line of `buffer` begins: what lies before it was dropped. 0 while connected.
    start: usize,
    /// How many PINGs stood among what was dropped: they go out before `buffer`. 0 while connected.
    pings_before: usize,
    /// How many of the lines are publishes.
    pub(super) messages: u64,
    /// How many publishes the driver took and has not written whole.
    pub(super) messages_in_hand: u64,
    /// How many the driver, or a caller for it, took on this connection.
    pub(super) taken: u64,
    /// How many of those the engine has not been told of.
    pub(super) untold: u64,
    pub(super) commands: Vec<Asked>,
    pub(super) last_sid: u64,
    /// The subscription that answers come to, once it is made.
    pub(super) inbox_sid: Option<u64>,
    /// The largest body the server takes, in bytes; unknown before the first connection.
    pub(super) payload_max: usize,
    pub(super) has_headers: bool,
    pub(super) totals: Totals,
    /// The driver, while it sleeps.
    pub(super) driver: Option<Waker>,
    /// Whether the driver sleeps because it cannot write: then a publish need not wake it.
    pub(super) is_blocked: bool,
    /// Where the connection is.
    pub(super) place: Place,
    /// The driver is awake and wants it back.
    pub(super) is_awaited: bool,
    /// The driver's clock is set for the next PING that confirms publishes.
    pub(super) is_timed: bool,
    /// No client and no subscriber is left.
    pub(super) is_abandoned: bool,
    pub(super) draining: Option<Draining>,
}

/// Where the client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There was no connection yet.
    Pending,
    Connected,
    /// As connected, but nothing is taken before another connection has taken over.
    Moving,
    Disconnected,
    /// Nothing more is accepted; what was is being finished.
    Draining,
    Closed,
}

/// What was accepted from callers, and what became of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) discarded: u64,
    pub(crate) unconfirmed: u64,
}

/// A command, and where it stands among the publishes.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) command: Command,
    /// How many publishes of this connection lie before its line; 0 where there is no connection.
    pub(super) covers: u64,
}

/// What a drain came to, as [`Client::drain`](crate::Client::drain) reports it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Published messages that still waited when the drain began and reached the server.
    pub flushed: u64,
    /// Published messages that were thrown away, because there was no connection to send them on.
    pub discarded: u64,
    /// Published messages that were sent when the connection was lost during the drain, and that the
    /// server had not confirmed: they may have arrived or not.
    pub unconfirmed: u64,
    /// Messages that have arrived and were not read yet; their subscribers still can.
    pub queued: u64,
}

#[derive(Debug)]
pub(super) struct Draining {
    pub(super) report: oneshot::Sender<DrainReport>,
    pub(super) pending: u64, // Publishes that waited when it began.
    pub(super) unconfirmed_before: u64, // The total when it began.
}

/// Why a publish was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untaken {
    /// The buffer is full; wait for room and try again.
    NoRoom,
    /// The buffer is full; the oldest are to make room for `len` bytes.
    TooOld {
        len: usize,
    },
    Refused(PublishErrorKind),
}

/// The buffer is full; wait for room and try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl State {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Pending,
            buffer: Vec::new(),
            start: 0,
            pings_before: 0,
            messages: 0,
            messages_in_hand: 0,
            taken: 0,
            untold: 0,
            commands: Vec::new(),
            last_sid: 0,
            inbox_sid: None,
            payload_max: SIZE_MAX,
            has_headers: true,
            totals: Totals::default(),
            driver: None,
            is_blocked: false,
            place: Place::default(),
            is_awaited: false,
            is_timed: false,
            is_abandoned: false,
            draining: None,
        }
    }

    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Draining | Phase::Closed)
    }

    /// Puts a command down, behind all publishes so far.
    pub(super) fn ask(&mut self, command: Command) {
        let covers = match self.phase {
            Phase::Connected => self.taken + self.messages,
            _ => 0,
        };
        self.commands.push(Asked { command, covers });
    }

    /// The size of headers and payload.
    pub(super) fn body_len(&self, publication: &Publication<'_>) -> usize {
        let headers_len = publication
            .headers
            .map_or(0, |headers| headers.encoded_len());
        headers_len + publication.payload.len()
    }

    /// Whether the message can be taken now; then the size of its body.
    pub(super) fn check(
        &self,
        publication: &Publication<'_>,
        limits: OutgoingLimits,
    ) -> Result<usize, Untaken> {
        let body_len = self.body_len(publication);
        let reply_len = publication.reply.map_or(0, <[u8]>::len);
        let len = body_len + publication.subject.len() + reply_len + LINE_LEN;
        let refused = |kind| Err(Untaken::Refused(kind));
        match self.phase {
            Phase::Draining | Phase::Closed => refused(PublishErrorKind::Closed),
            _ if body_len > self.payload_max => refused(PublishErrorKind::PayloadTooLarge),
            _ if body_len > publication.payload.len() && !self.has_headers => {
                refused(PublishErrorKind::HeadersUnsupported)
            }
            // A message larger than the whole buffer still gets through, when it is alone.
            Phase::Connected | Phase::Moving => match self.buffer.len() + len > limits.connected {
                true if !self.buffer.is_empty() => Err(Untaken::NoRoom),
                _ => Ok(body_len),
            },
            Phase::Pending | Phase::Disconnected => {
                match self.waiting_bytes() + len > limits.disconnected {
                    false => Ok(body_len),
                    true if limits.when_unsent == WhenUnsent::DropOldest
                        && len <= limits.disconnected =>
                    {
                        Err(Untaken::TooOld { len })
                    }
                    true => refused(PublishErrorKind::BufferFull),
                }
            }
        }
    }

    /// Whether there is room for a line without a payload, on a connection.
    pub(super) fn has_room(&self, limits: OutgoingLimits) -> Result<(), NoRoom> {
        match self.buffer.len() > limits.connected || self.commands.len() >= COMMANDS_MAX {
            true => Err(NoRoom),
            false => Ok(()),
        }
    }

    /// How many bytes wait for a connection.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.buffer.len() - self.start + self.pings_before * encode::PING.len()
    }

    /// Discards the oldest publishes until there is room for `len` bytes. Returns the tokens of the
    /// requests among them. Waiting flushes stay, and their order.
    pub(super) fn drop_oldest(&mut self, len: usize, limit: usize, replies: &Replies) -> Vec<u64> {
        let mut tokens = Vec::new();
        while self.waiting_bytes() + len > limit {
            let Some(first) = sift::first(&self.buffer[self.start..], replies) else {
                break; // Only PINGs are left, less than a message takes.
            };
            self.start += first.len;
            match first.is_publish {
                true => {
                    self.messages -= 1;
                    self.totals.discarded += 1;
                    tokens.extend(first.token);
                }
                false => self.pings_before += 1,
            }
        }
        // What is moved is no more than what was dropped: each byte pays once.
        if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        tokens
    }

    /// Puts the lines together as they go out.
    pub(super) fn close_ranks(&mut self) {
        if self.start > 0 || self.pings_before > 0 {
            let mut whole = encode::PING.repeat(self.pings_before);
            whole.extend_from_slice(&self.buffer[self.start..]);
            self.buffer = whole;
            (self.start, self.pings_before) = (0, 0);
        }
    }

    /// Throws the lines away.
    pub(super) fn clear(&mut self) {
        self.buffer = Vec::new();
        (self.start, self.pings_before) = (0, 0);
    }

    pub(super) fn append(&mut self, publication: &Publication<'_>, body_len: usize) {
        encode::publish(&mut self.buffer, publication);
        self.messages += 1;
        self.totals.messages += 1;
        self.totals.bytes += body_len as u64;
    }

    pub(super) fn subscribe(
        &mut self,
        subject: Subject,
        group: Option<Subject>,
        sink: Sink,
        confirmed: Option<Confirmed>,
    ) -> u64 {
        self.last_sid += 1;
        let sid = self.last_sid;
        let has_line = self.phase == Phase::Connected;
        if has_line {
            let group = group.as_ref().map(|group| group.as_bytes());
            encode::subscribe(&mut self.buffer, subject.as_bytes(), group, sid);
            if confirmed.is_some() {
                self.buffer.extend_from_slice(encode::PING);
            }
        }
        self.ask(Command::Subscribe(NewSubscription {
            sid,
            subject,
            group,
            sink,
            confirmed,
            has_line,
        }));
        sid
    }

    /// Discards the publishes that are larger; those who wait to hear of one hear that. Returns the
    /// tokens of the requests among them.
    pub(super) fn drop_larger_than(&mut self, payload_max: usize, replies: &Replies) -> Vec<u64> {
        let mut kept = Kept::default();
        kept.add_smaller(&self.buffer, payload_max, replies);
        self.buffer = kept.bytes;
        self.messages = kept.messages;
        self.totals.discarded += kept.too_large;
        // Commands that have a PING, in the order of the PINGs.
        let pinged = self
            .commands
            .iter_mut()
            .filter(|asked| matches!(asked.command, Command::Confirm { .. } | Command::Flush(_)));
        for (asked, is_bereft) in pinged.zip(kept.pings) {
            if is_bereft && let Command::Confirm { taken, .. } = &mut asked.command {
                let (nobody, _) = oneshot::channel();
                let taken = std::mem::replace(taken, nobody);
                let _ = taken.send(Err(PublishErrorKind::PayloadTooLarge)); // Perhaps gone by now.
            }
        }
        kept.refused
    }

    /// Wakes the driver if it sleeps.
    pub(super) fn wake(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}

/// The largest body that a line can announce: sizes have nine digits at most.
pub(crate) const SIZE_MAX: usize = 999_999_999;
/// The most that a line adds to its names and its body: verb, blanks, two sizes, two line ends.
const LINE_LEN: usize = 32;
/// How many things may be asked for before the driver looks: some megabytes. A guess.
pub(super) const COMMANDS_MAX: usize = 16 * 1024;
