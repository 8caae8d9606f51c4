//! The text protocol: what NATS clients and people with `nc` speak. The contract is `protocol.md`.

mod about;
mod arrival;
mod full;
mod handshake;
mod lag;
mod login;
mod mood;
mod person;
mod pings;
mod runs;
mod session;
mod sink;
mod terms;
mod told;
mod violations;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dunlin_protocol::Limits;
use parking_lot::RwLock;

use crate::link::{Arrival, Background, Door, Lag, LagRule, Origin};
use crate::peer::{ConnectionType, Host};
use arrival::NatsArrival;
pub(crate) use terms::Terms;

/// What this door obeys.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The bounds of a line and of a message, in bytes, and whether headers are on.
    pub(crate) limits: Limits,
    /// How often a quiet peer is asked whether it is alive; zero asks never.
    pub(crate) ping_interval: Duration,
    /// How many PINGs may stand unanswered.
    pub(crate) ping_max: u32,
    /// Where HTTP is spoken, to tell who speaks it here.
    pub(crate) http_port: Option<u16>,
    /// What becomes of messages for a reader that does not keep up.
    pub(crate) lag: Lag,
    /// Where that is decided by the subject; the first that covers it counts.
    pub(crate) lag_rules: Arc<[LagRule]>,
}

/// What is true of everybody who comes in by one listener.
#[derive(Debug, Clone, Default)]
pub(crate) struct Way {
    pub(crate) kind: ConnectionType,
    /// Host and port as INFO tells them.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    /// A client certificate is demanded.
    pub(crate) is_verified: bool,
    /// The certificate says which user it is; where connections are not encrypted, a user without
    /// a password is nobody then.
    pub(crate) maps_certificates: bool,
    /// How often a quiet peer is asked whether it is alive, where it is not as for everybody.
    pub(crate) ping_interval: Option<Duration>,
    /// What becomes of messages for a reader that does not keep up, where it is not as for
    /// everybody.
    pub(crate) lag: Option<Lag>,
}

/// What INFO says of encryption.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Encryption {
    #[default]
    None,
    /// The client may ask for it.
    Available,
    Required,
}

/// The text protocol, whatever listener it is spoken behind.
pub(crate) struct Nats {
    host: Arc<Host>,
    background: Arc<dyn Background>,
    /// What holds now; sessions keep what held when they last looked.
    terms: RwLock<Arc<Terms>>,
    /// How often the server has answered for itself.
    answers: AtomicU64,
}

/// What a reader is told that is cut because it reads too slowly.
pub(crate) fn slow_words() -> Vec<u8> {
    sink::slow_words()
}

/// The account that everybody is in where no accounts are configured.
const GLOBAL_ACCOUNT: &str = "$G";

impl Nats {
    pub(crate) fn new(
        host: Arc<Host>,
        background: Arc<dyn Background>,
        terms: Arc<Terms>,
    ) -> Arc<Self> {
        Arc::new(Self {
            host,
            background,
            terms: RwLock::new(terms),
            answers: AtomicU64::new(0),
        })
    }

    /// The number of the next answer that the server gives for itself.
    fn next_answer(&self) -> u64 {
        self.answers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What holds now.
    pub(crate) fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.read())
    }

    /// Lets something else hold; sessions see it when they are notified.
    pub(crate) fn set_terms(&self, terms: Arc<Terms>) {
        *self.terms.write() = terms;
    }
}

/// The door as one listener holds it.
pub(crate) struct NatsDoor {
    nats: Arc<Nats>,
    /// What holds for those who come now.
    way: RwLock<Arc<Way>>,
}

impl NatsDoor {
    pub(crate) fn new(nats: &Arc<Nats>, way: Way) -> Arc<Self> {
        Arc::new(Self {
            nats: Arc::clone(nats),
            way: RwLock::new(Arc::new(way)),
        })
    }

    /// What holds for those who come now.
    pub(crate) fn way(&self) -> Arc<Way> {
        Arc::clone(&self.way.read())
    }

    /// Lets something else hold for those who come from now on.
    pub(crate) fn set_way(&self, way: Way) {
        *self.way.write() = Arc::new(way);
    }
}

impl Door for NatsDoor {
    fn arrive(&self, origin: Origin, now: Instant) -> Box<dyn Arrival> {
        Box::new(NatsArrival::new(&self.nats, &self.way(), origin, now))
    }
}
