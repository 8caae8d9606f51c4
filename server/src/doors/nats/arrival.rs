//! A connection between its accept and its first word.

use std::sync::Arc;
use std::time::Instant;

use dunlin_protocol::{ErrText, Info, encode};

use super::full::FullHouse;
use super::login::{Certificate, Facts};
use super::session::TextSession;
use super::told::told;
use super::{Encryption, Nats, Terms, Way};
use crate::link::{Arrival, Origin, Outbox, Reason, Secured, Session};
use crate::peer::{Departure, Full, Party, Seat, nonce};

pub(super) struct NatsArrival {
    pub(super) nats: Arc<Nats>,
    pub(super) terms: Arc<Terms>,
    pub(super) way: Arc<Way>,
    pub(super) origin: Origin,
    pub(super) info: Box<Info>,
    pub(super) is_greeted: bool,
    party: Arc<Party>,
    /// Whether there is room for it.
    has_room: bool,
    seat: Option<Seat>,
    /// What is said to somebody for whom there is no room.
    refusal: ErrText<'static>,
}

impl NatsArrival {
    pub(super) fn new(nats: &Arc<Nats>, way: &Arc<Way>, origin: Origin, now: Instant) -> Self {
        let terms = nats.terms();
        let (party, mut has_room) = nats.host.enter(origin.address, now);
        if let Some(client) = origin.forwarded_for {
            party.note_forwarded(client);
        }
        told!(DEBUG, &party, "Client connection created");
        let address = origin.address.map(|address| address.ip());
        let seat = address.map_or(Ok(None), |address| nats.host.ledgers.sit_from(address));
        let seat = seat.unwrap_or_else(|Full| {
            if has_room {
                nats.host.table.turn_away(party.id);
            }
            has_room = false;
            None
        });
        let mut info = terms.info_for(way, party.id, &origin);
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
            party,
            has_room,
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
        let party = Arc::clone(&self.party);
        if self.has_room {
            return Box::new(TextSession::new(*self, outbox, party, now));
        }
        Box::new(FullHouse {
            nats: self.nats,
            outbox,
            party,
            info: (!self.is_greeted).then_some(self.info),
            text: self.refusal,
            opened: now,
        })
    }

    fn is_admitted(&self) -> bool {
        self.has_room
    }

    fn throttle(&mut self) {
        if std::mem::take(&mut self.has_room) {
            self.refusal = ErrText::Throttled;
            self.seat = None;
            self.nats.host.table.turn_away(self.party.id);
        }
    }

    fn turn_away(self: Box<Self>, reason: Reason, why: Option<String>, now: Instant) {
        match why {
            Some(why) => {
                told!(ERROR, &self.party, "TLS handshake error: {why}");
            }
            None => told!(DEBUG, &self.party, "Client connection closed: {reason}"),
        }
        let table = &self.nats.host.table;
        table.leave(&self.party, Departure::plain(reason), now);
    }
}
