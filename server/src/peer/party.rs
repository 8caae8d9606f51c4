//! One party as others may see it while it works: where it came from, what it said of itself, what
//! it did, and what waits for it.
//!
//! Written by the party's own loop and by whoever delivers to it; read by anybody, without holding
//! the party up: counters are plain atomics, and the one lock here is taken by CONNECT, by a look
//! from outside, by a message that is dropped, and at the end, never by one that is delivered.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::greetings::Greeting;
use super::own::Own;
use crate::auth::ConnectionType;
use crate::bus::Subscription;
use crate::link::{Backlog, Outbox, Queued, Secured};

/// Who is on the other side, and what it did.
pub(crate) struct Party {
    /// Its number, never used twice.
    pub(crate) id: u64,
    /// Where it came from, if it came over a network.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) opened: Instant,
    in_messages: AtomicU64,
    in_bytes: AtomicU64,
    out_messages: AtomicU64,
    out_bytes: AtomicU64,
    /// What it lost because it read too slowly, and was not cut for.
    lost_messages: AtomicU64,
    lost_bytes: AtomicU64,
    /// Messages that were never queued, whether it was cut or not.
    refused_messages: AtomicU64,
    /// Nanoseconds from `opened` to the last message, either way, or other sign of life.
    active: AtomicU64,
    /// Nanoseconds that the last question and its answer took; 0 before the first.
    round_trip: AtomicU64,
    /// How often it held back for a reader that was slower than it.
    pauses: AtomicU32,
    /// How many of its messages had to be looked up in the index.
    lookups: AtomicU64,
    /// The most that took one message of it.
    fanout_max: AtomicU32,
    /// How many of its messages nobody took.
    unheard: AtomicU64,
    own: Mutex<Own>,
    desk: Mutex<Desk>,
}

#[derive(Default)]
struct Desk {
    outbox: Option<Arc<Outbox>>, // While it is here.
    secured: Option<Box<Secured>>,
    kind: ConnectionType,
    greeting: Option<Arc<Greeting>>,
    /// It has been let in as who it says it is.
    is_admitted: bool,
    /// Whom a proxy says it speaks for.
    forwarded_for: Option<Box<IpAddr>>,
    /// What was dropped for it, and it was not cut.
    lost: Option<Box<Queued>>,
}

/// How much of what one party did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) in_messages: u64,
    pub(crate) in_bytes: u64,
    pub(crate) out_messages: u64,
    pub(crate) out_bytes: u64,
    pub(crate) pauses: u64,
    pub(crate) lookups: u64,
    pub(crate) fanout_max: u64,
    pub(crate) lost_messages: u64,
    pub(crate) lost_bytes: u64,
    pub(crate) refused_messages: u64,
    pub(crate) unheard: u64,
}

impl Party {
    pub(super) fn new(id: u64, address: Option<SocketAddr>, opened: Instant) -> Self {
        Self {
            id,
            address,
            opened,
            in_messages: AtomicU64::new(0),
            in_bytes: AtomicU64::new(0),
            out_messages: AtomicU64::new(0),
            out_bytes: AtomicU64::new(0),
            lost_messages: AtomicU64::new(0),
            lost_bytes: AtomicU64::new(0),
            refused_messages: AtomicU64::new(0),
            active: AtomicU64::new(0),
            round_trip: AtomicU64::new(0),
            pauses: AtomicU32::new(0),
            lookups: AtomicU64::new(0),
            fanout_max: AtomicU32::new(0),
            unheard: AtomicU64::new(0),
            own: Mutex::default(),
            desk: Mutex::default(),
        }
    }

    /// Notes that it has been let in as who it says it is.
    pub(crate) fn note_admitted(&self) {
        self.desk.lock().is_admitted = true;
    }

    /// Whether it has been let in as who it says it is.
    pub(crate) fn is_admitted(&self) -> bool {
        self.desk.lock().is_admitted
    }

