//! `/slowz`: who reads too slowly, how much waits for it and since when, and who was cut for it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::Monitor;
use super::query::Query;
use super::subsz::{SubDetail, owned};
use crate::peer::{Backlog, Closed, Counts, Party, Queued, Waiting};

/// How many of each list are shown where nobody asks for a number.
const LIMIT_DEFAULT: i64 = 100;
/// How many subscriptions of one reader are shown.
const SUBSCRIPTIONS_MAX: usize = 5;
/// How many of one that was asked for.
const SUBSCRIPTIONS_OF_ONE_MAX: usize = 1024;
/// How much of what waits is looked at for one page, in bytes of text: a tenth of a second's work.
const LOOK_MAX: usize = 64 * 1024 * 1024;
/// How much where somebody asks for one reader.
const LOOK_AT_ONE_MAX: usize = 4 * LOOK_MAX;

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
    /// What waits, or was lost by a cut, and is not told of the subscriptions: lines of the server,
    /// the rest of a message whose head has gone out, what was not looked at, what is not shown.
    unattributed_bytes: u64,
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
    /// Those for which the most waits, or was lost, then those that received the most.
    subscriptions: Vec<Share>,
}

/// One subscription, and its share of what waits.
#[derive(Debug, Serialize)]
struct Share {
    #[serde(flatten)]
    subscription: SubDetail,
    pending_messages: u64,
    pending_bytes: u64,
    oldest_ms: u64,
    /// By a cut, or for one that lagged behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_messages: Option<u64>,
    /// On the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_bytes: Option<u64>,
}

/// How much a page may look at, and show.
struct Reach {
    look_bytes: usize,
    subscriptions_max: usize,
}

impl Monitor {
    /// # Errors
    ///
    /// An option makes no sense.
    pub(crate) fn slowz(&self, query: &Query<'_>, now: Instant) -> Result<Slowz, String> {
        let mut reach = Reach {
            look_bytes: LOOK_MAX,
            subscriptions_max: SUBSCRIPTIONS_MAX,
        };
        let cid = query.uint64("cid")?;
        if cid > 0 {
            reach.look_bytes = LOOK_AT_ONE_MAX;
            reach.subscriptions_max = SUBSCRIPTIONS_OF_ONE_MAX;
        }
        let limit = match query.int("limit")? {
            ..=0 => LIMIT_DEFAULT,
            limit => limit,
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.slow_readers(cid, limit, reach, now))
    }

    /// The same for those who look all the time: no more than `look_bytes` of what waits is looked
    /// at.
    pub(crate) fn slow_now(&self, limit: usize, look_bytes: usize, now: Instant) -> Slowz {
        let reach = Reach {
            look_bytes,
            subscriptions_max: SUBSCRIPTIONS_MAX,
        };
        self.slow_readers(0, limit, reach, now)
    }

    /// Those who are slow, or the one asked for, slow or not.
    fn slow_readers(&self, cid: u64, limit: usize, mut reach: Reach, now: Instant) -> Slowz {
        let present = self.host.table.present();
        let waiting = present
            .iter()
            .filter(|party| cid == 0 || party.id == cid)
            .filter_map(|party| Some((party, party.backlog(now)?)));
        let is_slow = |(party, backlog): &(&Arc<Party>, Backlog)| {
            cid > 0
                || backlog.pending_bytes > 0
                || backlog.stalls > 0
                || party.counts().lost_messages > 0
        };
        let mut slow: Vec<_> = waiting.filter(is_slow).collect();
        slow.sort_unstable_by_key(|(party, backlog)| {
            (
                Reverse(backlog.pending_bytes),
                Reverse(backlog.stalled),
                party.id,
            )
        });
        let closed = self.host.table.closed();
        let cut = closed.iter().rev();
        let cut = cut.filter(|closed| closed.departure.reason.is_slow_consumer());
        let cut = cut.filter(|closed| cid == 0 || closed.party.id == cid);
        Slowz {
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            total: slow.len(),
            slow: slow
                .iter()
                .take(limit)
                .map(|(party, backlog)| reach.reader(party, backlog, now))
                .collect(),
            cut: cut
                .take(limit)
                .map(|closed| self.cut(closed, reach.subscriptions_max))
                .collect(),
        }
    }

    fn cut(&self, closed: &Closed, subscriptions_max: usize) -> Reader {
        let departure = &closed.departure;
        let backlog = departure.backlog.as_deref().copied().unwrap_or_default();
        let packed = closed.subscriptions();
        let mut ended: Vec<_> = packed.iter().collect();
        ended.sort_by_key(|it| Reverse((it.lost_messages, it.delivered)));
        ended.truncate(subscriptions_max);
        let told: u64 = ended.iter().map(|it| it.lost_bytes).sum();
        let counts = closed.party.counts();
        let dropped_bytes = departure.dropped_bytes + counts.lost_bytes;
        Reader {
            dropped_messages: Some(departure.dropped_messages + counts.lost_messages),
            dropped_bytes: Some(dropped_bytes),
            unattributed_bytes: dropped_bytes.saturating_sub(told),
            stop: Some(self.clock.text(closed.at)),
            reason: Some(departure.reason.to_string()),
            subscriptions: ended
                .iter()
                .map(|it| Share::lost(SubDetail::ended(it, closed.party.id)))
                .collect(),
            ..Reader::new(&closed.party, &backlog, &counts)
        }
    }
}

