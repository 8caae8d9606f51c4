//! What the server says of itself, as plain data: pages that the reference server's tools read,
//! metrics, and more.
//!
//! In: the host with everybody who is here, the facts that were configured, and the time. Out:
//! structures ready to be written as JSON. No socket and no wire; whoever serves HTTP, or answers
//! a request on a subject, takes them from here. Nothing here holds a lock that a message passes:
//! lists of parties are copied out, then read at leisure.

mod accounts;
mod connz;
mod control;
mod facts;
mod healthz;
mod history;
mod json;
mod latency;
mod links;
mod metrics;
mod process;
mod query;
mod requests;
mod rows;
mod slowz;
mod subsz;
mod time;
mod trafficz;
mod tree;
mod varz;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use parking_lot::{Mutex, RwLock};

pub(crate) use connz::Connz;
pub(crate) use facts::Facts;
pub(crate) use history::SAMPLE_INTERVAL;
pub(crate) use json::{compact, pretty};
pub(crate) use query::Query;

use crate::peer::{Host, Latency, Standstills};
use history::History;
use process::Process;
use requests::Requests;
use time::Clock;

/// The account that everybody is in where no accounts are configured.
const GLOBAL_ACCOUNT: &str = "$G";
/// The account of the server's own events.
const SYSTEM_ACCOUNT: &str = "$SYS";

/// The listener for clients, as metrics name it.
pub(crate) const CLIENTS: &str = "client";

/// The certificate of one listener.
pub(crate) struct Certificate {
    /// Which of the few there are.
    pub(crate) listener: &'static str,
    /// Tells when it expires, while connections are encrypted: it may be renewed at any time.
    pub(crate) ends: Box<dyn Fn() -> Option<SystemTime> + Send + Sync>,
}

/// Everything there is to be told of one server.
pub(crate) struct Monitor {
    host: Arc<Host>,
    latency: Arc<Latency>,
    certificates: Vec<Certificate>,
    facts: RwLock<Arc<Facts>>,
    clock: Clock,
    process: Process,
    requests: Requests,
    history: History,
    /// What was told last.
    stood: Mutex<Standstills>,
    /// Events that streams of the monitoring port did not take in time.
    missed: AtomicU64,
}

impl Monitor {
    pub(crate) fn new(
        host: Arc<Host>,
        latency: Arc<Latency>,
        certificates: Vec<Certificate>,
        facts: Facts,
        now: Instant,
    ) -> Arc<Self> {
        Arc::new(Self {
            host,
            latency,
            certificates,
            facts: RwLock::new(Arc::new(facts)),
            clock: Clock::new(now),
            process: Process::new(),
            requests: Requests::default(),
            history: History::default(),
            stood: Mutex::default(),
            missed: AtomicU64::new(0),
        })
    }

    /// What is configured now.
    pub(crate) fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.facts.read())
    }

    /// Lets something else be configured from now on.
    pub(crate) fn set_facts(&self, facts: Facts) {
        *self.facts.write() = Arc::new(facts);
    }

    /// Counts events that a stream did not take in time.
    pub(crate) fn note_missed(&self, events: u64) {
        self.missed.fetch_add(events, Ordering::Relaxed);
    }

    /// When the certificate expires that `listener` shows now, if it shows any.
    fn certificate_ends(&self, listener: &str) -> Option<SystemTime> {
        let mut known = self.certificates.iter();
        let known = known.find(|certificate| certificate.listener == listener)?;
        (known.ends)()
    }

    /// Counts a request for the page at `path`, which is one of ours.
    pub(crate) fn count_request(&self, path: &'static str) {
        self.requests.count(path);
    }
}
