//! Two looks at a server, and what happened between them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::sample::{Connection, Counts, Sample, Server};

/// What is shown.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) server: Server,
    pub(super) rates: Rates,
    pub(super) connections: Vec<Row>,
    pub(super) subjects: Vec<SubjectRow>,
}

/// A connection, and how it fared since the last look.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) connection: Connection,
    pub(super) rates: Rates,
}

/// All subscriptions to one subject in one queue group, of the connections that are listed.
#[derive(Debug, Clone)]
pub(super) struct SubjectRow {
    pub(super) subject: String,
    pub(super) queue: String,
    pub(super) subscriptions: u64,
    pub(super) messages: u64,
    /// Deliveries a second.
    pub(super) rate: f64,
}

/// In a second; `in` is what clients published.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rates {
    pub(super) in_messages: f64,
    pub(super) in_bytes: f64,
    pub(super) out_messages: f64,
    pub(super) out_bytes: f64,
}

/// What connections are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Order {
    /// Messages a second to the client
    To,
    /// Messages a second from the client
    From,
    /// Bytes that wait for the client
    Pending,
    /// Subscriptions
    Subs,
    /// Age
    Cid,
}

impl Order {
    /// What `/connz` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::To => "msgs_to",
            Self::From => "msgs_from",
            Self::Pending => "pending",
            Self::Subs => "subs",
            Self::Cid => "cid",
        }
    }

    /// The one after it, round and round.
    pub(super) fn next(self) -> Self {
        match self {
            Self::To => Self::From,
            Self::From => Self::Pending,
            Self::Pending => Self::Subs,
            Self::Subs => Self::Cid,
            Self::Cid => Self::To,
        }
    }

    fn sort(self, rows: &mut [Row]) {
        let key = |row: &Row| match self {
            Self::To => row.rates.out_messages,
            Self::From => row.rates.in_messages,
            Self::Pending => row.connection.pending_bytes as f64,
            Self::Subs => row.connection.subscriptions as f64,
            Self::Cid => -(row.connection.cid as f64),
        };
        // Those that are alike stay in the order of their age.
        rows.sort_by(|one, other| {
            let largest_first = key(other).total_cmp(&key(one));
            largest_first.then(one.connection.cid.cmp(&other.connection.cid))
        });
    }
}

impl Frame {
    /// What happened from `before` to `now`.
    pub(super) fn between(before: &Sample, now: &Sample, order: Order) -> Self {
        let elapsed = now.at - before.at;
        let known: HashMap<u64, &Connection> = before
            .connections
            .iter()
            .map(|connection| (connection.cid, connection))
            .collect();
        let row = |connection: &Connection| Row {
            rates: match known.get(&connection.cid) {
                Some(old) => Rates::between(old.counts, connection.counts, elapsed),
                None => Rates::default(), // A newcomer: nobody knows since when it counts.
            },
            connection: connection.clone(),
        };
        let mut connections: Vec<Row> = now.connections.iter().map(row).collect();
        order.sort(&mut connections);
        Self {
            rates: Rates::between(before.server.counts, now.server.counts, elapsed),
            server: now.server.clone(),
            subjects: subjects(before, now, elapsed),
            connections,
        }
    }

    /// Puts the connections into another order.
    pub(super) fn sort(&mut self, order: Order) {
        order.sort(&mut self.connections);
    }

    /// Those for which something waits, the slowest first.
    pub(super) fn slow(&self) -> Vec<Row> {
        let waits = |row: &&Row| row.connection.pending_bytes > 0;
        let mut rows: Vec<Row> = self.connections.iter().filter(waits).cloned().collect();
        Order::Pending.sort(&mut rows);
        rows
    }
}

impl Rates {
    fn between(before: Counts, now: Counts, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64().max(1e-3);
        // A server that was restarted counts from zero.
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
        Self {
            in_messages: rate(before.in_messages, now.in_messages),
            in_bytes: rate(before.in_bytes, now.in_bytes),
            out_messages: rate(before.out_messages, now.out_messages),
            out_bytes: rate(before.out_bytes, now.out_bytes),
        }
    }
}

/// All subjects that somebody listens to, the busiest first.
fn subjects(before: &Sample, now: &Sample, elapsed: Duration) -> Vec<SubjectRow> {
    let (old, new) = (totals(before), totals(now));
    let seconds = elapsed.as_secs_f64().max(1e-3);
    let row = |((subject, queue), (subscriptions, messages)): ((String, String), (u64, u64))| {
        let key = (subject, queue);
        // A newcomer has no rate yet; one that a subscriber left has less than before.
        let before = old.get(&key).map_or(messages, |(_, messages)| *messages);
        let (subject, queue) = key;
        SubjectRow {
            subject,
            queue,
            subscriptions,
            messages,
            rate: messages.saturating_sub(before) as f64 / seconds,
        }
    };
    let mut rows: Vec<SubjectRow> = new.into_iter().map(row).collect();
    rows.sort_by(|one, other| {
        let busiest_first = other.rate.total_cmp(&one.rate);
        busiest_first.then(other.messages.cmp(&one.messages))
    });
    rows
}

/// Subscriptions and messages by subject and queue group.
fn totals(sample: &Sample) -> BTreeMap<(String, String), (u64, u64)> {
    let mut totals = BTreeMap::new();
    let all = sample
        .connections
        .iter()
        .flat_map(|connection| &connection.subjects);
    for subscription in all {
        let key = (subscription.subject.clone(), subscription.queue.clone());
        let (subscriptions, messages) = totals.entry(key).or_insert((0, 0));
        *subscriptions += 1;
        *messages += subscription.messages;
    }
    totals
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::sample::Subscription;
    use super::*;

    fn sample(at: Instant, messages: u64) -> Sample {
        let subject = Subscription {
            subject: "a".to_owned(),
            queue: String::new(),
            messages,
        };
        let counts = Counts {
            out_messages: messages,
            ..Counts::default()
        };
        let connection = |cid| Connection {
            cid,
            counts,
            pending_bytes: cid - 1,
            subjects: vec![subject.clone()],
            ..Connection::default()
        };
        Sample {
            at,
            server: Server::default(),
            connections: vec![connection(1), connection(2)],
        }
    }

    #[test]
    fn rates_are_what_happened_between_two_looks() {
        let start = Instant::now();
        let (before, now) = (
            sample(start, 10),
            sample(start + Duration::from_secs(2), 30),
        );
        let frame = Frame::between(&before, &now, Order::Cid);
        assert!((frame.connections[0].rates.out_messages - 10.0).abs() < 1e-9);
        assert_eq!(frame.subjects.len(), 1);
        assert_eq!(
            (frame.subjects[0].subscriptions, frame.subjects[0].messages),
            (2, 60)
        );
        assert!((frame.subjects[0].rate - 20.0).abs() < 1e-9);
        assert_eq!(frame.slow().len(), 1);
        let frame = Frame::between(&before, &now, Order::Pending);
        assert_eq!(frame.connections[0].connection.cid, 2);
        let frame = Frame::between(&now, &before, Order::To);
        assert!(frame.connections[0].rates.out_messages.abs() < 1e-9); // Restarted.
    }
}