    /// Notes whom a proxy says that it speaks for.
    pub(crate) fn note_forwarded(&self, client: IpAddr) {
        self.desk.lock().forwarded_for = Some(Box::new(client));
    }

    /// Whom a proxy says that it speaks for.
    pub(crate) fn forwarded_for(&self) -> Option<IpAddr> {
        self.desk.lock().forwarded_for.as_deref().copied()
    }

    /// Counts a message from the party, may it be published or not: the reference server counts
    /// what it reads. Called by its own loop only.
    pub(crate) fn count_in(&self, bytes: usize) {
        bump(&self.in_messages, 1);
        bump(&self.in_bytes, bytes as u64);
    }

    /// Counts messages from the party. Called by its own loop only.
    pub(crate) fn count_run_in(&self, messages: usize, bytes: usize) {
        bump(&self.in_messages, messages as u64);
        bump(&self.in_bytes, bytes as u64);
    }

    /// Counts messages queued for the party. Called under the lock of its outbox.
    pub(crate) fn count_run_out(&self, messages: usize, bytes: usize) {
        bump(&self.out_messages, messages as u64);
        bump(&self.out_bytes, bytes as u64);
    }

    /// Counts a message queued for the party. Called under the lock of its outbox.
    pub(crate) fn count_out(&self, bytes: usize) {
        bump(&self.out_messages, 1);
        bump(&self.out_bytes, bytes as u64);
    }

    /// Counts queued messages that were taken back, of so many bytes together. Called under the lock
    /// of its outbox.
    pub(crate) fn count_lost(&self, bytes: usize, lost: Queued) {
        if lost.messages == 0 {
            return;
        }
        bump(&self.lost_messages, lost.messages);
        bump(&self.lost_bytes, bytes as u64);
        self.desk.lock().lost.get_or_insert_default().merge(lost);
    }

    /// Counts a message of so many bytes that was dropped instead of being queued. Called under the
    /// lock of its outbox.
    pub(crate) fn count_refused(&self, sid: &[u8], bytes: usize) {
        bump(&self.lost_messages, 1);
        bump(&self.lost_bytes, bytes as u64);
        self.count_unqueued(1);
        let mut desk = self.desk.lock();
        let lost = desk.lost.get_or_insert_default();
        lost.count(sid, bytes, Duration::ZERO);
    }

    /// What was dropped of each subscription while the party was here and lagged behind.
    pub(crate) fn lost(&self) -> Queued {
        let desk = self.desk.lock();
        desk.lost.as_deref().cloned().unwrap_or_default()
    }

    /// The same, for the last time.
    pub(super) fn take_lost(&self) -> Queued {
        let lost = self.desk.lock().lost.take();
        lost.map_or_else(Queued::default, |lost| *lost)
    }

    /// Counts messages that were not queued, where their loss is counted elsewhere. Called under
    /// the lock of its outbox.
    pub(crate) fn count_unqueued(&self, messages: u64) {
        bump(&self.refused_messages, messages);
    }

    /// Counts messages that had to be looked up. Called by its own loop only.
    pub(crate) fn count_lookups(&self, lookups: u32) {
        bump(&self.lookups, u64::from(lookups));
    }

    /// Notes how many took a message of the party. Called by its own loop only.
    pub(crate) fn note_fanout(&self, taken: usize) {
        if taken as u64 > u64::from(self.fanout_max.load(Ordering::Relaxed)) {
            self.fanout_max.store(taken as u32, Ordering::Relaxed);
        }
    }

    /// Counts messages of the party that nobody took. Called by its own loop only.
    pub(crate) fn count_unheard(&self, messages: usize) {
        bump(&self.unheard, messages as u64);
    }

