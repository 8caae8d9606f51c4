//! Who is here, who was here lately, and what has been counted.
//!
//! No counter is shared by all messages: each party counts for itself, and whoever asks adds up.
//! Whoever asks holds the lock only as long as it takes to copy the list of those who are here.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::ended::{Ended, Packed};
use super::party::{Counts, Party};
use crate::link::{Backlog, Queued, Reason};

/// How many subscriptions of one that has left are remembered. A guess.
const KEPT_OF_ONE_MAX: usize = 100;
/// How many of all who have left, at some 150 bytes each. A guess: 3 MB at most.
const KEPT_MAX: usize = 20_000;

/// What a server has done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Connections that are open.
    pub connections: u64,
    /// Connections that have ever been accepted, refused ones included.
    pub total_connections: u64,
    /// Connections refused because the server was full, or too many came from one address or at
    /// once.
    pub refused_connections: u64,
    /// Connections that should have been encrypted, and were not.
    pub failed_handshakes: u64,
    /// Subscriptions in force.
    pub subscriptions: u64,
    /// Messages that clients sent, those among them that they may not publish.
    pub in_messages: u64,
    /// Their bytes, headers and payload.
    pub in_bytes: u64,
    /// Deliveries queued for readers.
    pub out_messages: u64,
    /// Their bytes, headers and payload.
    pub out_bytes: u64,
    /// Connections closed because they did not say who they are, or not in time, or wrongly.
    pub authentication_failures: u64,
    /// Readers that were cut because they read too slowly.
    pub slow_consumers: u64,
    /// Those of them that were cut because too much waited for all readers together.
    pub evicted_consumers: u64,
    /// Connections that were closed because they left questions unanswered.
    pub stale_connections: u64,
    /// How often a publisher held back for a slower reader.
    pub stalled_clients: u64,
    /// How often a publisher was not read from for a while, because it was over its rate.
    pub throttled_clients: u64,
    /// Deliveries that slow readers lost, when they were cut or instead.
    pub dropped_messages: u64,
    /// Their bytes on the wire.
    pub dropped_bytes: u64,
    /// Those of the dropped messages that were never queued: `out_messages` does not count them.
    pub refused_messages: u64,
    /// Messages whose readers had to be looked up; those of all others were remembered.
    pub index_lookups: u64,
    /// The most readers that took one message.
    pub fanout_max: u64,
    /// Messages published that no reader took.
    pub unheard_messages: u64,
}

/// Everybody who is here.
pub(crate) struct Table {
    state: Mutex<State>,
    /// How many of those who left are remembered.
    closed_max: usize,
}

#[derive(Default)]
struct State {
    connections_max: usize,
    present: HashMap<u64, Arc<Party>>,
    closed: VecDeque<Arc<Closed>>, // The oldest first; at most `closed_max`.
    /// Those of them whose subscriptions are remembered, and how many those are in all.
    listed: VecDeque<Arc<Closed>>,
    listed_subscriptions: usize,
    last_id: u64,
    reasons: HashMap<Reason, Losses>, // Who left why; as many as there are reasons.
    gone: Statistics, // The sums of those who left; `connections` and `subscriptions` unused.
    stood: Standstills,
}

/// How those who left had read, together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standstills {
    pub(crate) stalls: u64,
    pub(crate) stalled: Duration,
    /// Of the one with the most.
    pub(crate) high_water_bytes: usize,
}

/// Those who left for one reason, and what they lost by that.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Losses {
    pub(crate) connections: u64,
    pub(crate) dropped_messages: u64,
}

/// Somebody who has left.
pub(crate) struct Closed {
    pub(crate) party: Arc<Party>,
    pub(crate) at: Instant,
    pub(crate) departure: Departure,
    /// Some of its subscriptions, until those of others need the place.
    subscriptions: Mutex<Packed>,
}

/// How somebody left, and what it lost by that.
#[derive(Debug, Clone)]
pub(crate) struct Departure {
    pub(crate) reason: Reason,
    /// Deliveries that a slow consumer had not read; 0 for everybody else.
    pub(crate) dropped_messages: u64,
    pub(crate) dropped_bytes: u64,
    /// How its outbox stood, where it was ever full.
    pub(crate) backlog: Option<Box<Backlog>>,
    /// How many subscriptions it had.
    pub(crate) subscription_count: usize,
    /// Some of them, those that lost the most first.
    subscriptions: Packed,
    /// How many those are.
    kept: usize,
}

