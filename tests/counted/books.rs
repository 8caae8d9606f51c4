//! Books: what a server has counted, and by how much it has risen since somebody looked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use dunlin_server::{Builder, MonitorOptions, Pipe, Server};
use dunlin_tests::{PATIENCE, fetch, fetch_json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::KB;
use crate::BETWEEN_LOOKS;

/// What depends on when a kernel or a reader finds time, and so is expected only where it is meant.
const LOOSE: [&str; 2] = ["publisher_pauses", "reader_stalls"];
/// Which field of `/varz` tells the same as which counter.
const TOLD_TWICE: [(&str, &str); 8] = [
    ("total_connections", "connections_accepted"),
    ("in_msgs", "messages_in"),
    ("in_bytes", "bytes_in"),
    ("out_msgs", "messages_out"),
    ("out_bytes", "bytes_out"),
    ("slow_consumers", "slow_consumers"),
    ("stale_connections", "stale_connections"),
    ("stalled_clients", "publisher_pauses"),
];

/// Counters by their name, without what all names have, and their label.
pub(super) type Counts = BTreeMap<String, f64>;

/// A server, what it had counted when it was last looked at, and which counters have been seen to
/// rise.
pub(super) struct Books {
    pub(super) server: Server,
    pub(super) before: Counts,
    pub(super) named: BTreeSet<String>,
}

impl Books {
    pub(super) async fn open(builder: Builder) -> Self {
        let server = builder.start().await.expect("the server starts");
        Self {
            before: counters(&server).await,
            server,
            named: BTreeSet::new(),
        }
    }

    pub(super) fn monitor(&self) -> std::net::SocketAddr {
        self.server.monitor_addr().expect("it is monitored")
    }

    /// Waits until these have risen by so much since the last time, and nothing else has.
    pub(super) async fn expect(&mut self, expected: &[(&str, f64)]) {
        self.expect_among(expected, &[]).await;
    }

    /// The same, whatever became of others.
    pub(super) async fn expect_among(&mut self, expected: &[(&str, f64)], others: &[&str]) {
        let wanted = expected.iter().map(|(name, by)| (name.to_string(), *by));
        let wanted: Counts = wanted.filter(|(_, by)| *by != 0.0).collect();
        let is_meant = |name: &String| {
            let is_other = |other: &&str| others.contains(other) || LOOSE.contains(other);
            expected.iter().any(|(it, _)| it == name) || !is_other(&&**name)
        };
        let started = Instant::now();
        loop {
            let now = counters(&self.server).await;
            let mut risen = Counts::new();
            for (name, count) in &now {
                let by = count - self.before.get(name).copied().unwrap_or(0.0);
                if by != 0.0 && is_meant(name) && !name.contains("_seconds") {
                    risen.insert(name.clone(), by);
                }
            }
            if risen == wanted {
                self.before = now;
                break;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{risen:?} rose, not {wanted:?}"
            );
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        self.named
            .extend(wanted.keys().map(|name| family(name).to_owned()));
        let varz = fetch_json(self.monitor(), "/varz").await;
        for (field, name) in TOLD_TWICE {
            assert_eq!(varz[field].as_f64(), Some(self.before[name]), "{field}");
        }
    }
}

/// The counters of a server.
pub(super) async fn counters(server: &Server) -> Counts {
    let monitor = server.monitor_addr().expect("it is monitored");
    let page = fetch(monitor, "/metrics").await.body;
    let (mut counts, mut is_counter) = (Counts::new(), false);
    for line in page.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            is_counter = kind.ends_with(" counter");
        }
        if is_counter && !line.starts_with('#') {
            let (name, count) = line.rsplit_once(' ').expect("a name and a number");
            let name = name.trim_start_matches("dunlin_").replacen("_total", "", 1);
            counts.insert(name, count.parse().expect("a number"));
        }
    }
    counts
}

/// A name without its label.
pub(super) fn family(name: &str) -> &str {
    name.split('{').next().unwrap_or(name)
}

pub(super) fn closed(reason: &str) -> String {
    format!("connections_closed{{reason=\"{reason}\"}}")
}

pub(super) fn builder() -> Builder {
    Server::builder().port(0).monitor(MonitorOptions::port(0))
}

/// A reader of `load` in this process, which reads nothing before it is told to.
pub(super) struct Deaf(Pipe);

impl Deaf {
    pub(super) async fn listen(server: &Server) -> Self {
        let mut deaf = Self(server.connect());
        let hello = b"CONNECT {\"verbose\":false}\r\nSUB load 1\r\nPING\r\n";
        deaf.0.write_all(hello).await.expect("the server reads");
        deaf.read("PONG\r\n").await;
        deaf
    }

    /// How many whole messages come before the answer to a PING.
    pub(super) async fn until_pong(&mut self) -> usize {
        self.0
            .write_all(b"PING\r\n")
            .await
            .expect("the server reads");
        whole(&self.read("PONG\r\n").await)
    }

    /// How many whole messages come before the server closes, and their bytes with those of one
    /// that is torn.
    pub(super) async fn until_end(&mut self) -> (usize, usize) {
        let text = self.read("the end").await;
        let words = text.strip_suffix("-ERR 'Slow Consumer'\r\n");
        (whole(&text), words.unwrap_or(&text).len())
    }

    async fn read(&mut self, end: &str) -> String {
        let (mut text, mut piece) = (Vec::new(), vec![0; 64 * KB]);
        while !text.ends_with(end.as_bytes()) {
            let read = tokio::time::timeout(PATIENCE, self.0.read(&mut piece)).await;
            let len = read.expect("it comes in time").expect("a pipe that holds");
            if len == 0 {
                break;
            }
            text.extend_from_slice(&piece[..len]);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Payloads are nothing but `x`.
fn whole(text: &str) -> usize {
    text.matches("x\r\n").count()
}