impl Reach {
    /// A reader that is here, with what waits for its subscriptions as far as there is reach left.
    fn reader(&mut self, party: &Party, backlog: &Backlog, now: Instant) -> Reader {
        let queued = match backlog.pending_bytes {
            0 => Queued::default(),
            _ => party.queued(self.look_bytes, now),
        };
        self.look_bytes = self.look_bytes.saturating_sub(queued.looked_at);
        let subscriptions = shares(party, queued, self.subscriptions_max);
        let told: u64 = subscriptions.iter().map(|it| it.pending_bytes).sum();
        Reader {
            unattributed_bytes: (backlog.pending_bytes as u64).saturating_sub(told),
            subscriptions,
            ..Reader::new(party, backlog, &party.counts())
        }
    }
}

impl Reader {
    /// Without its subscriptions.
    fn new(party: &Party, backlog: &Backlog, counts: &Counts) -> Self {
        let greeting = party.greeting().unwrap_or_default();
        Self {
            cid: party.id,
            name: greeting.name.clone(),
            user: greeting.user.clone(),
            address: party.address.map_or_else(String::new, |at| at.to_string()),
            pending_bytes: backlog.pending_bytes,
            pending_messages: backlog.pending_messages,
            high_water_bytes: backlog.high_water_bytes,
            oldest_ms: backlog.oldest.as_millis() as u64,
            unattributed_bytes: backlog.pending_bytes as u64,
            stalls: backlog.stalls,
            stalled_ms: backlog.stalled.as_millis() as u64,
            is_stalled: backlog.is_stalled,
            out_msgs: counts.out_messages,
            out_bytes: counts.out_bytes,
            dropped_messages: (counts.lost_messages > 0).then_some(counts.lost_messages),
            dropped_bytes: (counts.lost_messages > 0).then_some(counts.lost_bytes),
            stop: None,
            reason: None,
            subscriptions: Vec::new(),
        }
    }
}

impl Share {
    /// With what was dropped for it, if that is known of the subscription.
    fn new(subscription: SubDetail, waiting: Waiting) -> Self {
        let (subscription, lost) = subscription.split_lost();
        Self {
            subscription,
            pending_messages: waiting.messages,
            pending_bytes: waiting.bytes,
            oldest_ms: waiting.oldest.as_millis() as u64,
            dropped_messages: lost.map(|(messages, _)| messages),
            dropped_bytes: lost.map(|(_, bytes)| bytes),
        }
    }

    /// Of a reader that was cut.
    fn lost(subscription: SubDetail) -> Self {
        let share = Self::new(subscription, Waiting::default());
        Self {
            dropped_messages: share.dropped_messages.or(Some(0)),
            dropped_bytes: share.dropped_bytes.or(Some(0)),
            ..share
        }
    }
}

/// At most `max` subscriptions of `party`, those for which the most waits first, then those that
/// lost the most; what is `queued` or was dropped for one that is over since stands without a subject.
fn shares(party: &Party, queued: Queued, max: usize) -> Vec<Share> {
    let mut by_sid: HashMap<Box<[u8]>, (Waiting, Option<Waiting>)> = HashMap::new();
    for (sid, waiting) in queued.by_sid {
        by_sid.insert(sid, (waiting, None));
    }
    for (sid, lost) in party.lost().by_sid {
        by_sid.entry(sid).or_default().1 = Some(lost);
    }
    let mut known: Vec<_> = owned(party)
        .into_iter()
        .map(|it| (by_sid.remove(it.sid()).unwrap_or_default(), it))
        .collect();
    known.sort_by_key(|((waiting, lost), it)| {
        let lost = lost.map_or(0, |lost| lost.messages);
        Reverse((waiting.bytes, lost, it.delivered()))
    });
    known.truncate(max);
    let share = |detail: SubDetail, waiting, lost: Option<Waiting>| {
        Share::new(detail.with_lost(lost.as_ref()), waiting)
    };
    let known = known
        .into_iter()
        .map(|((waiting, lost), it)| share(SubDetail::new(&it, party.id), waiting, lost));
    let over = by_sid
        .into_iter()
        .map(|(sid, (waiting, lost))| share(SubDetail::over(&sid, party.id), waiting, lost));
    let mut shares: Vec<_> = known.chain(over).collect();
    shares.sort_by_key(|it| {
        let lost = it.dropped_messages.unwrap_or_default();
        Reverse((it.pending_bytes, lost, it.subscription.msgs))
    });
    shares.truncate(max);
    shares
}
