//! A party's places in the ledgers of its user and of its address.

use std::sync::Arc;
use std::time::Instant;

use super::{Peer, Seat};
use crate::link::Share;

/// A party's places in ledgers.
#[derive(Default)]
pub(super) struct Seats {
    of_user: Option<Seat>,
    of_address: Option<Seat>,
}

impl Seats {
    fn taken(&self) -> impl Iterator<Item = &Seat> {
        [&self.of_user, &self.of_address].into_iter().flatten()
    }
}

impl Peer {
    /// Counts the party in the ledger of its address.
    pub(crate) fn sit_from_address(&mut self, seat: Option<Seat>) {
        if seat.is_some() {
            self.seats.get_or_insert_default().of_address = seat;
            self.tell_seats();
        }
    }

    /// Counts the party in the ledger of its user, and in that of no user before.
    pub(crate) fn sit_as_user(&mut self, seat: Option<Seat>) {
        if seat.is_some() || self.seats.is_some() {
            self.seats.get_or_insert_default().of_user = seat;
            self.tell_seats();
        }
    }

    /// Takes the seats that the ledgers ask for now and the party has not: the quotas have changed.
    pub(crate) fn keep_seats(&mut self, user: Option<&str>) {
        let ledgers = &self.host.ledgers;
        let seats = self.seats.as_deref();
        let has = |of: fn(&Seats) -> &Option<Seat>| seats.is_some_and(|seats| of(seats).is_some());
        let address = self
            .party
            .address
            .filter(|_| !has(|seats| &seats.of_address));
        let of_address = address.and_then(|address| ledgers.keep_from(address.ip()));
        let user = user.filter(|_| !has(|seats| &seats.of_user));
        let of_user = user.and_then(|user| ledgers.keep_as(user));
        self.sit_from_address(of_address);
        if of_user.is_some() {
            self.sit_as_user(of_user);
        }
    }

    /// What the outbox of the party counts in.
    pub(crate) fn shares(&self) -> impl Iterator<Item = Arc<Share>> {
        let seats = self.seats.as_deref();
        seats.into_iter().flat_map(Seats::taken).map(Seat::share)
    }

    /// A message of `bytes` has been published; until when the party must rest, if it must.
    pub(crate) fn charge(&self, bytes: usize, now: Instant) -> Option<Instant> {
        let seats = self.seats.as_deref()?;
        seats
            .taken()
            .filter_map(|seat| seat.charge(bytes, now))
            .max()
    }

    /// Tells the ledgers how many subscriptions there are.
    pub(super) fn tell_seats(&mut self) {
        if let Some(seats) = &mut self.seats {
            let count = self.party.own().len();
            let seats = [&mut seats.of_user, &mut seats.of_address];
            seats
                .into_iter()
                .flatten()
                .for_each(|seat| seat.tell_subscriptions(count));
        }
    }

    /// Whether the ledgers allow one subscription more.
    pub(super) fn have_seats_room(&mut self) -> bool {
        let has_room = |seats: &Seats| seats.taken().all(|seat| seat.has_room_for(1));
        if self.seats.as_deref().is_none_or(has_room) {
            return true;
        }
        self.party.own().sweep();
        self.tell_seats();
        self.seats.as_deref().is_none_or(has_room)
    }
}
