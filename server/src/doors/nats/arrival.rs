//! A connection between its accept and its first word.

use std::sync::Arc;
use std::time::Instant;

use dunlin_protocol::{Info, encode};

use super::full::FullHouse;
use super::login::Facts;
use super::session::TextSession;
use super::{Nats, Terms, Way};
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
    /// None where the server is full.
    tally: Option<Arc<Tally>>,
    seat: Option<Seat>,
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
        }
    }

    /// The connection's place among those from its address.
    pub(super) fn take_seat(&mut self) -> Option<Seat> {
        self.seat.take()
    }

    /// What the connection can be known by, if there is anything.
    pub(super) fn facts(&mut self) -> Option<Box<Facts>> {
        let secured = self.origin.secured.as_deref();
        let names = secured.filter(|_| self.way.maps_certificates);
        let facts = Facts {
            nonce: self.info.nonce.clone(),
            cookies: self.origin.cookies.take().map(|cookies| *cookies),
            names: names.map(|secured| secured.names.clone()),
        };
        let is_any = !facts.nonce.is_empty() || facts.cookies.is_some() || facts.names.is_some();
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
            None => Box::new(FullHouse::new(outbox, self.info, self.is_greeted, now)),
        }
    }

    fn turn_away(self: Box<Self>, reason: Reason) {
        tracing::debug!(cid = self.id, "{reason}");
        if self.tally.is_some() {
            self.nats.host.table.leave(self.id, Loss::default());
        }
    }
}
