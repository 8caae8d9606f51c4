//! `/connz`: who is here, who was here lately. The fields, their types and the options are the
//! reference server's.
//!
//! A page is made in two steps: every connection is looked at once for what it is sorted by, and
//! only those on the page are described.

mod options;
mod sort;

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

pub(crate) use options::Options;
use options::{State, Subs};

use super::query::Query;
use super::subsz::{SubDetail, owned};
use super::time::{round_trip, uptime};
use super::{GLOBAL_ACCOUNT, Monitor};
use crate::peer::{Closed, ConnectionType, Greeting, Party, Secured, Subscription};

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct Connz {
    server_id: String,
    now: String,
    num_connections: usize,
    total: usize,
    offset: i64,
    limit: i64,
    /// None where no such account exists.
    connections: Option<Vec<Connection>>,
}

/// One connection.
#[derive(Debug, Serialize)]
struct Connection {
    cid: u64,
    kind: &'static str,
    #[serde(rename = "type")]
    type_: &'static str,
    ip: String,
    port: u16,
    start: String,
    last_activity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt: Option<String>,
    uptime: String,
    idle: String,
    pending_bytes: usize,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    stalls: u64,
    /// Ours: what the reader lost, when it was cut or before.
    #[serde(skip_serializing_if = "is_zero")]
    dropped_msgs: u64,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_bytes: u64,
    subscriptions: usize,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    lang: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cipher_suite: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tls_peer_certs: Vec<Certificate>,
    #[serde(skip_serializing_if = "is_false")]
    tls_first: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorized_user: Option<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list_detail: Vec<SubDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_tag: Option<&'static str>,
}

/// What a client showed of itself when its connection was encrypted.
#[derive(Debug, Serialize)]
struct Certificate {
    #[serde(skip_serializing_if = "String::is_empty")]
    subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    spki_sha256: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    cert_sha256: String,
}

/// A connection that may come on the page.
struct Row {
    party: Arc<Party>,
    closed: Option<Arc<Closed>>,
}

impl Connz {
    /// # Errors
    ///
    /// As for [`Options::new`].
    pub(crate) fn options(query: &Query<'_>) -> Result<Options, String> {
        Options::new(query)
    }
}

impl Monitor {
    pub(crate) fn connz(&self, options: &Options, now: Instant) -> Connz {
        if !options.account.is_empty() && options.account != GLOBAL_ACCOUNT {
            return Connz {
                server_id: String::new(),
                now: self.clock.text(now),
                num_connections: 0,
                total: 0,
                offset: options.offset,
                limit: options.limit,
                connections: None,
            };
        }
        let mut rows = self.rows(options.state);
        let total = rows.len();
        rows.retain(|row| row.is_wanted(options));
        let rows = sort::sorted(rows, options.sort, now);
        let start = usize::try_from(options.offset).unwrap_or(usize::MAX);
        let count = usize::try_from(options.limit).unwrap_or(usize::MAX);
        let page = rows.iter().skip(start).take(count);
        let connections: Vec<_> = page.map(|row| self.describe(row, options, now)).collect();
        Connz {
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            num_connections: connections.len(),
            total,
            offset: options.offset,
            limit: options.limit,
            connections: Some(connections),
        }
    }

    fn rows(&self, state: State) -> Vec<Row> {
        let mut rows = Vec::new();
        if state != State::Closed {
            let present = self.host.table.present().into_iter();
            rows.extend(present.map(|party| Row {
                party,
                closed: None,
            }));
        }
        if state != State::Open {
            let closed = self.host.table.closed().into_iter();
            rows.extend(closed.map(|closed| Row {
                party: Arc::clone(&closed.party),
                closed: Some(closed),
            }));
        }
        rows
    }

