//! What the benches of this repository may reach of the inside; behind the feature `bench`.
//!
//! Nothing here is for anybody else, and nothing here is kept stable. [`Routing`] is the bus with
//! a reader that takes everything and keeps nothing; [`FanOut`] is the whole road of a message but
//! for the kernel: bytes of a publisher in, bytes of every reader out, onto wires that swallow.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::bus::{Bus, Cache, Delivery, Keys, Message, Sink, Subscription};
use crate::doors::nats::{Nats, NatsDoor, Terms, Way};
use crate::link::{Background, Door, Input, Origin, Outbox, Pool, Session, Wakes, Wire};
use crate::peer::{Bounds, Host, Ledgers};

/// More than any round of a bench queues for one reader, in bytes.
const PENDING_MAX: usize = 1024 * 1024 * 1024;

/// Subjects, subscriptions, and one publisher with its cache.
pub struct Routing {
    bus: Bus,
    cache: Cache,
    wakes: Wakes,
    sink: Arc<dyn Sink>,
    stranger: Count,
}

/// A subscription, to be taken back.
pub struct Ticket(Arc<Subscription>);

impl Default for Routing {
    fn default() -> Self {
        Self::new()
    }
}

impl Routing {
    /// Nobody has subscribed to anything.
    pub fn new() -> Self {
        Self {
            bus: Bus::new(Keys::default()),
            cache: Cache::new(Keys::default()),
            wakes: Wakes::new(Arc::<Pool>::default()),
            sink: Arc::<Count>::default(),
            stranger: Count::default(),
        }
    }

    /// Makes the subscription that `SUB <filter> <sid>` makes.
    pub fn subscribe(&self, filter: &str, sid: &str) -> Ticket {
        let sink = Arc::clone(&self.sink);
        let subscription = Subscription::new(sink, filter.as_bytes(), None, sid.as_bytes());
        self.bus.subscribe(&subscription);
        Ticket(subscription)
    }

    /// Takes a subscription back, as `UNSUB` does.
    pub fn unsubscribe(&self, ticket: &Ticket) {
        self.bus.unsubscribe(&ticket.0);
    }

    /// Publishes to `subject` through the publisher's cache; tells how many took the message.
    pub fn matches(&mut self, subject: &str) -> usize {
        let message = Message::empty(subject.as_bytes());
        self.bus.publish(&message, &mut self.cache, &mut self.wakes)
    }

    /// Asks the index alone what covers `subject`, and looks for a reader who is not there.
    pub fn looks_up(&self, subject: &str) -> bool {
        self.bus
            .find_plain(subject.as_bytes(), |known| known.is_for(&self.stranger))
            .is_some()
    }
}

/// Nothing takes long in a bench.
struct Idle;

impl Background for Idle {
    fn run(&self, _job: Box<dyn FnOnce() + Send>) {}
}

/// Takes every message and keeps none.
#[derive(Default)]
struct Count(AtomicU64);

impl Sink for Count {
    fn owner(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }

    fn deliver(&self, _: &Arc<Subscription>, _: &Message<'_>, _: &mut Wakes) -> Delivery {
        let taken = self.0.load(Ordering::Relaxed) + 1;
        self.0.store(taken, Ordering::Relaxed);
        Delivery::Taken
    }

    fn limit(&self, subscription: &Subscription, max: u64) -> bool {
        subscription.limit(max)
    }
}

/// One publisher and its readers, all on the text protocol, without sockets.
pub struct FanOut {
    publisher: Box<dyn Session>,
    readers: Vec<Reader>,
    wakes: Wakes,
    now: Instant,
}

struct Reader {
    outbox: Arc<Outbox<Swallow>>,
    /// Kept: its end would end the subscription.
    _session: Box<dyn Session>,
}

impl FanOut {
    /// `readers` connections that have all subscribed to `filter`.
    pub fn new(readers: usize, filter: &str) -> Self {
        let bounds = Bounds {
            connections_max: readers + 1,
            subscriptions_max: None,
            tokens_max: None,
            closed_max: 0,
        };
        let host = Arc::new(Host::new(bounds, Ledgers::default()));
        let nats = Nats::new(host, Arc::new(Idle), Arc::new(Terms::plain()));
        let door = NatsDoor::new(&nats, Way::default());
        let mut wakes = Wakes::new(Arc::<Pool>::default());
        let now = Instant::now();
        let mut open = |hello: &str| {
            let outbox = Arc::new(Outbox::new(Swallow::default(), PENDING_MAX));
            let mut session = door
                .arrive(Origin::default(), now)
                .open(outbox.clone(), None, now);
            let input = Input {
                bytes: hello.as_bytes(),
                owner: None,
            };
            session.on_bytes(input, now, &mut wakes);
            Reader {
                outbox,
                _session: session,
            }
        };
        let hello = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n";
        let subscribe = format!("{hello}SUB {filter} 1\r\n");
        let readers = (0..readers).map(|_| open(&subscribe)).collect();
        let publisher = open(hello)._session;
        let mut fan_out = Self {
            publisher,
            readers,
            wakes,
            now,
        };
        fan_out.flush();
        fan_out
    }

    /// Takes `input` as one read of the publisher's socket; whole operations only.
    ///
    /// # Panics
    ///
    /// If something of `input` is left over.
    pub fn publish(&mut self, input: &[u8]) {
        let mut rest = input;
        while !rest.is_empty() {
            let bytes = Input {
                bytes: rest,
                owner: None,
            };
            let taken = self.publisher.on_bytes(bytes, self.now, &mut self.wakes);
            assert!(taken.used > 0, "input ends in the middle of an operation");
            rest = &rest[taken.used..];
            if taken.need == 0 {
                self.flush();
            }
        }
    }

    /// Writes every outbox that was written to, each once.
    pub fn flush(&mut self) {
        let noted = self.wakes.take_noted();
        for outbox in &noted {
            // A wire that swallows neither fails nor fills up.
            let _ = outbox.flush(self.wakes.chunks());
        }
        self.wakes.reuse(noted);
    }

    /// How many bytes have gone out to all readers.
    pub fn swallowed_bytes(&self) -> u64 {
        let wires = self.readers.iter().map(|reader| reader.outbox.wire());
        wires.map(|wire| wire.0.load(Ordering::Relaxed)).sum()
    }
}

/// A wire that takes everything at once.
#[derive(Default)]
struct Swallow(AtomicU64);

impl Wire for Swallow {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let len = bufs.iter().map(|buf| buf.len()).sum();
        self.0.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }
}
