//! Who a connection is: asked at CONNECT, and again whenever the rules change.
//!
//! A wrong claim is answered late, and never with what was wrong about it. While a password is held
//! against its hash on another thread, or a refusal waits for its time, nothing more is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_protocol::{Connect, ErrText};
use parking_lot::Mutex;

use super::session::TextSession;
use super::told::told;
use crate::link::{Cookies, Reason, Verdict, Wakes};
pub(super) use crate::peer::Certificate;
use crate::peer::{Access, Answer, Claim, Full, Identity};

/// How late a refusal is said: whoever tries passwords waits, and so does everybody who mistyped
/// one, who will not notice. A guess.
const REFUSAL_DELAY: Duration = Duration::from_millis(100);

/// How far a connection has come with saying who it is.
pub(super) enum Standing {
    /// It must say so by then.
    Stranger {
        until: Instant,
    },
    /// Its password is being checked.
    Checking(Arc<Check>),
    /// It is to be refused at that time.
    Refused {
        at: Instant,
    },
    Admitted,
}

/// A check that another thread does.
pub(super) struct Check {
    connect: Connect,
    /// None until it is done.
    result: Mutex<Option<Option<Arc<Identity>>>>,
}

/// What a connection can be known by besides its CONNECT.
pub(super) struct Facts {
    /// What it was given to sign.
    pub(super) nonce: String,
    pub(super) cookies: Option<Cookies>,
    /// Its certificate, where that counts.
    pub(super) certificate: Option<Certificate>,
}

impl Standing {
    /// Where a new connection stands.
    pub(super) fn new(access: &Access, now: Instant) -> Self {
        if access.is_required() {
            Self::Stranger {
                until: now + access.timeout(),
            }
        } else {
            Self::Admitted
        }
    }

    /// When something is to be done about it.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Stranger { until: at } | Self::Refused { at } => Some(*at),
            Self::Checking(_) | Self::Admitted => None,
        }
    }

    /// What it means for reading on.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Stranger { .. } | Self::Admitted => Verdict::Continue,
            Self::Checking(_) | Self::Refused { .. } => Verdict::Pause,
        }
    }
}

impl TextSession {
    /// Checks the credentials in CONNECT; what it chose holds from when they were found good.
    pub(super) fn log_in(&mut self, connect: Connect, now: Instant, wakes: &mut Wakes) -> Verdict {
        let terms = Arc::clone(&self.terms);
        let access = terms.access(&self.way);
        if !access.is_required() {
            return self.accept(&connect, None, now, wakes);
        }
        match access.check(&self.claim(&connect)) {
            Answer::Granted(identity) => {
                self.is_guest = false;
                self.accept(&connect, Some(identity), now, wakes)
            }
            Answer::Guest(identity) => {
                self.is_guest = true;
                self.accept(&connect, Some(identity), now, wakes)
            }
            Answer::Refused => self.refuse(now),
            Answer::Slow(slow) => {
                let check = Arc::new(Check {
                    connect,
                    result: Mutex::new(None),
                });
                self.standing = Standing::Checking(Arc::clone(&check));
                let outbox = Arc::clone(&self.reader.outbox);
                self.nats.background.run(Box::new(move || {
                    *check.result.lock() = Some(slow.run());
                    outbox.notify();
                }));
                Verdict::Pause
            }
        }
    }

