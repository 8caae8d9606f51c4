//! What the connections of one user, or from one address, may have together.
//!
//! Where a [`Quota`] is set, a connection takes a [`Seat`] in the ledger of its user and in that of
//! its address; who is over a rate of publishing is told how long to rest, and loses nothing. Where
//! none is set, nobody has a seat, and nothing is counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::link::Share;

/// The most that the connections of one user, or from one address, may have together; none for no
/// limit.
///
/// Not part of NATS. Source: docs/configuration.md#limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Connections at a time; one more is told `maximum connections exceeded` and closed.
    pub connections: Option<usize>,
    /// Subscriptions; one more is told `maximum subscriptions exceeded`, and not made.
    pub subscriptions: Option<usize>,
    /// Bytes that wait to be read. A reader for whom more would wait is cut as a slow consumer.
    pub pending_bytes: Option<usize>,
    /// Messages published in a second. Who is over it is not read from for a while; a second's
    /// worth may come at once.
    pub publish_messages_per_second: Option<u64>,
    /// Bytes published in a second, headers and payload, in the same way.
    pub publish_bytes_per_second: Option<u64>,
}

/// All ledgers of a server.
#[derive(Default)]
pub(crate) struct Ledgers {
    quotas: Mutex<Quotas>,
    open: Mutex<HashMap<Key, Weak<Ledger>>>,
}

#[derive(Clone, Copy, Default)]
struct Quotas {
    per_user: Quota,
    per_address: Quota,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    User(Box<str>),
    Address(IpAddr),
}

struct Ledger {
    used: Mutex<Used>,
    pending: Arc<Share>,
}

#[derive(Default)]
struct Used {
    quota: Quota,
    connections: usize,
    subscriptions: usize,
    messages: Bucket,
    bytes: Bucket,
}

/// What may still be published; below zero is a debt that time pays.
#[derive(Default)]
struct Bucket {
    left: f64,
    filled_at: Option<Instant>,
}

/// A connection's place in a ledger; given back when dropped.
pub(crate) struct Seat {
    ledger: Arc<Ledger>,
    subscriptions: usize,
}

impl Ledgers {
    pub(crate) fn new(per_user: Quota, per_address: Quota) -> Self {
        Self {
            quotas: Mutex::new(Quotas {
                per_user,
                per_address,
            }),
            open: Mutex::default(),
        }
    }

    /// A seat for a connection of `user`, if one has to be taken.
    ///
    /// # Errors
    ///
    /// There is none left.
    pub(crate) fn sit_as(&self, user: &str) -> Result<Option<Seat>, Full> {
        let quota = self.quotas.lock().per_user;
        self.sit(quota, false, || Key::User(user.into()))
    }

    /// A seat for a connection of `user` that is here, however many there are.
    pub(crate) fn keep_as(&self, user: &str) -> Option<Seat> {
        let quota = self.quotas.lock().per_user;
        self.sit(quota, true, || Key::User(user.into())).ok()?
    }

    /// A seat for a connection from `address`, if one has to be taken.
    ///
    /// # Errors
    ///
    /// There is none left.
    pub(crate) fn sit_from(&self, address: IpAddr) -> Result<Option<Seat>, Full> {
        let quota = self.quotas.lock().per_address;
        self.sit(quota, false, || Key::Address(address))
    }

    /// A seat for a connection from `address` that is here, however many there are.
    pub(crate) fn keep_from(&self, address: IpAddr) -> Option<Seat> {
        let quota = self.quotas.lock().per_address;
        self.sit(quota, true, || Key::Address(address)).ok()?
    }

    /// Lets other quotas hold: at once for those with a seat; who is here without one takes it when
    /// it is told of the change. Nobody is sent away for being too many.
    pub(crate) fn obey(&self, per_user: Quota, per_address: Quota) {
        *self.quotas.lock() = Quotas {
            per_user,
            per_address,
        };
        let open = self.open.lock().clone();
        for (key, ledger) in open {
            let Some(ledger) = ledger.upgrade() else {
                continue;
            };
            let quota = match key {
                Key::User(_) => per_user,
                Key::Address(_) => per_address,
            };
            ledger.used.lock().quota = quota;
            ledger.pending.set_max(pending_max(&quota));
        }
    }

    fn sit(
        &self,
        quota: Quota,
        is_here: bool,
        key: impl FnOnce() -> Key,
    ) -> Result<Option<Seat>, Full> {
        if quota == Quota::default() {
            return Ok(None);
        }
        let key = key();
        let mut open = self.open.lock();
        if open.len() == open.capacity() {
            open.retain(|_, ledger| ledger.strong_count() > 0); // Before it would have to grow.
        }
        let known = open.get(&key).and_then(Weak::upgrade);
        let ledger = known.unwrap_or_else(|| {
            let ledger = Arc::new(Ledger {
                used: Mutex::new(Used {
                    quota,
                    ..Used::default()
                }),
                pending: Share::new(pending_max(&quota)),
            });
            open.insert(key, Arc::downgrade(&ledger));
            ledger
        });
        drop(open);
        let mut used = ledger.used.lock();
        if !is_here && quota.connections.is_some_and(|max| used.connections >= max) {
            return Err(Full);
        }
        used.connections += 1;
        drop(used);
        Ok(Some(Seat {
            ledger,
            subscriptions: 0,
        }))
    }
}

