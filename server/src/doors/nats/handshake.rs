//! The opening of a text connection: CONNECT, the first PING, the pings that follow, and what changes
//! for all connections later.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use dunlin_protocol::{Connect, ErrText, Info, encode};

use super::mood::Mood;
use super::pings::Due;
use super::session::TextSession;
use super::told::told;
use crate::link::{Origin, Reason, Verdict, Wakes};
use crate::peer::{Identity, Said};

impl TextSession {
    /// `CONNECT {json}`, the first or another: what it does not name stays as it was.
    pub(super) fn connect(&mut self, json: &[u8], now: Instant, wakes: &mut Wakes) -> Verdict {
        let mut connect = self.chosen_so_far();
        if let Err(error) = connect.merge_json(json) {
            told!(ERROR, &self.reader.party, "refused CONNECT: {error}");
            return Verdict::Close(Reason::ProtocolViolation);
        }
        let said = Said {
            name: &connect.name,
            language: &connect.lang,
            version: &connect.version,
            user: &connect.user,
        };
        self.nats.host.greet(&self.reader.party, said, now);
        self.log_in(connect, now, wakes)
    }

    /// What CONNECT chose holds from now on.
    pub(super) fn accept(
        &mut self,
        connect: &Connect,
        identity: Option<Arc<Identity>>,
        now: Instant,
        wakes: &mut Wakes,
    ) -> Verdict {
        if !matches!(connect.protocol, 0 | 1) {
            self.reader.say_err(ErrText::InvalidClientProtocol, wakes);
            told!(ERROR, &self.reader.party, "invalid client protocol");
            return Verdict::Close(Reason::BadClientProtocolVersion);
        }
        if !connect.account.is_empty() || connect.new_account {
            return self.shut_out(wakes);
        }
        let has_headers = connect.headers && self.terms.settings.limits.has_headers;
        if connect.no_responders && !has_headers {
            self.reader
                .say_err(ErrText::NoRespondersRequiresHeaders, wakes);
            let party = &self.reader.party;
            told!(ERROR, party, "no responders requires headers support");
            return Verdict::Close(Reason::NoRespondersRequiresHeaders);
        }
        if !self.sit_as(identity.as_deref()) {
            self.reader.say_err(ErrText::MaximumConnections, wakes);
            return Verdict::Close(Reason::MaximumConnectionsExceeded);
        }
        self.become_known(identity, wakes);
        self.reader.party.note_admitted();
        told!(DEBUG, &self.reader.party, "connected: {connect:?}");
        let is_new = !self.mood.has_connected;
        self.reader.headers.store(has_headers, Ordering::Relaxed);
        self.reader.echo.store(connect.echo, Ordering::Relaxed);
        self.mood = Mood {
            is_verbose: connect.verbose,
            is_pedantic: connect.pedantic,
            no_responders: connect.no_responders,
            has_headers,
            takes_info: connect.protocol == 1,
            has_connected: true,
        };
        if let Some(identity) = &self.identity {
            self.nats.host.let_in(&self.reader.party, &identity.name);
        }
        if is_new {
            self.peer.announce();
        }
        self.pings.expect_first(now);
        self.say_ok(wakes);
        Verdict::Continue
    }

    pub(super) fn chosen_so_far(&self) -> Connect {
        Connect {
            verbose: self.mood.is_verbose,
            pedantic: self.mood.is_pedantic,
            no_responders: self.mood.no_responders,
            protocol: i64::from(self.mood.takes_info),
            headers: self.mood.has_headers,
            echo: self.reader.echo.load(Ordering::Relaxed),
            ..Connect::default()
        }
    }

    /// `PONG`, and after the first one that follows CONNECT the second INFO, in this order: clients
    /// read PONG as the answer to their greeting.
    pub(super) fn answer_ping(&mut self, wakes: &mut Wakes) {
        self.pings.note_activity();
        self.reader.say(encode::PONG, wakes);
        if !self.mood.has_connected {
            return;
        }
        let Some(mut info) = self.info.take() else {
            return;
        };
        if self.mood.takes_info {
            info.connect_info = true;
            info.nonce = String::new();
            info.remote_account = super::GLOBAL_ACCOUNT.to_owned();
            // Here even where guests are let in, as the reference server says it.
            info.auth_required = self.terms.access(&self.way).is_required();
            self.say_info(&info, wakes);
        }
    }

    pub(super) fn say_info(&self, info: &Info, wakes: &mut Wakes) {
        let mut line = Vec::with_capacity(512);
        encode::info(&mut line, info);
        self.reader.say(&line, wakes);
    }

    /// What holds for everybody may have changed: looks, and obeys.
    pub(super) fn adopt_terms(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict {
        let terms = self.nats.terms();
        if Arc::ptr_eq(&terms, &self.terms) {
            return self.standing.verdict();
        }
        let before = std::mem::replace(&mut self.terms, terms);
        let settings = &self.terms.settings;
        if self.person.is_none() {
            let interval = self.way.ping_interval.unwrap_or(settings.ping_interval);
            self.pings.obey(interval, settings.ping_max, now);
        }
        if self.terms.info != before.info {
            self.renew_info(wakes);
        }
        let id = self.reader.id;
        if self.terms.room_up_to.is_some_and(|last| id > last) {
            self.reader.say_err(ErrText::MaximumConnections, wakes);
            return Verdict::Close(Reason::MaximumConnectionsExceeded);
        }
        self.update_lags();
        let verdict = self.reconsider(wakes);
        let user = self.identity.as_deref().map(|identity| &*identity.name);
        self.peer.keep_seats(user);
        self.share_outbox();
        verdict
    }

    /// INFO has changed: whoever has had all of its own gets it anew, if it can take it.
    fn renew_info(&mut self, wakes: &mut Wakes) {
        let origin = Origin {
            address: self.reader.party.address,
            ..Origin::default()
        };
        let mut info = self.terms.info_for(&self.way, self.reader.id, &origin);
        match &mut self.info {
            Some(unsaid) => {
                info.nonce = std::mem::take(&mut unsaid.nonce);
                *unsaid = info;
            }
            None if self.mood.takes_info => self.say_info(&info, wakes),
            None => {}
        }
    }

    /// The time for a ping has come: asks whether the peer is alive, or gives it up.
    pub(super) fn tick_pings(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict {
        match self.pings.tick(now) {
            Due::Nothing => {}
            Due::Ping => self.reader.say(encode::PING, wakes),
            Due::Stale => {
                self.reader.say_err(ErrText::StaleConnection, wakes);
                return Verdict::Close(Reason::StaleConnection);
            }
        }
        Verdict::Continue
    }
}
