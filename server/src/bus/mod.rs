//! Subjects to sinks: pure routing.
//!
//! In: subscriptions, and messages. Out: one call per delivery. The bus knows no wire text, no
//! permission and no connection; whoever wants messages hands it a [`Sink`].
//!
//! Reading and changing meet in one place, the index under its lock. A publisher takes the
//! finished lists out, lets go of the lock, then delivers; and it remembers them until the
//! generation moves, so that a repeated subject takes no lock at all.

mod cache;
mod index;
mod keys;
mod list;
mod message;
#[cfg(all(test, model))]
mod models;
mod run;
mod subscription;
mod table;
mod wild;

use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) use cache::Cache;
pub(crate) use keys::Keys;
pub(crate) use message::Message;
pub(crate) use run::{Heard, Piece, RUN_MAX, Run};
pub(crate) use subscription::{Delivered, Delivery, Sink, Subscription};

use crate::link::Wakes;
use crate::link::sync::{self, AtomicU64, RwLock};
use index::Index;
use list::{Groups, Matched};

/// How many subscriptions of one that leaves are taken out under one lock: some 20 µs to 70. A
/// publisher that looks anew after each batch waits for one of them every time.
const BATCH: usize = 64;

/// One space of subjects.
pub(crate) struct Bus {
    index: RwLock<Index>,
    /// Moves with every change of the index, inside its lock (release): a publisher that reads it
    /// (acquire) and finds it unmoved may use what it remembers.
    generation: AtomicU64,
}