impl Table {
    pub(crate) fn new(connections_max: usize, closed_max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                connections_max,
                ..State::default()
            }),
            closed_max,
        }
    }

    /// Allows so many from now on; tells up to which number those who are here may stay, if there
    /// are more.
    pub(crate) fn make_room_for(&self, connections_max: usize) -> Option<u64> {
        let mut state = self.state.lock();
        state.connections_max = connections_max;
        if state.present.len() <= connections_max {
            return None;
        }
        let mut ids: Vec<u64> = state.present.keys().copied().collect();
        ids.sort_unstable();
        Some(connections_max.checked_sub(1).map_or(0, |last| ids[last]))
    }

    /// A number for somebody who is in no list.
    pub(super) fn number(&self) -> u64 {
        let mut state = self.state.lock();
        state.last_id += 1;
        state.last_id
    }

    /// Takes a newcomer in; the second is false if there is no room for it, and it must be shown
    /// out.
    pub(super) fn enter(&self, address: Option<SocketAddr>, now: Instant) -> (Arc<Party>, bool) {
        let mut state = self.state.lock();
        state.last_id += 1;
        state.gone.total_connections += 1;
        let party = Arc::new(Party::new(state.last_id, address, now));
        let has_room = state.present.len() < state.connections_max;
        if has_room {
            state.present.insert(party.id, Arc::clone(&party));
        } else {
            state.gone.refused_connections += 1;
        }
        (party, has_room)
    }

    /// Takes the party `id` out again, which has no place elsewhere: it counts as refused.
    pub(crate) fn turn_away(&self, id: u64) {
        let mut state = self.state.lock();
        state.gone.refused_connections += 1;
        state.present.remove(&id);
    }

    /// Takes `party` out; somebody who was refused is not in, and is remembered all the same.
    pub(crate) fn leave(&self, party: &Arc<Party>, mut departure: Departure, now: Instant) {
        party.stand_up();
        let subscriptions = std::mem::take(&mut departure.subscriptions);
        let closed = Arc::new(Closed {
            party: Arc::clone(party),
            at: now,
            departure: departure.clone(),
            subscriptions: Mutex::new(subscriptions),
        });
        let mut state = self.state.lock();
        state.count(&departure);
        if state.present.remove(&party.id).is_some() {
            state.gone.add(&party.counts());
        }
        if state.present.len() * 8 < state.present.capacity() {
            let len = state.present.len() * 2;
            state.present.shrink_to(len);
        }
        let forgotten = state.remember(closed, self.closed_max);
        drop(state);
        // Without the lock of the table: each has one of its own.
        forgotten.iter().for_each(|closed| closed.forget());
    }

    /// Everybody who is here, in no order.
    pub(crate) fn present(&self) -> Vec<Arc<Party>> {
        self.state.lock().present.values().cloned().collect()
    }

    /// Who left lately, the oldest first.
    pub(crate) fn closed(&self) -> Vec<Arc<Closed>> {
        self.state.lock().closed.iter().cloned().collect()
    }

    /// How many left why, since the start.
    pub(crate) fn reasons(&self) -> Vec<(Reason, Losses)> {
        let state = self.state.lock();
        let mut reasons: Vec<_> = state
            .reasons
            .iter()
            .map(|(&why, &many)| (why, many))
            .collect();
        drop(state);
        reasons.sort_unstable_by_key(|(reason, _)| *reason);
        reasons
    }

    /// How many have left, those who were refused among them.
    pub(crate) fn departures(&self) -> u64 {
        let state = self.state.lock();
        state.gone.total_connections - state.present.len() as u64
    }

    /// Counts a reader that is slow, and kept.
    pub(crate) fn count_stall(&self) {
        self.state.lock().gone.slow_consumers += 1;
    }

    /// Counts a publisher that is over its rate, and rests.
    pub(crate) fn count_throttle(&self) {
        self.state.lock().gone.throttled_clients += 1;
    }

    /// How those who left had read.
    pub(crate) fn standstills(&self) -> Standstills {
        self.state.lock().stood
    }

    /// Adds up; subscriptions are left to the caller.
    pub(crate) fn statistics(&self) -> Statistics {
        let state = self.state.lock();
        let mut sum = state.gone;
        let present: Vec<_> = state.present.values().cloned().collect();
        drop(state);
        sum.connections = present.len() as u64;
        present.iter().for_each(|party| sum.add(&party.counts()));
        sum
    }
}

impl State {
    /// Remembers `closed`; tells whose subscriptions are to be forgotten for it.
    fn remember(&mut self, closed: Arc<Closed>, closed_max: usize) -> Vec<Arc<Closed>> {
        let mut forgotten = Vec::new();
        if closed_max == 0 {
            return forgotten;
        }
        while self.closed.len() >= closed_max
            && let Some(oldest) = self.closed.pop_front()
        {
            // Both are in the order in which they left.
            let is_listed = |it: &Arc<Closed>| Arc::ptr_eq(it, &oldest);
            if self.listed.front().is_some_and(is_listed) {
                self.listed.pop_front();
                self.listed_subscriptions -= oldest.kept();
            }
            forgotten.push(oldest);
        }
        let kept = closed.kept();
        if kept > 0 {
            self.listed_subscriptions += kept;
            self.listed.push_back(Arc::clone(&closed));
        }
        while self.listed_subscriptions > KEPT_MAX
            && let Some(oldest) = self.listed.pop_front()
        {
            self.listed_subscriptions -= oldest.kept();
            forgotten.push(oldest);
        }
        self.closed.push_back(closed);
        forgotten
    }

