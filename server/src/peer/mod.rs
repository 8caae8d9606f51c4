//! An admitted party, and the one gate between it and the bus.
//!
//! Every publish, subscribe and unsubscribe of every door comes through here and is checked here,
//! whatever wire it came by. A door names the bus only by the three words passed on below.

mod admitted;
mod ended;
mod events;
mod filter;
mod greetings;
mod ledger;
mod own;
mod party;
mod reserved;
mod seats;
mod table;
mod traffic;
mod waiting;

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use dunlin_protocol::subject;

pub(crate) use crate::auth::{
    Access, Answer, Authorization, AuthorizationError, Certificate, Claim, ConnectionType,
    Identity, Permissions, nonce,
};
pub(crate) use crate::bus::{
    Delivered, Delivery, Message, Piece, RUN_MAX, Run, Sink, Subscription,
};
pub use crate::link::Lag;
pub(crate) use crate::link::{
    Backlog, LagRule, Latency, Queued, Reason, Samples, Secured, Waiting, Wakes,
};
pub(crate) use admitted::Admitted;
pub(crate) use ended::Ended;
use events::Events;
pub use events::{Event, EventOptions};
pub(crate) use events::{Happened, What};
pub(crate) use greetings::{Greeting, Said};
pub use ledger::Quota;
pub(crate) use ledger::{Full, Ledgers, Seat};
pub(crate) use party::{Counts, Party};
pub use table::Statistics;
pub(crate) use table::{Closed, Departure, Standstills, Table};
pub(crate) use traffic::{Denied, HALF_LIFE, Heavy, Traffic, denied, publisher};
pub(crate) use waiting::{Busiest, read_text};

use crate::auth::{Replies, Rights};
use crate::bus::{Bus, Cache, Keys};
use filter::Filter;
use greetings::Greetings;
use seats::Seats;
use traffic::Sampler;

/// What a host obeys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The most parties at a time.
    pub(crate) connections_max: usize,
    /// The most subscriptions of one party; none for no bound.
    pub(crate) subscriptions_max: Option<usize>,
    /// The most tokens of a filter; none for no bound.
    pub(crate) tokens_max: Option<u8>,
    /// How many of those who left are remembered.
    pub(crate) closed_max: usize,
}

/// What all parties share: the bus, and who is here.
pub(crate) struct Host {
    bus: Bus,
    keys: Keys,
    pub(crate) table: Table,
    pub(crate) ledgers: Ledgers,
    pub(crate) traffic: Traffic,
    pub(crate) events: Events,
    greetings: Greetings,
    /// The most subscriptions of one party; none for no bound.
    subscriptions_max: Option<usize>,
    /// The most tokens of a filter; none for no bound.
    tokens_max: Option<u8>,
}

impl Host {
    pub(crate) fn new(bounds: Bounds, ledgers: Ledgers) -> Self {
        let keys = Keys::default();
        Self {
            bus: Bus::new(keys),
            keys,
            table: Table::new(bounds.connections_max, bounds.closed_max),
            ledgers,
            traffic: Traffic::new(keys.fast()),
            events: Events::default(),
            greetings: Greetings::new(keys),
            subscriptions_max: bounds.subscriptions_max,
            tokens_max: bounds.tokens_max,
        }
    }

    #[cfg(feature = "sim")]
    /// The same with tables that are walked in an order that `seed` decides.
    pub(crate) fn walked_by(mut self, seed: u64) -> Self {
        self.keys = Keys::known(seed);
        self.bus = Bus::new(self.keys);
        self.greetings = Greetings::new(self.keys);
        self
    }

    /// Takes a newcomer in; the second is false if there is no room for it, and it must be shown
    /// out.
    pub(crate) fn enter(&self, address: Option<SocketAddr>, now: Instant) -> (Arc<Party>, bool) {
        self.table.enter(address, now)
    }

    /// Somebody who only looks: it has a number, and is in no list.
    pub(crate) fn visitor(&self, now: Instant) -> Arc<Party> {
        Arc::new(Party::new(self.table.number(), None, now))
    }

    /// Remembers what `party` said of itself.
    pub(crate) fn greet(&self, party: &Party, said: Said<'_>, now: Instant) {
        party.greet(self.greetings.keep(said), now);
    }

    /// Remembers as whom `party` was let in.
    pub(crate) fn let_in(&self, party: &Party, user: &str) {
        if let Some(before) = party.greeting() {
            party.set_greeting(self.greetings.keep(before.of_user(user)));
        }
    }

