//! A connection between its accept and its first word.

use std::sync::Arc;
use std::time::Instant;

use dunlin_protocol::{ErrText, Info, encode};

use super::full::FullHouse;
use super::login::{Certificate, Facts};
use super::session::TextSession;
use super::{Encryption, Nats, Terms, Way};
use crate::link::{Arrival, Origin, Outbox, Reason, Secured, Session};
use crate::peer::{Full, Loss, Seat, Tally, nonce};

pub(super) struct NatsArrival {
    pub(super) nats: Arc<Nats>,
    pub(super) terms: Arc<Terms>,
    pub(super) way: Arc<Way>,
    pub(super) origin: Origin,
    pub(super) info: Box<Info>,
    pub(super) id: u64,
    pub(super) is_greeted: bool,
    /// None where there is no room.
    tally: Option<Arc<Tally>>,
    seat: Option<Seat>,
    /// What is said to somebody for whom there is no room.
    refusal: ErrText<'static>,
}

impl NatsArrival {
    pub(super) fn new(nats: &Arc<Nats>, way: &Arc<Way>, origin: Origin) -> Self {
        let terms = nats.terms();
        let (id, mut tally) = nats.host.table.enter();
        let address = origin.address.map(|address| address.ip());
        let seat = address.map_or(Ok(None), |address| nats.host.ledgers.sit_from(address));
        let seat = seat.unwrap_or_else(|Full| {
            tally = None;
            nats.host.table.turn_away(id);
            None
        });
        let mut info = terms.info_for(way, id, &origin);
        if terms.access(way).wants_signatures() {
            info.nonce = nonce();
        }
        Self {
            nats: Arc::clone(nats),
            way: Arc::clone(way),
            is_greeted: false,
            terms,
            origin,
            info,
            id,
            tally,
            seat,
            refusal: ErrText::MaximumConnections,
        }
    }

    /// The connection's place among those from its address.
    pub(super) fn take_seat(&mut self) -> Option<Seat> {
        self.seat.take()
    }

    /// What the connection can be known by, if there is anything.
    pub(super) fn facts(&mut self) -> Option<Box<Facts>> {
        let secured = self.origin.secured.as_deref();
        // Who comes without a certificate where it counts is nobody, whatever it says.
        let counts = self.way.maps_certificates && self.way.encryption != Encryption::None;
        let certificate = counts.then(|| Certificate {
            names: secured.map_or_else(Vec::new, |secured| secured.names.clone()),
            subject: secured.map_or_else(String::new, |secured| secured.subject.clone()),
        });
        let facts = Facts {
            nonce: self.info.nonce.clone(),
            cookies: self.origin.cookies.take().map(|cookies| *cookies),
            certificate,
        };
        let is_any =
            !facts.nonce.is_empty() || facts.cookies.is_some() || facts.certificate.is_some();
        is_any.then(|| Box::new(facts))
    }
}

impl Arrival for NatsArrival {
    fn greeting(&mut self) -> Vec<u8> {
        self.is_greeted = true;
        let mut line = Vec::with_capacity(512);
        encode::info(&mut line, &self.info);
        line
    }

    fn open(
        mut self: Box<Self>,
        outbox: Arc<Outbox>,
        secured: Option<Box<Secured>>,
        now: Instant,
    ) -> Box<dyn Session> {
        self.origin.secured = secured.or(self.origin.secured.take());
        match self.tally.take() {
            Some(tally) => Box::new(TextSession::new(*self, outbox, tally, now)),
            None => {
                let info = (!self.is_greeted).then_some(self.info);
                Box::new(FullHouse::new(outbox, info, self.refusal, now))
            }
        }
    }

    fn is_admitted(&self) -> bool {
        self.tally.is_some()
    }

    fn throttle(&mut self) {
        if self.tally.take().is_some() {
            self.refusal = ErrText::Throttled;
            self.seat = None;
            self.nats.host.table.turn_away(self.id);
        }
    }

    fn turn_away(self: Box<Self>, reason: Reason, why: Option<String>) {
        let cid = self.id;
        match why {
            Some(why) => {
                let address = self.origin.address;
                let address = address.map_or_else(String::new, |address| address.to_string());
                tracing::error!(cid, %address, "TLS handshake error: {why}");
            }
            None => tracing::debug!(cid, "{reason}"),
        }
        let loss = Loss {
            is_failed_handshake: reason == Reason::TlsHandshakeFailure,
            ..Loss::default()
        };
        self.nats.host.table.leave(cid, loss);
    }
}
