//! An admitted party, and the one gate between it and the bus.
//!
//! Every publish, subscribe and unsubscribe of every door comes through here and is checked here,
//! whatever wire it came by. A door names the bus only by the three words passed on below.

mod filter;
mod ledger;
mod reserved;
mod table;

use std::sync::Arc;
use std::time::Instant;

use dunlin_protocol::subject;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

pub(crate) use crate::auth::{
    Access, Answer, Authorization, AuthorizationError, Certificate, Claim, ConnectionType,
    Identity, Permissions, nonce,
};
pub(crate) use crate::bus::{Delivery, Message, Piece, RUN_MAX, Run, Sink, Subscription};
pub use ledger::Quota;
pub(crate) use ledger::{Full, Ledgers, Seat};
pub use table::Statistics;
pub(crate) use table::{Loss, Table, Tally};

use crate::auth::{Replies, Rights};
use crate::bus::{Bus, Cache, Keys};
use crate::link::Wakes;
use filter::Filter;

/// With fewer subscriptions than this, ended ones are not looked for.
const SWEEP_MIN: usize = 32;

/// What all parties share: the bus, and who is here.
pub(crate) struct Host {
    bus: Bus,
    keys: Keys,
    pub(crate) table: Table,
    pub(crate) ledgers: Ledgers,
    /// The most subscriptions of one party; none for no bound.
    subscriptions_max: Option<usize>,
}

impl Host {
    pub(crate) fn new(
        connections_max: usize,
        subscriptions_max: Option<usize>,
        ledgers: Ledgers,
    ) -> Self {
        let keys = Keys::default();
        Self {
            bus: Bus::new(keys),
            keys,
            table: Table::new(connections_max),
            ledgers,
            subscriptions_max,
        }
    }

    #[cfg(feature = "sim")]
    /// The same with tables that are walked in an order that `seed` decides.
    pub(crate) fn walked_by(mut self, seed: u64) -> Self {
        self.keys = Keys::known(seed);
        self.bus = Bus::new(self.keys);
        self
    }

    /// How many parties and subscriptions have left.
    pub(crate) fn departures(&self) -> (u64, u64) {
        (self.table.departures(), self.bus.departures())
    }

    /// What has been counted since the start.
    pub(crate) fn statistics(&self) -> Statistics {
        let subscriptions = self.bus.subscription_count() as u64;
        Statistics {
            subscriptions,
            ..self.table.statistics()
        }
    }
}

/// One party.
pub(crate) struct Peer {
    host: Arc<Host>,
    sink: Arc<dyn Sink>,
    tally: Arc<Tally>,
    /// What the party may do; none for everything.
    limits: Option<Box<Limits>>,
    /// Its places in the ledgers of its user and its address; none where nothing is counted.
    seats: Option<Box<Seats>>,
    /// By sid; those that had their last message stay until the next sweep.
    subscriptions: HashTable<Arc<Subscription>>,
    hasher: SeedableRandomState,
    sweep_at: usize,
    /// What the last subjects matched; only while the party publishes.
    cache: Option<Box<Cache>>,
    has_published: bool, // Since the last look at the cache.
}

/// What somebody may do who may not do everything.
struct Limits {
    rights: Arc<Rights>,
    replies: Option<Arc<Replies>>,
    /// The sink of the subscriptions that must not receive all they cover.
    filter: Arc<dyn Sink>,
}

/// A party's places in ledgers.
#[derive(Default)]
struct Seats {
    of_user: Option<Seat>,
    of_address: Option<Seat>,
}

impl Seats {
    fn taken(&self) -> impl Iterator<Item = &Seat> {
        [&self.of_user, &self.of_address].into_iter().flatten()
    }
}

/// Why a request was refused; nothing of it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The party may not publish to this subject.
    Subject,
    /// The party may not name this reply.
    Reply,
    /// The party may not have this subscription.
    Subscription,
    /// The party has as many subscriptions as it may.
    TooManySubscriptions,
    /// The filter is malformed.
    InvalidFilter,
}

