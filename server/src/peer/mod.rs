//! An admitted party, and the one gate between it and the bus.
//!
//! Every publish, subscribe and unsubscribe of every door comes through here and is checked here,
//! whatever wire it came by. A door names the bus only by the three words passed on below.

mod table;

use std::sync::Arc;

use dunlin_protocol::subject;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

pub(crate) use crate::bus::{Delivery, Message, Sink, Subscription};
pub use table::Statistics;
pub(crate) use table::{Loss, Table, Tally};

use crate::bus::{Bus, Cache};
use crate::link::Wakes;

/// The queue group that is the reference server's own.
const SYSTEM_QUEUE: &[u8] = b"_sys_";
/// Subjects that no client may publish to, each with at least one more byte behind it.
const RESERVED_SUBJECTS: [&[u8]; 2] = [b"_GR_.", b"$GR."];
/// The same, checked after permissions, with nothing behind it needed.
const RESERVED_GROUP: &[u8] = b"$NRG.";
/// Replies that no client may name, each with at least one more byte behind it.
const RESERVED_REPLIES: [&[u8]; 3] = [b"$JS.ACK.", b"_GR_.", b"$GR."];
/// The same, with nothing behind it needed.
const RESERVED_SERVICE_REPLY: &[u8] = b"_R_.";
/// With fewer subscriptions than this, ended ones are not looked for.
const SWEEP_MIN: usize = 32;

/// What all parties share: the bus, and who is here.
pub(crate) struct Host {
    bus: Bus,
    pub(crate) table: Table,
    /// The most subscriptions of one party; none for no bound.
    subscriptions_max: Option<usize>,
}

impl Host {
    pub(crate) fn new(connections_max: usize, subscriptions_max: Option<usize>) -> Self {
        Self {
            bus: Bus::default(),
            table: Table::new(connections_max),
            subscriptions_max,
        }
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
    /// By sid; those that had their last message stay until the next sweep.
    subscriptions: HashTable<Arc<Subscription>>,
    hasher: RandomState,
    sweep_at: usize,
    /// What the last subjects matched; only while the party publishes.
    cache: Option<Box<Cache>>,
    has_published: bool, // Since the last look at the cache.
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
        Self {
            host,
            sink,
            tally,
            subscriptions: HashTable::new(),
            hasher: RandomState::default(),
            sweep_at: SWEEP_MIN,
            cache: None,
            has_published: false,
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
    ) -> Result<Admitted<'_>, Refusal> {
        if is_reserved_subject(subject) {
            return Err(Refusal::Subject);
        }
        if reply.is_some_and(is_reserved_reply) {
            return Err(Refusal::Reply);
        }
        Ok(Admitted { peer: self })
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
        if queue == Some(SYSTEM_QUEUE) {
            return Err(Refusal::Subscription);
        }
        self.sweep_if_due();
        if self
            .host
            .subscriptions_max
            .is_some_and(|max| self.live_subscriptions() >= max)
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
        let subscription = Subscription::new(Arc::clone(&self.sink), filter, queue, sid);
        self.host.bus.subscribe(&subscription);
        let hasher = &self.hasher;
        self.subscriptions
            .insert_unique(hasher.hash_one(sid), subscription, |known| {
                hasher.hash_one(known.sid())
            });
        Ok(())
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
        self.host.bus.find_plain(subject, &*self.sink)
    }

    /// Lets go of what is kept for a party that publishes, if it has not since the last call;
    /// whether something is still kept.
    pub(crate) fn rest(&mut self) -> bool {
        if !std::mem::take(&mut self.has_published) {
            self.cache = None;
        }
        self.cache.is_some()
    }

    /// Takes everything back: the party is gone.
    pub(crate) fn leave(&mut self) {
        let subscriptions = std::mem::take(&mut self.subscriptions);
        self.host.bus.unsubscribe_all(subscriptions.into_iter());
        self.cache = None;
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
        let (len, hasher) = (self.subscriptions.len(), &self.hasher);
        if len < self.subscriptions.capacity() / 8 {
            self.subscriptions
                .shrink_to(len * 2, |known| hasher.hash_one(known.sid()));
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
        let cache = peer.cache.get_or_insert_default();
        peer.host.bus.publish(message, cache, wakes)
    }
}

fn is_reserved_subject(subject: &[u8]) -> bool {
    matches!(subject.first(), Some(b'_' | b'$'))
        && (subject.starts_with(RESERVED_GROUP)
            || RESERVED_SUBJECTS
                .iter()
                .any(|prefix| is_below(subject, prefix)))
}

fn is_reserved_reply(reply: &[u8]) -> bool {
    reply.starts_with(RESERVED_SERVICE_REPLY)
        || RESERVED_REPLIES
            .iter()
            .any(|prefix| is_below(reply, prefix))
}

fn is_below(name: &[u8], prefix: &[u8]) -> bool {
    name.len() > prefix.len() && name.starts_with(prefix)
}