    fn claim<'a>(&'a self, connect: &'a Connect) -> Claim<'a> {
        let facts = self.facts.as_deref();
        let cookies = facts.and_then(|facts| facts.cookies.as_ref());
        let or = |own: &'a str, cookie: fn(&Cookies) -> &Option<String>| match own {
            "" => cookies
                .and_then(|cookies| cookie(cookies).as_deref())
                .unwrap_or_default(),
            own => own,
        };
        Claim {
            user: or(&connect.user, |cookies| &cookies.user),
            pass: or(&connect.pass, |cookies| &cookies.pass),
            token: or(&connect.auth_token, |cookies| &cookies.token),
            nkey: &connect.nkey,
            signature: &connect.sig,
            nonce: facts.map(|facts| &*facts.nonce).unwrap_or_default(),
            certificate: facts.and_then(|facts| facts.certificate.as_ref()),
            is_password_needed: self.way.maps_certificates,
            kind: self.way.kind,
        }
    }

    /// Somebody who has not said who it is says something else: as a guest that is allowed.
    pub(super) fn enter_unasked(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict {
        let guest = self.terms.access(&self.way).guest(self.way.kind).cloned();
        let Some(guest) = guest else {
            return self.refuse(now);
        };
        self.is_guest = true;
        self.become_known(Some(guest), wakes);
        self.mood.has_connected = true;
        Verdict::Continue
    }

    /// Takes a place among the connections of `identity`, if it is somebody else than before;
    /// false if there is none left.
    pub(super) fn sit_as(&mut self, identity: Option<&Identity>) -> bool {
        let before = self.identity.as_deref().map(|known| &*known.name);
        let Some(identity) = identity.filter(|identity| before != Some(&*identity.name)) else {
            return true;
        };
        match self.nats.host.ledgers.sit_as(&identity.name) {
            Ok(seat) => {
                self.peer.sit_as_user(seat);
                self.share_outbox();
                true
            }
            Err(Full) => false,
        }
    }

    /// Counts what waits for the connection with what waits for others, where that is bounded.
    pub(super) fn share_outbox(&self) {
        let mut shares = self.peer.shares().peekable();
        if shares.peek().is_some() {
            self.reader.outbox.share(shares);
        }
    }

    /// From now on the connection is who it says.
    pub(super) fn become_known(&mut self, identity: Option<Arc<Identity>>, wakes: &mut Wakes) {
        self.standing = Standing::Admitted;
        for lost in self.peer.identify(identity.as_deref()) {
            let text = ErrText::SubscriptionLost {
                subject: lost.filter(),
                queue: lost.queue(),
                sid: lost.sid(),
            };
            self.reader.say_err(text, wakes);
        }
        self.identity = identity;
        self.update_lags();
    }

    pub(super) fn refuse(&mut self, now: Instant) -> Verdict {
        let said = self.reader.party.greeting();
        match said.filter(|said| !said.user.is_empty()) {
            Some(said) => told!(
                ERROR,
                &self.reader.party,
                "authentication error - User {:?}",
                said.user
            ),
            None => told!(ERROR, &self.reader.party, "authentication error"),
        }
        self.standing = Standing::Refused {
            at: now + REFUSAL_DELAY,
        };
        Verdict::Pause
    }

    /// The check that was waited for may be done.
    pub(super) fn finish_check(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict {
        let Standing::Checking(check) = &self.standing else {
            return self.standing.verdict();
        };
        let check = Arc::clone(check);
        let Some(found) = check.result.lock().take() else {
            return Verdict::Pause;
        };
        // The rules may have changed meanwhile.
        let access = self.terms.access(&self.way);
        self.is_guest = false;
        match found.and_then(|identity| access.again(&identity, self.way.kind)) {
            Some(identity) => self.accept(&check.connect, Some(identity), now, wakes),
            None => self.refuse(now),
        }
    }

    /// The time has come for a refusal, or for who did not say anything.
    pub(super) fn tick_standing(&mut self, now: Instant, wakes: &mut Wakes) -> Verdict {
        if self.standing.due().is_none_or(|due| due > now) {
            return self.standing.verdict();
        }
        if let Standing::Stranger { .. } = self.standing {
            told!(DEBUG, &self.reader.party, "Authentication Timeout");
            self.reader.say_err(ErrText::AuthenticationTimeout, wakes);
            return Verdict::Close(Reason::AuthenticationTimeout);
        }
        self.shut_out(wakes)
    }

    pub(super) fn shut_out(&mut self, wakes: &mut Wakes) -> Verdict {
        self.reader.say_err(ErrText::AuthorizationViolation, wakes);
        Verdict::Close(Reason::AuthenticationFailure)
    }

    /// The rules have changed: is this still somebody, and who?
    pub(super) fn reconsider(&mut self, wakes: &mut Wakes) -> Verdict {
        let terms = Arc::clone(&self.terms);
        let access = terms.access(&self.way);
        match (&self.standing, access.is_required()) {
            (Standing::Admitted, true) => {}
            (Standing::Admitted | Standing::Stranger { .. }, false) => {
                self.become_known(None, wakes);
                return Verdict::Continue;
            }
            _ => return self.standing.verdict(),
        }
        let known = match &self.identity {
            Some(identity) if !self.is_guest => access.again(identity, self.way.kind),
            _ => {
                self.is_guest = true;
                access.guest(self.way.kind).cloned()
            }
        };
        match known {
            Some(identity) => self.become_known(Some(identity), wakes),
            None => return self.shut_out(wakes),
        }
        Verdict::Continue
    }
}
