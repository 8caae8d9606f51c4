//! What the simulation and the fuzz targets of this repository may reach of the inside; behind the
//! feature `sim`.
//!
//! [`repeatable`] makes a whole server run the same way again: in one thread, under a paused clock,
//! the only chance that is left is in the keys of its hash tables, which decide the order in which
//! they are walked, and in the lots it draws, which the thread's own generator decides. [`Core`] is
//! a server without sockets and time. Not for others: who knows the keys can choose subjects that
//! collide.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::doors::nats::{Nats, NatsDoor, Terms, Way};
use crate::link::{
    Background, Door, End, Input, Origin, Outbox, Pool, Reason, Session, Taken, Verdict, Wakes,
    Wire,
};
use crate::net::{websocket_answer, websocket_heard};
use crate::options::Builder;
use crate::peer::{Bounds, Host, Ledgers, read_text};

/// The most that waits for one connection of a [`Core`], in bytes.
const PENDING_MAX: usize = 1024 * 1024;
/// The most connections of a [`Core`].
const CONNECTIONS_MAX: usize = 64;

/// A server to be whose tables are walked in an order that `seed` decides.
pub fn repeatable(mut options: Builder, seed: u64) -> Builder {
    options.seed = Some(seed);
    options
}

/// Reads `text` as the frames of a WebSocket client, in pieces whose lengths `piece` gives: the bytes
/// of its messages, what its control frames ask for, and what was wrong, if anything. Where
/// `inflated_max` is given, messages may be compressed, and become so many bytes.
pub fn unframe(
    text: &[u8],
    inflated_max: Option<u64>,
    piece: impl FnMut() -> usize,
) -> (Vec<u8>, Vec<String>, Option<String>) {
    websocket_heard(text, inflated_max, piece)
}

/// What is answered to the request of a WebSocket client: the status, 0 where the connection is
/// closed without a word, and the bytes; none while more must come.
pub fn answer_request(text: &[u8]) -> Option<(u16, Vec<u8>)> {
    websocket_answer(text)
}

/// Sessions and the bus between them: bytes in, bytes out, at once.
pub struct Core {
    door: Arc<NatsDoor>,
    wakes: Wakes,
    now: Instant,
    lines: Vec<Line>,
}

/// One connection.
struct Line {
    outbox: Arc<Outbox<Paper>>,
    session: Option<Box<dyn Session>>,
    /// What the session did not take yet, and how much it wants to see.
    tail: Vec<u8>,
    need: usize,
}

/// A wire that takes everything and shows it.
#[derive(Default)]
struct Paper(Mutex<Vec<u8>>);

impl Wire for Paper {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut text = self.0.lock();
        let before = text.len();
        bufs.iter().for_each(|buf| text.extend_from_slice(buf));
        Ok(text.len() - before)
    }
}

/// Nothing takes long here.
struct AtOnce;

impl Background for AtOnce {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }
}

impl Default for Core {
    fn default() -> Self {
        Self::new()
    }
}

impl Core {
    /// Nobody is here; everybody may come and do everything.
    pub fn new() -> Self {
        fastrand::seed(0); // Which member of a queue group is chosen repeats as well.
        let bounds = Bounds {
            connections_max: CONNECTIONS_MAX,
            subscriptions_max: None,
            tokens_max: None,
            closed_max: 0,
        };
        let host = Host::new(bounds, Ledgers::default()).walked_by(0);
        let nats = Nats::new(Arc::new(host), Arc::new(AtOnce), Arc::new(Terms::plain()));
        Self {
            door: NatsDoor::new(&nats, Way::default()),
            wakes: Wakes::new(Arc::<Pool>::default()),
            now: Instant::now(),
            lines: Vec::new(),
        }
    }

    /// Opens a connection; tells its number.
    pub fn open(&mut self) -> usize {
        let outbox = Arc::new(Outbox::new(Paper::default(), PENDING_MAX));
        let arrival = self.door.arrive(Origin::default(), self.now);
        let mut session = arrival.open(outbox.clone(), None, self.now);
        session.on_open(self.now, &mut self.wakes);
        self.lines.push(Line {
            outbox,
            session: Some(session),
            tail: Vec::new(),
            need: 1,
        });
        self.flush();
        self.lines.len() - 1
    }

    /// Lets `bytes` arrive on the connection; one that is over takes nothing.
    ///
    /// # Panics
    ///
    /// If the session says of its input what cannot be.
    pub fn feed(&mut self, connection: usize, bytes: &[u8]) {
        self.lines[connection].tail.extend_from_slice(bytes);
        while let Some(verdict) = self.take(connection) {
            match verdict {
                Verdict::Continue => {}
                Verdict::Pause => return,
                Verdict::Close(reason) => return self.end(connection, reason),
            }
        }
    }

    /// Shows the session its input once; none where it waits for more, or is over.
    fn take(&mut self, connection: usize) -> Option<Verdict> {
        let Line {
            session,
            tail,
            need,
            ..
        } = &mut self.lines[connection];
        let session = session.as_mut()?;
        if tail.len() < *need {
            return None;
        }
        let input = Input {
            bytes: tail,
            owner: None,
        };
        let Taken {
            used,
            need: wanted,
            verdict,
        } = session.on_bytes(input, self.now, &mut self.wakes);
        assert!(used <= tail.len(), "used what is not there");
        tail.drain(..used);
        let waits = wanted > tail.len();
        let goes_on = verdict == Verdict::Continue;
        assert!(
            !goes_on || waits || wanted == 0 && used > 0,
            "no end in sight"
        );
        *need = wanted;
        self.flush();
        Some(verdict)
    }

    /// The peer hangs up.
    pub fn close(&mut self, connection: usize) {
        self.end(connection, Reason::ClientClosed);
    }

    /// Whether the connection is open.
    pub fn is_open(&self, connection: usize) -> bool {
        self.lines[connection].session.is_some()
    }

    /// What the connection was sent since the last call.
    pub fn heard(&mut self, connection: usize) -> Vec<u8> {
        std::mem::take(&mut *self.lines[connection].outbox.wire().0.lock())
    }

    fn end(&mut self, connection: usize, reason: Reason) {
        let line = &mut self.lines[connection];
        line.outbox.end(reason);
        let backlog = line.outbox.backlog(self.now);
        line.outbox.discard(self.wakes.chunks());
        line.outbox
            .count_lost(read_text, usize::MAX, self.wakes.chunks());
        let dropped = line.outbox.take_dropped();
        if let Some(mut session) = line.session.take() {
            session.on_close(End {
                reason,
                dropped,
                backlog,
                at: self.now,
            });
        }
    }

    fn flush(&mut self) {
        let noted = self.wakes.take_noted();
        for outbox in &noted {
            // Paper neither fails nor fills up.
            let _ = outbox.flush(self.wakes.chunks());
        }
        self.wakes.reuse(noted);
    }
}