impl Bus {
    /// Nobody has subscribed to anything; tables are keyed with `keys`.
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            index: RwLock::new(Index::new(keys)),
            generation: AtomicU64::new(0),
        }
    }

    /// Makes `subscription` receive what is published from now on.
    pub(crate) fn subscribe(&self, subscription: &Arc<Subscription>) {
        let mut index = self.index.write();
        index.insert(subscription);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Forgets `subscription`; one that is not there is no mistake.
    pub(crate) fn unsubscribe(&self, subscription: &Arc<Subscription>) {
        let mut index = self.index.write();
        if index.remove(subscription) {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Forgets all of `subscriptions`, and lets publishers through in between.
    pub(crate) fn unsubscribe_all(&self, subscriptions: impl Iterator<Item = Arc<Subscription>>) {
        let mut subscriptions = subscriptions.peekable();
        while subscriptions.peek().is_some() {
            let mut index = self.index.write();
            for subscription in subscriptions.by_ref().take(BATCH) {
                index.remove(&subscription);
            }
            self.generation.fetch_add(1, Ordering::Release);
            sync::pass_on(index);
        }
    }

    /// Puts `new` in the place of `old`, so that every message meets one of them.
    pub(crate) fn replace(&self, old: &Arc<Subscription>, new: &Arc<Subscription>) {
        let mut index = self.index.write();
        if index.remove(old) {
            index.insert(new);
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// A plain subscription that covers `subject` and is one of those asked for.
    pub(crate) fn find_plain(
        &self,
        subject: &[u8],
        is_wanted: impl Fn(&Subscription) -> bool,
    ) -> Option<Arc<Subscription>> {
        let matched = self.matched(subject);
        let mut plain = (&matched).into_iter().flat_map(|list| list.plain());
        plain
            .find(|subscription| is_wanted(subscription) && !subscription.is_closed())
            .cloned()
    }

    /// How many subscriptions there are.
    pub(crate) fn subscription_count(&self) -> usize {
        self.index.read().len()
    }

    /// How many subscriptions have been forgotten since the start.
    pub(crate) fn departures(&self) -> u64 {
        self.index.read().departures()
    }

    /// Delivers `message` to every plain subscription that covers its subject, and to one member
    /// of each queue group; tells how many took it.
    pub(crate) fn publish(
        &self,
        message: &Message<'_>,
        cache: &mut Cache,
        wakes: &mut Wakes,
    ) -> usize {
        let (matched, random) = cache.lookup(
            message.subject,
            self.generation.load(Ordering::Acquire),
            |subject| self.matched(subject),
        );
        self.hand_out(message, matched, &matched.groups(), random, wakes)
    }

    /// Delivers `message` to those in `matched`, whose queue groups are `groups`; tells how many
    /// took it.
    fn hand_out(
        &self,
        message: &Message<'_>,
        matched: &Matched,
        groups: &Groups<'_>,
        random: &mut fastrand::Rng,
        wakes: &mut Wakes,
    ) -> usize {
        let mut round = Round {
            message,
            wakes,
            taken: 0,
            finished: Vec::new(),
        };
        for list in matched {
            for subscription in list.plain() {
                round.offer(subscription);
            }
        }
        for rows in groups {
            round.offer_to_one(rows, random);
        }
        let (taken, finished) = (round.taken, round.finished);
        for subscription in &finished {
            self.unsubscribe(subscription);
        }
        taken
    }

    /// Has `cache` let go of what is no longer so.
    pub(crate) fn tidy(&self, cache: &mut Cache) {
        cache.forget_before(self.generation.load(Ordering::Acquire));
    }

    /// Does as [`Bus::publish`] does for each message of `run`.
    pub(crate) fn publish_run(&self, run: &Run<'_>, cache: &mut Cache, wakes: &mut Wakes) -> Heard {
        let generation = self.generation.load(Ordering::Acquire);
        let (matched, random) =
            cache.lookup(run.subject, generation, |subject| self.matched(subject));
        let is_plain = match run.len() {
            1 => !matched.has_queues(), // Nothing that it could overtake.
            _ => matched.reaches_each_once(),
        };
        let mut readers = 0;
        if !is_plain {
            let (groups, mut unheard) = (matched.groups(), 0);
            for message in run.messages() {
                let taken = self.hand_out(&message, matched, &groups, random, wakes);
                readers = readers.max(taken);
                unheard += usize::from(taken == 0);
            }
            return Heard { readers, unheard };
        }
        let all = run.from(0);
        let (mut finished, mut unheard) = (Vec::new(), all);
        for subscription in matched.into_iter().flat_map(|list| list.plain()) {
            let delivered = subscription.deliver_run(run, wakes);
            readers += usize::from(delivered.skipped != all);
            unheard &= delivered.skipped;
            if delivered.is_over {
                finished.push(Arc::clone(subscription));
            }
        }
        for subscription in &finished {
            self.unsubscribe(subscription);
        }
        let unheard = match unheard {
            0 => 0,
            some => some.count_ones() as usize,
        };
        Heard { readers, unheard }
    }

    fn matched(&self, subject: &[u8]) -> Matched {
        self.index.read().matched(subject)
    }
}

/// One message on its way.
struct Round<'a, 'm> {
    message: &'a Message<'m>,
    wakes: &'a mut Wakes,
    taken: usize,
    /// Subscriptions that had their last message; they leave the index when no list is in use.
    finished: Vec<Arc<Subscription>>,
}

impl Round<'_, '_> {
    fn offer(&mut self, subscription: &Arc<Subscription>) -> bool {
        match subscription.deliver(self.message, self.wakes) {
            Delivery::Skipped => return false,
            Delivery::Taken => {}
            Delivery::TakenLast => self.finished.push(Arc::clone(subscription)),
        }
        self.taken += 1;
        true
    }

    /// Offers the message to the members in turn, from a random one on, until one takes it.
    fn offer_to_one(&mut self, rows: &[&[Arc<Subscription>]], random: &mut fastrand::Rng) {
        let count: usize = rows.iter().map(|row| row.len()).sum();
        let start = random.usize(..count);
        if let [row] = rows
            && self.offer(&row[start])
        {
            return;
        }
        let members = || rows.iter().flat_map(|row| row.iter());
        let _ = members()
            .skip(start)
            .chain(members().take(start))
            .any(|member| self.offer(member));
    }
}

#[cfg(test)]
mod tests;
