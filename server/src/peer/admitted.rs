//! What may be published, on its way from the gate to the bus: counted, and handed out.

use super::traffic::Seen;
use super::{Message, Peer, Run, Wakes};
use crate::bus::Cache;

/// Proof that a message may be published.
pub(crate) struct Admitted<'a> {
    peer: &'a mut Peer,
}

impl<'a> Admitted<'a> {
    /// Call only behind all checks.
    pub(super) fn new(peer: &'a mut Peer) -> Self {
        Self { peer }
    }

    /// Hands `message` to whoever wants it; tells how many took it.
    pub(crate) fn publish(self, message: &Message<'_>, wakes: &mut Wakes) -> usize {
        let peer = self.peer;
        peer.party.count_in(message.size());
        peer.has_published = true;
        let cache = peer
            .cache
            .get_or_insert_with(|| Box::new(Cache::new(peer.host.keys)));
        let taken = peer.host.bus.publish(message, cache, wakes);
        peer.conclude(Seen {
            publisher: message.origin,
            subject: message.subject,
            messages: 1,
            bytes: message.size(),
            taken,
            unheard: usize::from(taken == 0),
            at: message.at,
        });
        taken
    }

    /// Hands the messages of `run` to whoever wants them.
    pub(crate) fn publish_run(self, run: &Run<'_>, wakes: &mut Wakes) {
        let peer = self.peer;
        peer.party.count_run_in(run.len(), run.size());
        peer.has_published = true;
        let cache = peer
            .cache
            .get_or_insert_with(|| Box::new(Cache::new(peer.host.keys)));
        let heard = peer.host.bus.publish_run(run, cache, wakes);
        peer.conclude(Seen {
            publisher: run.origin(),
            subject: run.subject,
            messages: run.len(),
            bytes: run.size(),
            taken: heard.readers,
            unheard: heard.unheard,
            at: run.at(),
        });
    }
}

impl Peer {
    /// Counts what became of what was published.
    #[inline]
    fn conclude(&mut self, seen: Seen<'_>) {
        if let Some(cache) = &mut self.cache
            && let lookups @ 1.. = cache.take_misses()
        {
            self.party.count_lookups(lookups);
        }
        self.party.note_fanout(seen.taken);
        if let unheard @ 1.. = seen.unheard() {
            self.party.count_unheard(unheard);
        }
        if self.host.traffic.is_on() {
            self.host.traffic.note(&mut self.sampler, seen);
        }
    }
}
