//! Connections as a table for people: found by what they are called, sorted by any column, a page
//! at a time. Ten thousand of them cost one look each, and only a page is written.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::Monitor;
use super::query::Query;
use crate::peer::{Backlog, Counts, Greeting, Party};

/// The most rows of one answer.
const LIMIT_MAX: i64 = 500;
/// How many rows where nobody asks for a number.
const LIMIT_DEFAULT: i64 = 50;

/// One page of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Rows {
    /// How many connections there are, and how many of them were found.
    total: usize,
    found: usize,
    offset: i64,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    cid: u64,
    name: Box<str>,
    user: Box<str>,
    lang: Box<str>,
    version: Box<str>,
    address: String,
    uptime_s: u64,
    idle_s: u64,
    rtt_us: u64,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    subscriptions: usize,
    pending_bytes: usize,
    is_stalled: bool,
    oldest_ms: u64,
}

/// A connection that was looked at.
struct Seen {
    party: Arc<Party>,
    greeting: Arc<Greeting>,
    counts: Counts,
    backlog: Backlog,
    subscriptions: usize,
}

impl Monitor {
    /// # Errors
    ///
    /// An option makes no sense.
    pub(crate) fn connection_rows(&self, query: &Query<'_>, now: Instant) -> Result<Rows, String> {
        let offset = query.int("offset")?.max(0);
        let limit = match query.int("limit")? {
            ..=0 => LIMIT_DEFAULT,
            limit => limit.min(LIMIT_MAX),
        };
        let is_descending = query.switch("desc")?;
        let key = key(query.text("sort"))?;
        let wanted = query.text("search").to_lowercase();
        let present = self.host.table.present();
        let total = present.len();
        let seen = present.into_iter().map(|party| Seen::new(party, now));
        let mut found: Vec<_> = seen.filter(|seen| seen.matches(&wanted)).collect();
        match is_descending {
            true => found.sort_by_cached_key(|seen| Reverse((key(seen, now), seen.party.id))),
            false => found.sort_by_cached_key(|seen| (key(seen, now), seen.party.id)),
        }
        let page = found.iter().skip(offset as usize).take(limit as usize);
        Ok(Rows {
            total,
            found: found.len(),
            offset,
            rows: page.map(|seen| seen.row(now)).collect(),
        })
    }
}

/// What a column is sorted by.
type Key = fn(&Seen, Instant) -> (u128, Box<str>);

fn key(name: &str) -> Result<Key, String> {
    Ok(match name {
        "" | "cid" => |seen, _| number(seen.party.id),
        "name" => |seen, _| (0, seen.greeting.name.to_lowercase().into()),
        "user" => |seen, _| (0, seen.greeting.user.to_lowercase().into()),
        "address" => |seen, _| (0, seen.address().into()),
        "uptime" => |seen, now| {
            (
                now.saturating_duration_since(seen.party.opened).as_nanos(),
                "".into(),
            )
        },
        "idle" => |seen, now| {
            (
                now.saturating_duration_since(seen.party.active())
                    .as_nanos(),
                "".into(),
            )
        },
        "rtt" => |seen, _| {
            (
                seen.party.round_trip().unwrap_or_default().as_nanos(),
                "".into(),
            )
        },
        "in_msgs" => |seen, _| number(seen.counts.in_messages),
        "out_msgs" => |seen, _| number(seen.counts.out_messages),
        "in_bytes" => |seen, _| number(seen.counts.in_bytes),
        "out_bytes" => |seen, _| number(seen.counts.out_bytes),
        "subscriptions" => |seen, _| number(seen.subscriptions as u64),
        "pending_bytes" => |seen, _| number(seen.backlog.pending_bytes as u64),
        _ => return Err(format!("invalid sorting option: {name}")),
    })
}

fn number(value: u64) -> (u128, Box<str>) {
    (value.into(), "".into())
}

impl Seen {
    fn new(party: Arc<Party>, now: Instant) -> Self {
        Self {
            greeting: party.greeting().unwrap_or_default(),
            counts: party.counts(),
            backlog: party.backlog(now).unwrap_or_default(),
            subscriptions: party.subscription_count(),
            party,
        }
    }

    fn address(&self) -> String {
        self.party
            .address
            .map_or_else(String::new, |at| at.to_string())
    }

    /// Whether `wanted`, in lower case, is in what it is known by.
    fn matches(&self, wanted: &str) -> bool {
        let Greeting {
            name,
            user,
            language,
            ..
        } = &*self.greeting;
        let contains = |text: &str| text.to_lowercase().contains(wanted);
        wanted.is_empty()
            || self.party.id.to_string() == wanted
            || contains(name)
            || contains(user)
            || contains(language)
            || contains(&self.address())
    }

    fn row(&self, now: Instant) -> Row {
        let Greeting {
            name,
            user,
            language,
            version,
        } = Greeting::clone(&self.greeting);
        Row {
            cid: self.party.id,
            name,
            user,
            lang: language,
            version,
            address: self.address(),
            uptime_s: now.saturating_duration_since(self.party.opened).as_secs(),
            idle_s: now.saturating_duration_since(self.party.active()).as_secs(),
            rtt_us: self.party.round_trip().unwrap_or_default().as_micros() as u64,
            in_msgs: self.counts.in_messages,
            out_msgs: self.counts.out_messages,
            in_bytes: self.counts.in_bytes,
            out_bytes: self.counts.out_bytes,
            subscriptions: self.subscriptions,
            pending_bytes: self.backlog.pending_bytes,
            is_stalled: self.backlog.is_stalled,
            oldest_ms: self.backlog.oldest.as_millis() as u64,
        }
    }
}
