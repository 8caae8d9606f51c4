//! `/subsz`: the subscriptions of everybody, and how routing does.

use std::sync::Arc;
use std::time::Instant;

use dunlin_protocol::subject;
use serde::Serialize;

use super::query::Query;
use super::{GLOBAL_ACCOUNT, Monitor, SYSTEM_ACCOUNT};
use crate::peer::{Denied, Ended, Party, Subscription, Waiting};

/// How many entries a page has where nobody asks for a number.
const LIMIT_DEFAULT: i64 = 1024;

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct Subsz {
    server_id: String,
    now: String,
    #[serde(flatten)]
    stats: SublistStats,
    total: usize,
    offset: i64,
    limit: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<SubDetail>,
}

/// How routing does.
#[derive(Debug, Default, Serialize)]
pub(super) struct SublistStats {
    num_subscriptions: u64,
    num_cache: u64,
    num_inserts: u64,
    num_removes: u64,
    num_matches: u64,
    cache_hit_rate: f64,
    max_fanout: u64,
    avg_fanout: f64,
}

/// One subscription.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SubDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_tag: Option<&'static str>,
    pub(super) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    qgroup: Option<String>,
    sid: String,
    pub(super) msgs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u64>,
    cid: u64,
    /// Ours: what was dropped for it since its reader lagged behind, and when it was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_msgs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_bytes: Option<u64>,
}

impl SubDetail {
    pub(super) fn new(subscription: &Subscription, cid: u64) -> Self {
        let max = subscription.max();
        Self {
            account: None,
            account_tag: None,
            subject: text(subscription.filter()),
            qgroup: subscription.queue().map(text),
            sid: text(subscription.sid()),
            msgs: subscription.delivered(),
            max: (max > 0).then_some(max),
            cid,
            dropped_msgs: None,
            dropped_bytes: None,
        }
    }

    /// Of a connection that has left; the reference server names the account of those.
    pub(super) fn ended(ended: &Ended<'_>, cid: u64) -> Self {
        Self {
            account: None,
            account_tag: None,
            subject: text(ended.filter),
            qgroup: ended.queue.map(text),
            sid: text(ended.sid),
            msgs: ended.delivered,
            max: (ended.max > 0).then_some(ended.max),
            cid,
            dropped_msgs: (ended.lost_messages > 0).then_some(ended.lost_messages),
            dropped_bytes: (ended.lost_messages > 0).then_some(ended.lost_bytes),
        }
        .in_account()
    }

    /// With what was dropped for it, and its reader not cut.
    pub(super) fn with_lost(self, lost: Option<&Waiting>) -> Self {
        Self {
            dropped_msgs: lost.map(|lost| lost.messages),
            dropped_bytes: lost.map(|lost| lost.bytes),
            ..self
        }
    }

    /// Without what was lost of it, in messages and bytes, if anything is known of that; it is told
    /// elsewhere.
    pub(super) fn split_lost(mut self) -> (Self, Option<(u64, u64)>) {
        let lost = self.dropped_msgs.take().zip(self.dropped_bytes.take());
        (self, lost)
    }

    /// That is over, while something waits for it.
    pub(super) fn over(sid: &[u8], cid: u64) -> Self {
        Self {
            account: None,
            account_tag: None,
            subject: String::new(),
            qgroup: None,
            sid: text(sid),
            msgs: 0,
            max: None,
            cid,
            dropped_msgs: None,
            dropped_bytes: None,
        }
    }

    /// The same with its account.
    pub(super) fn in_account(self) -> Self {
        Self {
            account: Some(GLOBAL_ACCOUNT),
            account_tag: Some(GLOBAL_ACCOUNT),
            ..self
        }
    }
}

impl Monitor {
    /// # Errors
    ///
    /// An option makes no sense.
    pub(crate) fn subsz(&self, query: &Query<'_>, now: Instant) -> Result<Subsz, String> {
        let is_list_wanted = query.switch("subs")?;
        let offset = query.int("offset")?.max(0);
        let limit = match query.int("limit")? {
            ..=0 => LIMIT_DEFAULT,
            limit => limit,
        };
        let test = query.text("test");
        if !test.is_empty() && !subject::is_valid_literal(test.as_bytes()) {
            return Err(format!(
                "invalid test subject, must be valid publish subject: {test}"
            ));
        }
        let is_empty = match query.text("acc") {
            "" | GLOBAL_ACCOUNT => false,
            SYSTEM_ACCOUNT => true,
            other => return Err(format!("Account {other} does not exist")),
        };
        let (total, list) = match is_list_wanted && !is_empty {
            true => self.subscriptions(test, offset, limit),
            false => (0, Vec::new()),
        };
        Ok(Subsz {
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            stats: match is_empty {
                true => SublistStats::default(),
                false => self.sublist_stats(),
            },
            total,
            offset,
            limit,
            subscriptions_list: list,
        })
    }

    /// One page of all subscriptions, and how many there are in all; with `test`, of those that
    /// cover it. Party by party, so that no lock is held that publishers could meet.
    fn subscriptions(&self, test: &str, offset: i64, limit: i64) -> (usize, Vec<SubDetail>) {
        let mut parties = self.host.table.present();
        parties.sort_unstable_by_key(|party| party.id);
        let wanted = |subscription: &Arc<Subscription>| {
            test.is_empty() || subject::covers(subscription.filter(), test.as_bytes())
        };
        let (mut total, mut list) = (0, Vec::new());
        let end = offset.saturating_add(limit);
        for party in &parties {
            for subscription in owned(party).iter().filter(|it| wanted(it)) {
                if (offset..end).contains(&(total as i64)) {
                    list.push(SubDetail::new(subscription, party.id).in_account());
                }
                total += 1;
            }
        }
        (total, list)
    }

    pub(super) fn sublist_stats(&self) -> SublistStats {
        let statistics = self.host.statistics();
        let (_, removes) = self.host.departures();
        let ratio = |part: u64, whole: u64| match whole {
            0 => 0.0,
            whole => part as f64 / whole as f64,
        };
        let refused = self.host.traffic.denials(Denied::Publish);
        let lookups = statistics.in_messages.saturating_sub(refused);
        SublistStats {
            num_subscriptions: statistics.subscriptions,
            num_cache: 0,
            num_inserts: statistics.subscriptions + removes,
            num_removes: removes,
            num_matches: lookups,
            cache_hit_rate: ratio(lookups.saturating_sub(statistics.index_lookups), lookups),
            max_fanout: statistics.fanout_max,
            avg_fanout: ratio(statistics.out_messages, lookups),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The subscriptions of `party`, in an order that stays.
pub(super) fn owned(party: &Party) -> Vec<Arc<Subscription>> {
    let mut list = party.subscriptions();
    // Clients number them; a longer number is a larger one.
    list.sort_unstable_by(|a, b| (a.sid().len(), a.sid()).cmp(&(b.sid().len(), b.sid())));
    list
}
