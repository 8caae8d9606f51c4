//! What a WebSocket listener obeys.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::origin::Place;

/// What a WebSocket listener obeys, settled when it starts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// Pages may only connect to the host that they came from.
    pub(crate) same_origin: bool,
    /// Where pages may come from; anywhere if none is named.
    pub(crate) allowed_origins: Vec<Place>,
    /// How long the HTTP request may take to come, and its answer to be taken.
    pub(crate) handshake_timeout: Duration,
    pub(crate) has_compression: bool,
    pub(crate) cookies: CookieNames,
    /// Headers of the answer, beside those that the protocol needs.
    pub(crate) headers: Vec<(String, String)>,
    /// The most that one compressed message may become, in bytes; it follows the largest payload.
    pub(crate) inflated_max: Arc<AtomicU64>,
    /// The listener speaks TLS: pages come from `https`.
    pub(crate) is_encrypted: bool,
}

/// Which cookies of the request hold credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CookieNames {
    pub(crate) user: Option<String>,
    pub(crate) pass: Option<String>,
    pub(crate) token: Option<String>,
}

impl CookieNames {
    pub(super) fn is_any(&self) -> bool {
        self.user.is_some() || self.pass.is_some() || self.token.is_some()
    }
}
