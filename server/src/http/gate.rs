//! Who may read the pages, use the dashboard and the tap, and control the server.
//!
//! A visitor from this machine is let through unless a user is demanded; one from elsewhere names a
//! user of the bus, unless that is switched off in so many words. Where no users are configured
//! there is nobody to name, as on the bus itself: a visitor from elsewhere then reads what anybody
//! could subscribe to, and controls nothing. What a user may see and do here follows from what it
//! may do on the bus.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::answers::text;
use crate::peer::{Access, Answer, Claim, ConnectionType, Identity};

/// What a browser asks its person.
const CHALLENGE: &str = "Basic realm=\"dunlin\", charset=\"UTF-8\"";
/// How many passwords are held against their hashes at a time: each takes a core for a while.
const CHECKS_MAX: usize = 2;
/// How many logins are remembered, so that a page that asks every second pays for one check.
const REMEMBERED_MAX: usize = 64;
/// For how long.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// The gate as it stands.
pub(crate) struct Gate {
    access: Access,
    /// Whether a user is demanded, where that has been said.
    demanded: Option<bool>,
    checks: Semaphore,
    /// Those that were found good lately, the oldest first; gone with the gate at every reload.
    remembered: Mutex<VecDeque<Remembered>>,
    salt: [u8; 32],
}

struct Remembered {
    /// Of what was shown; the password itself is not kept.
    hash: [u8; 32],
    identity: Arc<Identity>,
    until: Instant,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct From {
    is_local: bool,
}

impl From {
    pub(super) fn new(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V6(ip) => ip.to_canonical(),
            ip => ip,
        };
        Self {
            is_local: ip.is_loopback(),
        }
    }
}

/// Who has come through: a user of the bus, or, where nobody is asked, everybody.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) identity: Option<Arc<Identity>>,
    /// Comes from elsewhere, and could not be asked who it is.
    is_stranger: bool,
}

impl Visitor {
    /// Whether the visitor may do what takes leave to publish to `subject`.
    ///
    /// # Errors
    ///
    /// What is missing, to be told.
    pub(super) fn may_control(&self, subject: &str) -> Result<(), String> {
        if self.is_stranger {
            return Err(
                "no users are configured, so nobody from elsewhere can be told from a \
                stranger: ask from this machine, configure users, or say monitoring { demand_user: \
                false }"
                    .to_owned(),
            );
        }
        let identity = self.identity.as_deref();
        let rights = identity.and_then(|identity| identity.rights.as_ref());
        match rights.is_none_or(|rights| rights.may_publish(subject.as_bytes())) {
            true => Ok(()),
            false => Err(format!(
                "no permission: this takes leave to publish to {subject}"
            )),
        }
    }
}

impl Gate {
    pub(crate) fn new(access: Access, demanded: Option<bool>) -> Self {
        let mut salt = [0; 32];
        // Without chance the memory of logins is as good, to those who cannot read it.
        let _ = getrandom::fill(&mut salt);
        Self {
            access,
            demanded,
            checks: Semaphore::new(CHECKS_MAX),
            remembered: Mutex::default(),
            salt,
        }
    }

    /// Whether a visitor from elsewhere must name a user.
    pub(crate) fn is_closed_to_strangers(&self) -> bool {
        self.demanded.unwrap_or_else(|| self.access.is_required())
    }

    /// Lets the sender of a request with `headers` through, or says why not.
    pub(super) async fn admit(&self, from: From, headers: &HeaderMap) -> Result<Visitor, Response> {
        let is_demanded = match self.demanded {
            None => !from.is_local && self.access.is_required(),
            Some(is_demanded) => is_demanded,
        };
        if is_demanded && !self.access.is_required() {
            let why = "a user is demanded here, and none is configured";
            return Err(text(StatusCode::FORBIDDEN, why.to_owned()));
        }
        let shown = headers.get(header::AUTHORIZATION);
        let Some(shown) = shown.filter(|_| self.access.is_required()) else {
            return match is_demanded {
                true => Err(challenge()),
                false => Ok(Visitor {
                    identity: None,
                    is_stranger: !from.is_local && self.demanded.is_none(),
                }),
            };
        };
        let identity = self.identify(shown).await.ok_or_else(challenge)?;
        Ok(Visitor {
            identity: Some(identity),
            is_stranger: false,
        })
    }

    async fn identify(&self, shown: &HeaderValue) -> Option<Arc<Identity>> {
        let hash = Sha256::new()
            .chain_update(self.salt)
            .chain_update(shown.as_bytes())
            .finalize();
        let now = Instant::now();
        let known = {
            let mut remembered = self.remembered.lock();
            remembered.retain(|known| known.until > now);
            let known = remembered.iter().find(|known| known.hash[..] == hash[..]);
            known.map(|known| Arc::clone(&known.identity))
        };
        if known.is_some() {
            return known;
        }
        let (user, pass) = credentials(shown)?;
        let identity = self.check(&user, &pass).await?;
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.pop_front();
        }
        remembered.push_back(Remembered {
            hash: hash.into(),
            identity: Arc::clone(&identity),
            until: now + REMEMBERED_FOR,
        });
        Some(identity)
    }

    async fn check(&self, user: &str, pass: &str) -> Option<Arc<Identity>> {
        let claim = Claim {
            user,
            pass,
            token: if user.is_empty() { pass } else { "" },
            nkey: "",
            signature: "",
            nonce: "",
            certificate: None,
            is_password_needed: true,
            kind: ConnectionType::Standard,
        };
        match self.access.check(&claim) {
            Answer::Granted(identity) => Some(identity),
            Answer::Guest(_) | Answer::Refused => None,
            Answer::Slow(slow) => {
                // The semaphore is never closed.
                let _turn = self.checks.acquire().await;
                let checked = tokio::task::spawn_blocking(move || slow.run());
                checked.await.ok().flatten()
            }
        }
    }
}

/// User and password of a request; a token is a password without a user, or a bearer's.
fn credentials(shown: &HeaderValue) -> Option<(String, String)> {
    let shown = shown.to_str().ok()?;
    if let Some(token) = shown.strip_prefix("Bearer ") {
        return Some((String::new(), token.trim().to_owned()));
    }
    let encoded = shown.strip_prefix("Basic ")?;
    let decoded = data_encoding::BASE64
        .decode(encoded.trim().as_bytes())
        .ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, pass) = decoded.split_once(':')?;
    Some((user.to_owned(), pass.to_owned()))
}

/// Refuses a request from this machine that does not call the port by such a name: a page of a
/// stranger could ask through its reader's browser.
pub(super) fn refuse_foreign_name(request: &Request) -> Option<Response> {
    let is_local = request.extensions().get::<From>()?.is_local;
    let is_foreign = is_local && !is_local_name(request.headers());
    is_foreign.then(|| {
        let why = "this port is asked for by the name of this machine only: localhost";
        text(StatusCode::FORBIDDEN, why.to_owned())
    })
}

fn is_local_name(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        match port.bytes().all(|byte| byte.is_ascii_digit()) {
            true => name,
            false => host,
        }
    });
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn challenge() -> Response {
    let why = "a user of the bus is asked for here, with its password";
    let mut response = text(StatusCode::UNAUTHORIZED, why.to_owned());
    response.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(CHALLENGE),
    );
    response
}
