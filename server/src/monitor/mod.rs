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
use std::time::Instant;

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

/// Everything there is to be told of one server.
pub(crate) struct Monitor {
    host: Arc<Host>,
    latency: Arc<Latency>,
    facts: RwLock<Arc<Facts>>,
    clock: Clock,
    process: Process,
    requests: Requests,
    history: History,
    /// What was told last.
    stood: Mutex<Standstills>,
}

impl Monitor {
    pub(crate) fn new(
        host: Arc<Host>,
        latency: Arc<Latency>,
        facts: Facts,
        now: Instant,
    ) -> Arc<Self> {
        Arc::new(Self {
            host,
            latency,
            facts: RwLock::new(Arc::new(facts)),
            clock: Clock::new(now),
            process: Process::new(),
            requests: Requests::default(),
            history: History::default(),
            stood: Mutex::default(),
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

    /// Counts a request for the page at `path`, which is one of ours.
    pub(crate) fn count_request(&self, path: &'static str) {
        self.requests.count(path);
    }
}