    fn describe(&self, row: &Row, options: &Options, now: Instant) -> Connection {
        let party = &row.party;
        let Greeting {
            name,
            language,
            version,
            user,
        } = Arc::unwrap_or_clone(party.greeting().unwrap_or_default());
        let (counts, end) = (party.counts(), row.end(now));
        let secured = party.secured().unwrap_or_default();
        let certificates = options.auth.then(|| certificates(&secured));
        let (names, details) = row.subscriptions(options.subs);
        let is_user = options.auth && !user.is_empty();
        let is_known = options.auth && row.closed.is_none();
        let (dropped_msgs, dropped_bytes) = row.lost();
        Connection {
            cid: party.id,
            kind: "Client",
            type_: kind(party.kind()),
            ip: party
                .address
                .map_or_else(String::new, |at| at.ip().to_string()),
            port: party.address.map_or(0, |at| at.port()),
            start: self.clock.text(party.opened),
            last_activity: self.clock.text(party.active()),
            stop: row.closed.as_ref().map(|closed| self.clock.text(closed.at)),
            reason: row.reason().map(|reason| reason.to_string()),
            rtt: party.round_trip().map(round_trip),
            uptime: uptime(end.saturating_duration_since(party.opened)),
            idle: uptime(end.saturating_duration_since(party.active())),
            pending_bytes: row.pending_bytes(now),
            in_msgs: counts.in_messages,
            out_msgs: counts.out_messages,
            in_bytes: counts.in_bytes,
            out_bytes: counts.out_bytes,
            stalls: counts.pauses,
            dropped_msgs: counts.lost_messages + dropped_msgs,
            dropped_bytes: counts.lost_bytes + dropped_bytes,
            subscriptions: row.subscription_count(),
            name,
            lang: language,
            version,
            tls_version: (!secured.version.is_empty()).then_some(secured.version),
            tls_cipher_suite: (!secured.cipher.is_empty()).then_some(secured.cipher),
            tls_peer_certs: certificates.unwrap_or_default(),
            tls_first: secured.is_first,
            authorized_user: is_user.then_some(user),
            subscriptions_list: names,
            subscriptions_list_detail: details,
            name_tag: is_known.then_some(GLOBAL_ACCOUNT),
        }
    }
}

impl Row {
    fn is_wanted(&self, options: &Options) -> bool {
        let is_user = || {
            let greeting = self.party.greeting().unwrap_or_default();
            *greeting.user == *options.user
        };
        (options.cid == 0 || self.party.id == options.cid)
            && options.mqtt_client.is_empty() // Nobody speaks MQTT here.
            && (options.user.is_empty() || is_user())
    }

    /// Until when it was here.
    fn end(&self, now: Instant) -> Instant {
        self.closed.as_ref().map_or(now, |closed| closed.at)
    }

    fn reason(&self) -> Option<crate::peer::Reason> {
        let closed = self.closed.as_ref();
        closed.map(|closed| closed.departure.reason)
    }

    /// What it was cut for, in messages and bytes.
    fn lost(&self) -> (u64, u64) {
        let closed = self.closed.as_ref();
        closed.map_or((0, 0), |closed| {
            let departure = &closed.departure;
            (departure.dropped_messages, departure.dropped_bytes)
        })
    }

    fn pending_bytes(&self, now: Instant) -> usize {
        match &self.closed {
            Some(closed) => {
                let backlog = closed.departure.backlog.as_deref();
                backlog.map_or(0, |backlog| backlog.pending_bytes)
            }
            None => self
                .party
                .backlog(now)
                .map_or(0, |backlog| backlog.pending_bytes),
        }
    }

    fn subscription_count(&self) -> usize {
        match &self.closed {
            Some(closed) => closed.departure.subscription_count,
            None => self.party.subscription_count(),
        }
    }

    /// Its subscriptions by name, or in detail.
    fn subscriptions(&self, wanted: Subs) -> (Vec<String>, Vec<SubDetail>) {
        if wanted == Subs::Count {
            return (Vec::new(), Vec::new());
        }
        let cid = self.party.id;
        let details: Vec<_> = match &self.closed {
            Some(closed) => {
                let packed = closed.subscriptions();
                let ended = packed.iter();
                ended.map(|it| SubDetail::ended(&it, cid)).collect()
            }
            None => {
                let (list, lost) = (owned(&self.party), self.party.lost().by_sid);
                let detail =
                    |it: &Arc<Subscription>| SubDetail::new(it, cid).with_lost(lost.get(it.sid()));
                list.iter().map(detail).collect()
            }
        };
        match wanted {
            Subs::Detail => (Vec::new(), details),
            _ => (
                details.into_iter().map(|it| it.subject).collect(),
                Vec::new(),
            ),
        }
    }
}

fn certificates(secured: &Secured) -> Vec<Certificate> {
    let shown = secured.certificates.iter();
    shown
        .map(|[subject, key, whole]| Certificate {
            subject: subject.clone(),
            spki_sha256: key.clone(),
            cert_sha256: whole.clone(),
        })
        .collect()
}

fn kind(kind: ConnectionType) -> &'static str {
    match kind {
        ConnectionType::Standard | ConnectionType::InProcess => "nats",
        ConnectionType::Websocket => "websocket",
    }
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !value
}
