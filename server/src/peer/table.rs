//! Who is here, and what has been counted.
//!
//! No counter is shared by all messages: each party counts for itself, and whoever asks adds up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// What one party did. Written by one thread at a time, read by any.
#[derive(Default)]
pub(crate) struct Tally {
    in_messages: AtomicU64,
    in_bytes: AtomicU64,
    out_messages: AtomicU64,
    out_bytes: AtomicU64,
}

impl Tally {
    /// Counts a message from the party. Called by its own loop only.
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
}

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
    /// Messages published.
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
    /// Deliveries that such readers lost.
    pub dropped_messages: u64,
    /// Their bytes on the wire.
    pub dropped_bytes: u64,
}

/// Everybody who is here.
pub(crate) struct Table {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections_max: usize,
    present: HashMap<u64, Arc<Tally>>,
    last_id: u64,
    gone: Statistics, // The sums of those who left; `connections` and `subscriptions` unused.
}

/// What somebody who leaves lost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Loss {
    pub(crate) is_slow_consumer: bool,
    pub(crate) is_auth_failure: bool,
    pub(crate) is_failed_handshake: bool,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Table {
    pub(crate) fn new(connections_max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                connections_max,
                ..State::default()
            }),
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

    /// Gives a newcomer its number, and a tally if there is room.
    pub(crate) fn enter(&self) -> (u64, Option<Arc<Tally>>) {
        let mut state = self.state.lock();
        state.last_id += 1;
        state.gone.total_connections += 1;
        let id = state.last_id;
        if state.present.len() >= state.connections_max {
            state.gone.refused_connections += 1;
            return (id, None);
        }
        let tally = Arc::<Tally>::default();
        state.present.insert(id, Arc::clone(&tally));
        (id, Some(tally))
    }

    /// Takes the party `id` out again, which has no place elsewhere: it counts as refused.
    pub(crate) fn turn_away(&self, id: u64) {
        let mut state = self.state.lock();
        state.gone.refused_connections += 1;
        state.present.remove(&id);
    }

    /// Takes the party `id` out; somebody who was refused is not in.
    pub(crate) fn leave(&self, id: u64, loss: Loss) {
        let mut state = self.state.lock();
        state.gone.authentication_failures += u64::from(loss.is_auth_failure);
        state.gone.failed_handshakes += u64::from(loss.is_failed_handshake);
        state.gone.slow_consumers += u64::from(loss.is_slow_consumer);
        state.gone.dropped_messages += loss.messages;
        state.gone.dropped_bytes += loss.bytes;
        if let Some(tally) = state.present.remove(&id) {
            add(&mut state.gone, &tally);
        }
        if state.present.len() * 8 < state.present.capacity() {
            let len = state.present.len() * 2;
            state.present.shrink_to(len);
        }
    }

    /// How many have left, those who were refused among them.
    pub(crate) fn departures(&self) -> u64 {
        let state = self.state.lock();
        state.gone.total_connections - state.present.len() as u64
    }

    /// Adds up; subscriptions are left to the caller.
    pub(crate) fn statistics(&self) -> Statistics {
        let state = self.state.lock();
        let mut sum = state.gone;
        sum.connections = state.present.len() as u64;
        state
            .present
            .values()
            .for_each(|tally| add(&mut sum, tally));
        sum
    }
}

fn add(sum: &mut Statistics, tally: &Tally) {
    sum.in_messages += tally.in_messages.load(Ordering::Relaxed);
    sum.in_bytes += tally.in_bytes.load(Ordering::Relaxed);
    sum.out_messages += tally.out_messages.load(Ordering::Relaxed);
    sum.out_bytes += tally.out_bytes.load(Ordering::Relaxed);
}

/// Adds to a counter that only one thread at a time writes: no locked instruction is needed.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}
