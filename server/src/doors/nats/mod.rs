//! The text protocol: what NATS clients and people with `nc` speak. The contract is `protocol.md`.

mod full;
mod handshake;
mod pings;
mod session;
mod sink;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_protocol::{Info, Limits};

use crate::link::{Door, Outbox, Session};
use crate::peer::Host;
use session::TextSession;

/// What this door obeys.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The bounds of a line and of a message, in bytes, and whether headers are on.
    pub(crate) limits: Limits,
    /// How often a quiet peer is asked whether it is alive; zero asks never.
    pub(crate) ping_interval: Duration,
    /// How many PINGs may stand unanswered.
    pub(crate) ping_max: u32,
}

/// The door behind a listener for the text protocol.
pub(crate) struct Nats {
    host: Arc<Host>,
    settings: Settings,
    /// INFO as everybody gets it, but for what concerns one connection.
    info: Info,
}

impl Nats {
    pub(crate) fn new(host: Arc<Host>, settings: Settings, info: Info) -> Arc<Self> {
        Arc::new(Self {
            host,
            settings,
            info,
        })
    }

    fn info_for(&self, client_id: u64, peer_ip: Option<IpAddr>) -> Box<Info> {
        let client_ip = peer_ip.map(|ip| ip.to_string()).unwrap_or_default();
        Box::new(Info {
            client_id,
            client_ip,
            ..self.info.clone()
        })
    }
}

/// The door as listeners hold it.
pub(crate) struct NatsDoor(pub(crate) Arc<Nats>);

impl Door for NatsDoor {
    fn open(&self, outbox: Arc<Outbox>, peer_ip: Option<IpAddr>, now: Instant) -> Box<dyn Session> {
        let nats = Arc::clone(&self.0);
        let (id, tally) = nats.host.table.enter();
        let info = nats.info_for(id, peer_ip);
        match tally {
            Some(tally) => Box::new(TextSession::new(nats, outbox, tally, info, now)),
            None => Box::new(full::FullHouse::new(outbox, info, now)),
        }
    }
}