impl Peer {
    pub(crate) fn new(host: Arc<Host>, sink: Arc<dyn Sink>, tally: Arc<Tally>) -> Self {
        let hasher = host.keys.fast();
        Self {
            host,
            sink,
            tally,
            limits: None,
            seats: None,
            subscriptions: HashTable::new(),
            hasher,
            sweep_at: SWEEP_MIN,
            cache: None,
            has_published: false,
        }
    }

    /// Gives the party the rights of `identity`; none: every right. Tells which of its subscriptions
    /// it had to give back.
    pub(crate) fn identify(&mut self, identity: Option<&Identity>) -> Vec<Arc<Subscription>> {
        let rights = identity.and_then(|identity| identity.rights.as_ref());
        if self.limits.is_none() && rights.is_none() {
            return Vec::new();
        }
        self.limits = rights.map(|rights| Box::new(Limits::new(rights, &self.sink)));
        self.cache = None; // It remembers what was admitted.
        let mut lost = Vec::new();
        let known: Vec<_> = self.subscriptions.drain().collect();
        for subscription in known {
            let (filter, queue) = (subscription.filter(), subscription.queue());
            if self.may_subscribe(filter, queue) {
                let moved = subscription.moved_to(self.sink_for(filter));
                self.host.bus.replace(&subscription, &moved);
                self.insert(moved);
            } else {
                self.sink.limit(&subscription, 0);
                self.host.bus.unsubscribe(&subscription);
                lost.push(subscription);
            }
        }
        lost
    }

    /// Whether one decision holds for all messages to a subject, and none is counted by itself.
    pub(crate) fn may_run(&self) -> bool {
        let limits = self.limits.as_deref();
        self.seats.is_none() && limits.is_none_or(|limits| limits.replies.is_none())
    }

    /// Has another sink receive for the party, which has no subscriptions yet.
    pub(crate) fn receive_through(&mut self, sink: Arc<dyn Sink>) {
        self.sink = sink;
        if let Some(limits) = &self.limits {
            self.limits = Some(Box::new(Limits::new(&limits.rights, &self.sink)));
        }
    }

    /// Counts the party in the ledger of its address.
    pub(crate) fn sit_from_address(&mut self, seat: Option<Seat>) {
        if seat.is_some() {
            self.seats.get_or_insert_default().of_address = seat;
            self.tell_seats();
        }
    }

    /// Counts the party in the ledger of its user, and in that of no user before.
    pub(crate) fn sit_as_user(&mut self, seat: Option<Seat>) {
        if seat.is_some() || self.seats.is_some() {
            self.seats.get_or_insert_default().of_user = seat;
            self.tell_seats();
        }
    }

    /// A message of `bytes` has been published; until when the party must rest, if it must.
    pub(crate) fn charge(&self, bytes: usize, now: Instant) -> Option<Instant> {
        let seats = self.seats.as_deref()?;
        seats
            .taken()
            .filter_map(|seat| seat.charge(bytes, now))
            .max()
    }

    /// Tells the ledgers how many subscriptions there are.
    fn tell_seats(&mut self) {
        let count = self.subscriptions.len();
        if let Some(seats) = &mut self.seats {
            let seats = [&mut seats.of_user, &mut seats.of_address];
            seats
                .into_iter()
                .flatten()
                .for_each(|seat| seat.tell_subscriptions(count));
        }
    }

    /// Whether the ledgers allow one subscription more.
    fn have_seats_room(&mut self) -> bool {
        let has_room = |seats: &Seats| seats.taken().all(|seat| seat.has_room_for(1));
        if self.seats.as_deref().is_none_or(has_room) {
            return true;
        }
        self.sweep();
        self.seats.as_deref().is_none_or(has_room)
    }