    /// Counts that the party waits for a slower reader. Called by its own loop only.
    pub(crate) fn count_pause(&self) {
        self.pauses.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes a sign of life.
    pub(crate) fn note_active(&self, now: Instant) {
        let since = now.saturating_duration_since(self.opened).as_nanos() as u64;
        self.active.store(since, Ordering::Relaxed);
    }

    /// Notes how long the party took to answer.
    pub(crate) fn note_round_trip(&self, took: Duration) {
        let nanoseconds = (took.as_nanos() as u64).max(1);
        self.round_trip.store(nanoseconds, Ordering::Relaxed);
    }

    /// Remembers by which way the party came in, and where waits what it is sent.
    pub(crate) fn sit_down(
        &self,
        outbox: Arc<Outbox>,
        secured: Option<Box<Secured>>,
        kind: ConnectionType,
    ) {
        let mut desk = self.desk.lock();
        desk.outbox = Some(outbox);
        desk.secured = secured;
        desk.kind = kind;
    }

    /// Its subscriptions. Take no other lock meanwhile.
    pub(super) fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock()
    }

    /// Those of its subscriptions that still receive, in no order.
    pub(crate) fn subscriptions(&self) -> Vec<Arc<Subscription>> {
        self.own.lock().all()
    }

    /// How many of its subscriptions still receive.
    pub(crate) fn subscription_count(&self) -> usize {
        self.own.lock().count()
    }

    /// What its encryption showed, if it is encrypted.
    pub(crate) fn secured(&self) -> Option<Secured> {
        self.desk.lock().secured.as_deref().cloned()
    }

    /// By which way it came in.
    pub(crate) fn kind(&self) -> ConnectionType {
        self.desk.lock().kind
    }

    /// Remembers what the party said of itself; before the first answer to a question, the time
    /// that it took to say it stands for a round trip, as in the reference server.
    pub(super) fn greet(&self, greeting: Arc<Greeting>, now: Instant) {
        if self.round_trip.load(Ordering::Relaxed) == 0 {
            self.note_round_trip(now.saturating_duration_since(self.opened));
        }
        self.set_greeting(greeting);
    }

    pub(super) fn set_greeting(&self, greeting: Arc<Greeting>) {
        self.desk.lock().greeting = Some(greeting);
    }

    /// Lets go of what only somebody who is here needs.
    pub(super) fn stand_up(&self) {
        let outbox = self.desk.lock().outbox.take();
        drop(outbox); // Without the lock: it may be the last hand on a socket.
    }

    /// What it said of itself, if it has.
    pub(crate) fn greeting(&self) -> Option<Arc<Greeting>> {
        self.desk.lock().greeting.clone()
    }

    /// What waits for the party; nothing for one that has left.
    pub(crate) fn backlog(&self, now: Instant) -> Option<Backlog> {
        let outbox = self.outbox()?;
        Some(outbox.backlog(now))
    }

    /// Where what it is sent waits, while it is here.
    pub(crate) fn outbox(&self) -> Option<Arc<Outbox>> {
        self.desk.lock().outbox.clone()
    }

    /// When it was last heard or sent a message.
    pub(crate) fn active(&self) -> Instant {
        self.opened + Duration::from_nanos(self.active.load(Ordering::Relaxed))
    }

    /// How long its last answer took, if one is known.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        let nanoseconds = self.round_trip.load(Ordering::Relaxed);
        (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            in_messages: self.in_messages.load(Ordering::Relaxed),
            in_bytes: self.in_bytes.load(Ordering::Relaxed),
            out_messages: self.out_messages.load(Ordering::Relaxed),
            out_bytes: self.out_bytes.load(Ordering::Relaxed),
            pauses: u64::from(self.pauses.load(Ordering::Relaxed)),
            lookups: self.lookups.load(Ordering::Relaxed),
            fanout_max: u64::from(self.fanout_max.load(Ordering::Relaxed)),
            lost_messages: self.lost_messages.load(Ordering::Relaxed),
            lost_bytes: self.lost_bytes.load(Ordering::Relaxed),
            refused_messages: self.refused_messages.load(Ordering::Relaxed),
            unheard: self.unheard.load(Ordering::Relaxed),
        }
    }
}

/// Adds to a counter that only one thread at a time writes: no locked instruction is needed.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}