    /// Hands out what the server itself has to say.
    pub(crate) fn tell(&self, subject: &[u8], body: &str, now: Instant, wakes: &mut Wakes) {
        let verbatim = format!(" {}\r\n{body}\r\n", body.len());
        let message = Message {
            subject,
            reply: None,
            headers: b"",
            payload: body.as_bytes(),
            verbatim: verbatim.as_bytes(),
            owner: None,
            at: now,
            origin: 0,
            kept: OnceCell::new(),
        };
        self.bus
            .publish(&message, &mut Cache::new(self.keys), wakes);
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
    party: Arc<Party>,
    /// What the party may do; none for everything.
    limits: Option<Box<Limits>>,
    /// Its places in the ledgers of its user and its address; none where nothing is counted.
    seats: Option<Box<Seats>>,
    /// What the last subjects matched; only while the party publishes.
    cache: Option<Box<Cache>>,
    /// Which of its messages are looked at, where traffic is.
    sampler: Option<Box<Sampler>>,
    has_published: bool, // Since the last look at the cache.
}

/// What somebody may do who may not do everything.
struct Limits {
    rights: Arc<Rights>,
    replies: Option<Arc<Replies>>,
    /// The sink of the subscriptions that must not receive all they cover.
    filter: Arc<dyn Sink>,
}

/// How many subscriptions of one that leaves are taken back at once, on a thread that has messages to
/// look after: a millisecond's work.
const LEFT_AT_ONCE: usize = 1024;

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
    /// The filter has more tokens than it may.
    TooManyTokens,
    /// The filter is malformed.
    InvalidFilter,
}

impl Peer {
    pub(crate) fn new(host: Arc<Host>, sink: Arc<dyn Sink>, party: Arc<Party>) -> Self {
        Self {
            host,
            sink,
            party,
            limits: None,
            seats: None,
            cache: None,
            sampler: None,
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
        let known = self.party.own().take();
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
            self.note_denied(Denied::Publish, subject);
            return Err(Refusal::Subject);
        }
        if reply.is_some_and(reserved::is_reply) {
            return Err(Refusal::Reply);
        }
        Ok(Admitted::new(self))
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

    /// Notes that the party was refused `subject` so many times.
    #[cold]
    pub(crate) fn note_denials(&self, what: Denied, subject: &[u8], times: usize) {
        let (traffic, id) = (&self.host.traffic, self.party.id);
        traffic.note_denied(what, id, subject, times as u64);
    }

    #[cold]
    fn note_denied(&self, what: Denied, subject: &[u8]) {
        self.note_denials(what, subject, 1);
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
            self.note_denied(Denied::Subscribe, filter);
            return Err(Refusal::Subscription);
        }
        self.party.own().sweep_if_due();
        let max = self.host.subscriptions_max;
        if max.is_some_and(|max| self.party.own().live(max) >= max) || !self.have_seats_room() {
            return Err(Refusal::TooManySubscriptions);
        }
        let known = self.party.own().find(sid);
        if let Some(known) = known {
            if !known.is_closed() {
                return Ok(());
            }
            self.forget(sid);
        }
        let tokens = || filter.iter().filter(|byte| **byte == b'.').count() + 1;
        if self
            .host
            .tokens_max
            .is_some_and(|max| tokens() > usize::from(max))
        {
            return Err(Refusal::TooManyTokens);
        }
        if !subject::is_valid_filter(filter) {
            return Err(Refusal::InvalidFilter);
        }
        let subscription = Subscription::new(self.sink_for(filter), filter, queue, sid);
        self.host.bus.subscribe(&subscription);
        self.insert(subscription);
        self.note_subscribed(filter, queue, sid);
        Ok(())
    }

    fn insert(&mut self, subscription: Arc<Subscription>) {
        self.party.own().insert(subscription, self.host.keys);
        self.tell_seats();
    }

    fn forget(&mut self, sid: &[u8]) {
        self.party.own().forget(sid);
        self.tell_seats();
    }

    /// Ends the subscription `sid`, at once or after `max` deliveries counted from its start; an
    /// unknown sid is no mistake.
    pub(crate) fn unsubscribe(&mut self, sid: &[u8], max: Option<usize>) {
        let known = self.party.own().find(sid);
        let Some(subscription) = known else {
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
    pub(crate) fn tell(&self, subject: &[u8], body: &str, now: Instant, wakes: &mut Wakes) {
        self.host.tell(subject, body, now, wakes);
    }

    /// Lets go of what is kept for a party that publishes, if it has not since the last call;
    /// whether something is still kept.
    pub(crate) fn rest(&mut self) -> bool {
        if !std::mem::take(&mut self.has_published) {
            self.cache = None;
            self.sampler = None;
        }
        if let Some(sampler) = &mut self.sampler {
            sampler.restart();
        }
        if let Some(cache) = &mut self.cache {
            self.host.bus.tidy(cache);
        }
        self.cache.is_some()
    }

    /// Takes everything back: the party is gone. Of very many subscriptions most are left to whoever
    /// has the time; until what is returned has run, they are there, and receive nothing.
    pub(crate) fn leave(&mut self) -> Option<impl FnOnce() + Send + use<>> {
        let mut subscriptions = self.party.own().take();
        let rest = subscriptions.split_off(subscriptions.len().min(LEFT_AT_ONCE));
        self.host.bus.unsubscribe_all(subscriptions.into_iter());
        self.seats = None;
        self.cache = None;
        let host = Arc::clone(&self.host);
        (!rest.is_empty()).then_some(move || host.bus.unsubscribe_all(rest.into_iter()))
    }

    /// Whether the party has a subscription of that name.
    pub(crate) fn has(&self, sid: &[u8]) -> bool {
        let known = self.party.own().find(sid);
        known.is_some_and(|known| !known.is_closed())
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