    /// Whether a message may go to `subject` and ask for answers at `reply`.
    ///
    /// # Errors
    ///
    /// The first thing that is not allowed.
    pub(crate) fn admit(
        &mut self,
        subject: &[u8],
        reply: Option<&[u8]>,
        now: Instant,
    ) -> Result<Admitted<'_>, Refusal> {
        if reserved::is_subject(subject) || !self.may_publish(subject, now) {
            return Err(Refusal::Subject);
        }
        if reply.is_some_and(reserved::is_reply) {
            return Err(Refusal::Reply);
        }
        Ok(Admitted { peer: self })
    }

    fn may_publish(&self, subject: &[u8], now: Instant) -> bool {
        let Some(limits) = &self.limits else {
            return true;
        };
        if let Some(replies) = &limits.replies {
            return limits.rights.may_publish(subject) || replies.take(subject, now);
        }
        // What the cache knows has been admitted before, and rights change only with the cache.
        self.cache
            .as_deref()
            .is_some_and(|cache| cache.knows(subject))
            || limits.rights.may_publish(subject)
    }

    fn may_subscribe(&self, filter: &[u8], queue: Option<&[u8]>) -> bool {
        let limits = self.limits.as_deref();
        limits.is_none_or(|limits| limits.rights.may_subscribe(filter, queue))
    }

    /// Who receives for a subscription to `filter`.
    fn sink_for(&self, filter: &[u8]) -> Arc<dyn Sink> {
        match &self.limits {
            Some(limits) if limits.replies.is_some() || limits.rights.cut_into(filter) => {
                Arc::clone(&limits.filter)
            }
            _ => Arc::clone(&self.sink),
        }
    }

    /// Subscribes to `filter` under the name `sid`; a sid in use stays what it is.
    ///
    /// # Errors
    ///
    /// The subscription is not allowed, is one too many, or its filter is malformed.
    pub(crate) fn subscribe(
        &mut self,
        filter: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
    ) -> Result<(), Refusal> {
        if reserved::is_queue(queue) || !self.may_subscribe(filter, queue) {
            return Err(Refusal::Subscription);
        }
        self.sweep_if_due();
        if self
            .host
            .subscriptions_max
            .is_some_and(|max| self.live_subscriptions() >= max)
            || !self.have_seats_room()
        {
            return Err(Refusal::TooManySubscriptions);
        }
        if let Some(known) = self.find(sid) {
            if !known.is_closed() {
                return Ok(());
            }
            self.forget(sid);
        }
        if !subject::is_valid_filter(filter) {
            return Err(Refusal::InvalidFilter);
        }
        let subscription = Subscription::new(self.sink_for(filter), filter, queue, sid);
        self.host.bus.subscribe(&subscription);
        self.insert(subscription);
        Ok(())
    }

    fn insert(&mut self, subscription: Arc<Subscription>) {
        let hasher = &self.hasher;
        let hash = hasher.hash_one(subscription.sid());
        self.subscriptions
            .insert_unique(hash, subscription, |known| hasher.hash_one(known.sid()));
        self.tell_seats();
    }

    /// Ends the subscription `sid`, at once or after `max` deliveries counted from its start; an
    /// unknown sid is no mistake.
    pub(crate) fn unsubscribe(&mut self, sid: &[u8], max: Option<usize>) {
        let Some(subscription) = self.find(sid).cloned() else {
            return;
        };
        if !self.sink.limit(&subscription, max.unwrap_or(0) as u64) {
            self.forget(sid);
            self.host.bus.unsubscribe(&subscription);
        }
    }

    /// A plain subscription of this party's own that covers `subject`.
    pub(crate) fn own_plain(&self, subject: &[u8]) -> Option<Arc<Subscription>> {
        let filter = self.limits.as_deref().map(|limits| &*limits.filter);
        self.host.bus.find_plain(subject, |subscription| {
            subscription.is_for(&*self.sink)
                || filter.is_some_and(|filter| subscription.is_for(filter))
        })
    }

    /// Hands out what the server itself has to say.
    pub(crate) fn tell(&self, message: &Message<'_>, wakes: &mut Wakes) {
        self.host
            .bus
            .publish(message, &mut Cache::new(self.host.keys), wakes);
    }

    /// Lets go of what is kept for a party that publishes, if it has not since the last call;
    /// whether something is still kept.
    pub(crate) fn rest(&mut self) -> bool {
        if !std::mem::take(&mut self.has_published) {
            self.cache = None;
        }
        if let Some(cache) = &mut self.cache {
            self.host.bus.tidy(cache);
        }
        self.cache.is_some()
    }

    /// Takes everything back: the party is gone.
    pub(crate) fn leave(&mut self) {
        let subscriptions = std::mem::take(&mut self.subscriptions);
        self.host.bus.unsubscribe_all(subscriptions.into_iter());
        self.seats = None;
        self.cache = None;
    }

    /// Whether the party has a subscription of that name.
    pub(crate) fn has(&self, sid: &[u8]) -> bool {
        self.find(sid).is_some_and(|known| !known.is_closed())
    }

    fn find(&self, sid: &[u8]) -> Option<&Arc<Subscription>> {
        self.subscriptions
            .find(self.hasher.hash_one(sid), |known| known.sid() == sid)
    }

    fn forget(&mut self, sid: &[u8]) {
        let hash = self.hasher.hash_one(sid);
        if let Ok(entry) = self
            .subscriptions
            .find_entry(hash, |known| known.sid() == sid)
        {
            entry.remove();
        }
        self.tell_seats();
        if self.subscriptions.capacity() > 64
            && self.subscriptions.len() < self.subscriptions.capacity() / 8
        {
            self.sweep();
        }
    }

    fn live_subscriptions(&mut self) -> usize {
        let max = self.host.subscriptions_max.unwrap_or(usize::MAX);
        if self.subscriptions.len() >= max {
            self.sweep();
        }
        self.subscriptions.len()
    }

    fn sweep_if_due(&mut self) {
        if self.subscriptions.len() >= self.sweep_at {
            self.sweep();
            self.sweep_at = (self.subscriptions.len() * 2).max(SWEEP_MIN);
        }
    }

    /// Forgets the subscriptions that had their last message.
    fn sweep(&mut self) {
        self.subscriptions.retain(|known| !known.is_closed());
        self.tell_seats();
        let (len, hasher) = (self.subscriptions.len(), &self.hasher);
        if len < self.subscriptions.capacity() / 8 {
            self.subscriptions
                .shrink_to(len * 2, |known| hasher.hash_one(known.sid()));
        }
    }
}

