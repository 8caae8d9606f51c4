//! Messages that follow each other to the same subject: delivered reader by reader, not message by
//! message, so that each reader's memory is fetched once for all of them.
//!
//! Whoever receives from one publisher receives in its order, whatever the subscriptions; so a run
//! is handed out as one only where it reaches nobody twice.

use std::cell::OnceCell;
use std::time::Instant;

use smallvec::SmallVec;

use super::Message;

/// How many messages a run holds without allocating, and at most: a bit of a word for each.
pub(crate) const RUN_MAX: usize = 64;

/// Messages to one subject, without replies and headers.
pub(crate) struct Run<'a> {
    pub(crate) subject: &'a [u8],
    pieces: SmallVec<[Piece<'a>; RUN_MAX]>,
    payload_bytes: usize,
    at: Instant,
    origin: u64,
}

/// What became of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The most that took one of them, or that took any.
    pub(crate) readers: usize,
    /// How many of them nobody took.
    pub(crate) unheard: usize,
}

/// One message of a run; the fields are those of [`Message`].
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) verbatim: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl<'a> Run<'a> {
    /// An empty run of messages that `origin` publishes now.
    pub(crate) fn new(origin: u64, at: Instant) -> Self {
        Self {
            subject: b"",
            pieces: SmallVec::new(),
            payload_bytes: 0,
            at,
            origin,
        }
    }

    /// Takes a message in; the first one says what the subject is.
    pub(crate) fn push(&mut self, subject: &'a [u8], piece: Piece<'a>) {
        self.subject = subject;
        self.payload_bytes += piece.payload.len();
        self.pieces.push(piece);
    }

    /// Empties it.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.payload_bytes = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// When it was published.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// Who published.
    pub(crate) fn origin(&self) -> u64 {
        self.origin
    }

    /// Payloads together, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.payload_bytes
    }

    pub(crate) fn pieces(&self) -> &[Piece<'a>] {
        &self.pieces
    }

    /// A bit for each message from that one on, the lowest for the first.
    pub(crate) fn from(&self, at: usize) -> u64 {
        let all = u64::MAX >> (RUN_MAX - self.len().clamp(1, RUN_MAX));
        all & u64::MAX.checked_shl(at as u32).unwrap_or(0)
    }

    /// The same, each by itself.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Message<'a>> {
        self.pieces.iter().map(|piece| Message {
            subject: self.subject,
            reply: None,
            headers: b"",
            payload: piece.payload,
            verbatim: piece.verbatim,
            owner: None,
            at: self.at,
            origin: self.origin,
            kept: OnceCell::new(),
        })
    }
}