    fn count(&mut self, departure: &Departure) {
        let losses = self.reasons.entry(departure.reason).or_default();
        losses.connections += 1;
        losses.dropped_messages += departure.dropped_messages;
        self.gone.dropped_messages += departure.dropped_messages;
        self.gone.dropped_bytes += departure.dropped_bytes;
        self.gone.slow_consumers += u64::from(departure.reason.is_slow_consumer());
        let is_evicted = departure.reason == Reason::SlowConsumerPendingTotal;
        self.gone.evicted_consumers += u64::from(is_evicted);
        self.gone.authentication_failures += u64::from(departure.reason.is_auth_failure());
        let is_failed_handshake = departure.reason == Reason::TlsHandshakeFailure;
        self.gone.failed_handshakes += u64::from(is_failed_handshake);
        self.gone.stale_connections += u64::from(departure.reason == Reason::StaleConnection);
        if let Some(backlog) = departure.backlog.as_deref() {
            self.stood.add(backlog);
        }
    }
}

impl Statistics {
    fn add(&mut self, counts: &Counts) {
        self.in_messages += counts.in_messages;
        self.in_bytes += counts.in_bytes;
        self.out_messages += counts.out_messages;
        self.out_bytes += counts.out_bytes;
        self.stalled_clients += counts.pauses;
        self.index_lookups += counts.lookups;
        self.fanout_max = self.fanout_max.max(counts.fanout_max);
        self.dropped_messages += counts.lost_messages;
        self.dropped_bytes += counts.lost_bytes;
        self.refused_messages += counts.refused_messages;
        self.unheard_messages += counts.unheard;
    }
}

impl Standstills {
    /// Adds a reader.
    pub(crate) fn add(&mut self, backlog: &Backlog) {
        self.stalls += u64::from(backlog.stalls);
        self.stalled += backlog.stalled;
        self.high_water_bytes = self.high_water_bytes.max(backlog.high_water_bytes);
    }

    /// Grows to `other`, where that is more: whoever leaves while they are added up is in neither
    /// sum for a moment, and what has been told never shrinks.
    pub(crate) fn grown_to(&mut self, other: Self) -> Self {
        self.stalls = self.stalls.max(other.stalls);
        self.stalled = self.stalled.max(other.stalled);
        self.high_water_bytes = self.high_water_bytes.max(other.high_water_bytes);
        *self
    }
}

impl Closed {
    /// How many of its subscriptions were remembered at first.
    fn kept(&self) -> usize {
        self.departure.kept
    }

    fn forget(&self) {
        *self.subscriptions.lock() = Packed::default();
    }

    /// Its subscriptions, as far as they are remembered.
    pub(crate) fn subscriptions(&self) -> Packed {
        self.subscriptions.lock().clone()
    }
}

impl Departure {
    /// Of somebody who leaves for `reason`, and has lost nothing that was promised.
    pub(crate) fn plain(reason: Reason) -> Self {
        Self {
            reason,
            dropped_messages: 0,
            dropped_bytes: 0,
            backlog: None,
            subscription_count: 0,
            subscriptions: Packed::default(),
            kept: 0,
        }
    }

    /// At most `max` of its subscriptions, those that lost the most first, or else received the
    /// most.
    pub(crate) fn busiest(&self, max: usize) -> Vec<Ended<'_>> {
        let mut busiest: Vec<_> = self.subscriptions.iter().collect();
        busiest.sort_by_key(|it| Reverse((it.lost_messages, it.delivered)));
        busiest.truncate(max);
        busiest
    }

    /// Of `party`, while it still has its subscriptions, with what its outbox held last, and what
    /// of it is lost.
    pub(crate) fn of(party: &Party, reason: Reason, backlog: Backlog, mut lost: Queued) -> Self {
        lost.merge(party.take_lost());
        let ending = party.ending(KEPT_OF_ONE_MAX, &lost);
        let is_of_interest = backlog.stalls > 0 || backlog.pending_bytes > 0;
        Self {
            backlog: is_of_interest.then(|| Box::new(backlog)),
            subscription_count: ending.count,
            subscriptions: ending.packed,
            kept: ending.kept,
            ..Self::plain(reason)
        }
    }
}