impl Limits {
    fn new(rights: &Arc<Rights>, sink: &Arc<dyn Sink>) -> Self {
        let replies = rights
            .responses
            .map(|allowed| Arc::new(Replies::new(allowed)));
        Self {
            filter: Arc::new(Filter::new(
                Arc::clone(sink),
                Arc::clone(rights),
                replies.clone(),
            )),
            rights: Arc::clone(rights),
            replies,
        }
    }
}

/// Proof that a message may be published.
pub(crate) struct Admitted<'a> {
    peer: &'a mut Peer,
}

impl Admitted<'_> {
    /// Hands `message` to whoever wants it; tells how many took it.
    pub(crate) fn publish(self, message: &Message<'_>, wakes: &mut Wakes) -> usize {
        let peer = self.peer;
        peer.tally.count_in(message.size());
        peer.has_published = true;
        let cache = peer
            .cache
            .get_or_insert_with(|| Box::new(Cache::new(peer.host.keys)));
        peer.host.bus.publish(message, cache, wakes)
    }

    /// Hands the messages of `run` to whoever wants them.
    pub(crate) fn publish_run(self, run: &Run<'_>, wakes: &mut Wakes) {
        let peer = self.peer;
        peer.tally.count_run_in(run.len(), run.size());
        peer.has_published = true;
        let cache = peer
            .cache
            .get_or_insert_with(|| Box::new(Cache::new(peer.host.keys)));
        peer.host.bus.publish_run(run, cache, wakes);
    }
}
