//! Who may use the dashboard, the tap and the controls.
//!
//! The pages that the reference server has are open to all who reach the port, as there; what
//! shows messages or closes connections is not. On a loopback address it is open unless a user is
//! demanded; elsewhere a user of the bus must be named, unless that is switched off in so many
//! words. What a user may see and do here follows from what it may do on the bus.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::pages::text;
use crate::peer::{Access, Answer, Claim, ConnectionType, Identity};

/// What a browser asks its person.
const CHALLENGE: &str = "Basic realm=\"dunlin\", charset=\"UTF-8\"";

/// The gate as it stands.
pub(crate) struct Gate {
    pub(crate) access: Access,
    /// Whether everybody is let through.
    pub(crate) is_open: bool,
    /// Whether the port is on this machine only: then a request must have asked for it by such a
    /// name, or a page of a stranger could ask through its reader's browser.
    pub(crate) is_local: bool,
}

/// Who has come through: a user of the bus, or, where nobody is asked, everybody.
#[derive(Clone)]
pub(super) struct Visitor(pub(super) Option<Arc<Identity>>);

impl Visitor {
    /// Whether the visitor may publish to `subject`.
    pub(super) fn may_publish(&self, subject: &str) -> bool {
        let identity = self.0.as_deref();
        let rights = identity.and_then(|identity| identity.rights.as_ref());
        rights.is_none_or(|rights| rights.may_publish(subject.as_bytes()))
    }
}

impl Gate {
    /// Lets the sender of a request with `headers` through, or says why not.
    pub(super) async fn admit(self: Arc<Self>, headers: &HeaderMap) -> Result<Visitor, Response> {
        if self.is_local && !is_local_name(headers) {
            let why = "this port is asked for by the name of this machine only: localhost";
            return Err(text(StatusCode::FORBIDDEN, why.to_owned()));
        }
        let Some((user, pass)) = credentials(headers) else {
            return if self.is_open {
                Ok(Visitor(None))
            } else {
                Err(challenge())
            };
        };
        if self.is_open && !self.access.is_required() {
            return Ok(Visitor(None));
        }
        match self.check(user, pass).await {
            Some(identity) => Ok(Visitor(Some(identity))),
            None => Err(challenge()),
        }
    }

    async fn check(self: Arc<Self>, user: String, pass: String) -> Option<Arc<Identity>> {
        if !self.access.is_required() {
            return None; // There is nobody to be.
        }
        // A hash takes a while to check; nothing else waits for it.
        let checked = tokio::task::spawn_blocking(move || {
            let claim = Claim {
                user: &user,
                pass: &pass,
                token: if user.is_empty() { &pass } else { "" },
                nkey: "",
                signature: "",
                nonce: "",
                certificate: None,
                is_password_needed: true,
                kind: ConnectionType::Standard,
            };
            match self.access.check(&claim) {
                Answer::Granted(identity) => Some(identity),
                Answer::Slow(slow) => slow.run(),
                Answer::Guest(_) | Answer::Refused => None,
            }
        });
        checked.await.ok().flatten()
    }
}

/// User and password of a request; a token is a password without a user.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.strip_prefix("Basic ")?;
    let decoded = data_encoding::BASE64
        .decode(encoded.trim().as_bytes())
        .ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, pass) = decoded.split_once(':')?;
    Some((user.to_owned(), pass.to_owned()))
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
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
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
