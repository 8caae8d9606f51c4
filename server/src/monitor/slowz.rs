//! `/slowz`: who reads too slowly, how much waits for it and since when, and who was cut for it.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::Monitor;
use super::query::Query;
use super::subsz::{SubDetail, owned};
use crate::peer::{Backlog, Closed, Party};

/// How many of each list are shown where nobody asks for a number.
const LIMIT_DEFAULT: i64 = 100;
/// How many subscriptions of one reader are shown, those with the most deliveries.
const SUBSCRIPTIONS_MAX: usize = 5;

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct Slowz {
    server_id: String,
    now: String,
    /// How many readers have something waiting, or have ever taken nothing for a while.
    total: usize,
    slow: Vec<Reader>,
    /// Those that were cut, the last first.
    cut: Vec<Reader>,
}

/// One reader.
#[derive(Debug, Serialize)]
struct Reader {
    cid: u64,
    name: Box<str>,
    user: Box<str>,
    address: String,
    pending_bytes: usize,
    pending_messages: u64,
    high_water_bytes: usize,
    oldest_ms: u64,
    stalls: u32,
    stalled_ms: u64,
    is_stalled: bool,
    out_msgs: u64,
    out_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_messages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Those that received the most: what fills an outbox is most often one of them.
    subscriptions: Vec<SubDetail>,
}

impl Monitor {
    /// # Errors
    ///
    /// An option makes no sense.
    pub(crate) fn slowz(&self, query: &Query<'_>, now: Instant) -> Result<Slowz, String> {
        let limit = match query.int("limit")? {
            ..=0 => LIMIT_DEFAULT,
            limit => limit,
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let present = self.host.table.present();
        let waiting = present
            .iter()
            .filter_map(|party| Some((party, party.backlog(now)?)));
        let is_slow = |(party, backlog): &(&Arc<Party>, Backlog)| {
            backlog.pending_bytes > 0 || backlog.stalls > 0 || party.counts().lost_messages > 0
        };
        let mut slow: Vec<_> = waiting.filter(is_slow).collect();
        slow.sort_unstable_by_key(|(party, backlog)| {
            (
                Reverse(backlog.pending_bytes),
                Reverse(backlog.stalled),
                party.id,
            )
        });
        let readers = slow.iter().take(limit);
        let closed = self.host.table.closed();
        let cut = closed.iter().rev();
        let cut = cut.filter(|closed| closed.departure.reason.is_slow_consumer());
        Ok(Slowz {
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            total: slow.len(),
            slow: readers
                .map(|(party, backlog)| Reader::new(party, backlog))
                .collect(),
            cut: cut.take(limit).map(|closed| self.cut(closed)).collect(),
        })
    }

    fn cut(&self, closed: &Closed) -> Reader {
        let departure = &closed.departure;
        let backlog = departure.backlog.as_deref().copied().unwrap_or_default();
        let packed = closed.subscriptions();
        let subscriptions = packed
            .iter()
            .map(|it| SubDetail::ended(&it, closed.party.id));
        let counts = closed.party.counts();
        Reader {
            dropped_messages: Some(departure.dropped_messages + counts.lost_messages),
            dropped_bytes: Some(departure.dropped_bytes + counts.lost_bytes),
            stop: Some(self.clock.text(closed.at)),
            reason: Some(departure.reason.to_string()),
            subscriptions: busiest(subscriptions.collect()),
            ..Reader::new(&closed.party, &backlog)
        }
    }
}

impl Reader {
    fn new(party: &Party, backlog: &Backlog) -> Self {
        let greeting = party.greeting().unwrap_or_default();
        let counts = party.counts();
        let subscriptions = owned(party);
        let subscriptions = subscriptions.iter().map(|it| SubDetail::new(it, party.id));
        Self {
            cid: party.id,
            name: greeting.name.clone(),
            user: greeting.user.clone(),
            address: party.address.map_or_else(String::new, |at| at.to_string()),
            pending_bytes: backlog.pending_bytes,
            pending_messages: backlog.pending_messages,
            high_water_bytes: backlog.high_water_bytes,
            oldest_ms: backlog.oldest.as_millis() as u64,
            stalls: backlog.stalls,
            stalled_ms: backlog.stalled.as_millis() as u64,
            is_stalled: backlog.is_stalled,
            out_msgs: counts.out_messages,
            out_bytes: counts.out_bytes,
            dropped_messages: (counts.lost_messages > 0).then_some(counts.lost_messages),
            dropped_bytes: (counts.lost_messages > 0).then_some(counts.lost_bytes),
            stop: None,
            reason: None,
            subscriptions: busiest(subscriptions.collect()),
        }
    }
}

/// Those of `subscriptions` with the most deliveries.
fn busiest(mut subscriptions: Vec<SubDetail>) -> Vec<SubDetail> {
    subscriptions.sort_by_key(|subscription| Reverse(subscription.msgs));
    subscriptions.truncate(SUBSCRIPTIONS_MAX);
    subscriptions
}