/// There are as many connections as there may be.
#[derive(Debug)]
pub(crate) struct Full;

impl Seat {
    /// Whether there may be `more` subscriptions than the connection has told of.
    pub(super) fn has_room_for(&self, more: usize) -> bool {
        let used = self.ledger.used.lock();
        let max = used.quota.subscriptions;
        max.is_none_or(|max| used.subscriptions + more <= max)
    }

    /// What the outbox of the connection counts in.
    pub(super) fn share(&self) -> Arc<Share> {
        Arc::clone(&self.ledger.pending)
    }

    /// Tells how many subscriptions the connection has now.
    pub(super) fn tell_subscriptions(&mut self, count: usize) {
        if count != self.subscriptions {
            let mut used = self.ledger.used.lock();
            used.subscriptions = used.subscriptions + count - self.subscriptions;
            self.subscriptions = count;
        }
    }

    /// A message of so many bytes has been published; until when its publisher must rest, if it
    /// must.
    pub(super) fn charge(&self, bytes: usize, now: Instant) -> Option<Instant> {
        let mut used = self.ledger.used.lock();
        let Quota {
            publish_messages_per_second: messages,
            publish_bytes_per_second: rate,
            ..
        } = used.quota;
        let messages = messages.and_then(|rate| used.messages.take(1, rate, now));
        let bytes = rate.and_then(|rate| used.bytes.take(bytes as u64, rate, now));
        messages.max(bytes)
    }
}

/// The most that may wait together; without a bound nothing is near it.
fn pending_max(quota: &Quota) -> usize {
    quota.pending_bytes.unwrap_or(usize::MAX)
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut used = self.ledger.used.lock();
        used.connections -= 1;
        used.subscriptions -= self.subscriptions;
    }
}

impl Bucket {
    /// Takes `cost` out, and tells until when there is nothing left.
    fn take(&mut self, cost: u64, rate: u64, now: Instant) -> Option<Instant> {
        let rate = rate.max(1) as f64;
        let passed = match self.filled_at {
            Some(at) => now.saturating_duration_since(at).as_secs_f64(),
            None => 1.0,
        };
        self.filled_at = Some(now);
        self.left = (self.left + passed * rate).min(rate) - cost as f64;
        (self.left < 0.0).then(|| now + Duration::from_secs_f64(-self.left / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ledgers(per_user: Quota) -> Ledgers {
        Ledgers::new(per_user, Quota::default())
    }

    #[test]
    fn without_a_quota_nobody_is_seated() {
        let ledgers = Ledgers::default();
        assert!(ledgers.sit_as("a").unwrap().is_none());
        assert!(ledgers.sit_from([127, 0, 0, 1].into()).unwrap().is_none());
    }

    #[test]
    fn seats_are_counted_for_each_and_given_back() {
        let ledgers = ledgers(Quota {
            connections: Some(2),
            ..Quota::default()
        });
        let first = ledgers.sit_as("a").unwrap();
        let _second = ledgers.sit_as("a").unwrap();
        assert!(ledgers.sit_as("a").is_err());
        assert!(ledgers.sit_as("b").is_ok());
        drop(first);
        assert!(ledgers.sit_as("a").is_ok());
    }

    #[test]
    fn subscriptions_are_counted_together() {
        let ledgers = ledgers(Quota {
            subscriptions: Some(3),
            ..Quota::default()
        });
        let mut first = ledgers.sit_as("a").unwrap().unwrap();
        let mut second = ledgers.sit_as("a").unwrap().unwrap();
        first.tell_subscriptions(2);
        assert!(second.has_room_for(1) && !second.has_room_for(2));
        second.tell_subscriptions(1);
        assert!(!first.has_room_for(1));
        drop(first);
        assert!(second.has_room_for(2));
    }

    #[test]
    fn a_debt_is_paid_by_time() {
        let ledgers = ledgers(Quota {
            publish_messages_per_second: Some(2),
            publish_bytes_per_second: Some(100),
            ..Quota::default()
        });
        let seat = ledgers.sit_as("a").unwrap().unwrap();
        let start = Instant::now();
        assert_eq!(seat.charge(10, start), None);
        assert_eq!(seat.charge(10, start), None);
        assert_eq!(seat.charge(10, start), Some(start + SECOND / 2));
        assert_eq!(seat.charge(0, start + 10 * SECOND), None);
        let at = start + 20 * SECOND;
        assert_eq!(seat.charge(300, at), Some(at + 2 * SECOND));
    }

    #[test]
    fn ledgers_that_nobody_uses_are_forgotten() {
        let ledgers = ledgers(Quota {
            connections: Some(1),
            ..Quota::default()
        });
        for number in 0..10_000 {
            drop(ledgers.sit_as(&number.to_string()).unwrap());
        }
        assert!(ledgers.open.lock().capacity() < 100);
    }
}
