//! The opening of a text connection: CONNECT, the first PING, and the pings that follow.

use std::sync::atomic::Ordering;
use std::time::Instant;

use dunlin_protocol::{Connect, ErrText, encode};

use super::pings::Due;
use super::session::{Mood, TextSession};
use crate::link::{Reason, Verdict, Wakes};

/// The account that everybody is in where no accounts are configured.
const GLOBAL_ACCOUNT: &str = "$G";

impl TextSession {
    /// `CONNECT {json}`, the first or another: what it does not name stays as it was.
    pub(super) fn connect(&mut self, json: &[u8], now: Instant, wakes: &mut Wakes) -> Verdict {
        let mut connect = self.chosen_so_far();
        if let Err(error) = connect.merge_json(json) {
            tracing::debug!(cid = self.reader.id, %error, "refused CONNECT");
            return Verdict::Close(Reason::ProtocolViolation);
        }
        if !connect.account.is_empty() || connect.new_account {
            self.reader.say_err(ErrText::AuthorizationViolation, wakes);
            return Verdict::Close(Reason::AuthenticationFailure);
        }
        if !matches!(connect.protocol, 0 | 1) {
            self.reader.say_err(ErrText::InvalidClientProtocol, wakes);
            return Verdict::Close(Reason::BadClientProtocolVersion);
        }
        let has_headers = connect.headers && self.nats.settings.limits.has_headers;
        if connect.no_responders && !has_headers {
            self.reader
                .say_err(ErrText::NoRespondersRequiresHeaders, wakes);
            return Verdict::Close(Reason::NoRespondersRequiresHeaders);
        }
        tracing::debug!(cid = self.reader.id, ?connect, "connected");
        self.limits.has_headers = has_headers;
        self.reader.headers.store(has_headers, Ordering::Relaxed);
        self.reader.echo.store(connect.echo, Ordering::Relaxed);
        self.mood = Mood {
            is_verbose: connect.verbose,
            is_pedantic: connect.pedantic,
            no_responders: connect.no_responders,
            takes_info: connect.protocol == 1,
            has_connected: true,
        };
        self.pings.expect_first(now);
        self.say_ok(wakes);
        Verdict::Continue
    }

    fn chosen_so_far(&self) -> Connect {
        Connect {
            verbose: self.mood.is_verbose,
            pedantic: self.mood.is_pedantic,
            no_responders: self.mood.no_responders,
            protocol: i64::from(self.mood.takes_info),
            headers: self.limits.has_headers,
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
            info.remote_account = GLOBAL_ACCOUNT.to_owned();
            let mut line = Vec::with_capacity(512);
            encode::info(&mut line, &info);
            self.reader.say(&line, wakes);
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
