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

impl Rules {
    /// Whether a page from `origin` may connect to `host`.
    ///
    /// # Errors
    ///
    /// Why not, in words for the log.
    pub(super) fn check(&self, origin: Option<&str>, host: &str) -> Result<(), &'static str> {
        let Some(origin) = origin.filter(|origin| !origin.is_empty()) else {
            return Ok(());
        };
        if !self.same_origin && self.allowed_origins.is_empty() {
            return Ok(());
        }
        let place = Place::parse(origin).ok_or("origin not allowed: it is no address")?;
        let here = || Place::of_listener(host, self.is_encrypted);
        if self.same_origin && here().as_ref() != Some(&place) {
            return Err("origin not allowed: not same origin");
        }
        if !self.allowed_origins.is_empty() && !self.allowed_origins.contains(&place) {
            return Err("origin not allowed: not in the allowed list");
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn same() -> Rules {
        Rules {
            same_origin: true,
            ..Rules::default()
        }
    }

    fn listed() -> Rules {
        let listed = ["http://good.example:8000", "https://ok.example"];
        Rules {
            allowed_origins: listed.into_iter().filter_map(Place::parse).collect(),
            ..Rules::default()
        }
    }

    #[track_caller]
    fn admits(rules: &Rules, host: &str, origin: &str, expected: bool) {
        let admitted = rules.check(Some(origin), host).is_ok();
        assert_eq!(admitted, expected, "{origin} to {host}");
    }

    #[test]
    fn a_page_of_the_same_host_may_connect() {
        admits(&same(), "127.0.0.1:8080", "http://127.0.0.1:8080", true);
        admits(&same(), "127.0.0.1:8080", "https://127.0.0.1:8080", false);
        admits(&same(), "127.0.0.1:8080", "http://127.0.0.1", false);
        admits(&same(), "Foo.example", "http://foo.example", true);
        admits(&same(), "foo.example:80", "http://foo.example", true);
        admits(&same(), "foo.example", "HTTP://FOO.example:80/path", true);
        admits(&same(), "foo.example:443", "https://foo.example", false);
        admits(&same(), "[::1]:8080", "http://[::1]:8080", true);
        admits(&same(), "[::1]", "http://[::1]", true);
        admits(&same(), "foo.example", "ws://foo.example", false);
    }

    #[test]
    fn an_encrypted_listener_stands_on_port_443() {
        let rules = Rules {
            is_encrypted: true,
            ..same()
        };
        admits(&rules, "foo.example", "https://foo.example", true);
        admits(&rules, "foo.example", "https://foo.example:443", true);
        admits(&rules, "foo.example", "http://foo.example", false);
        admits(&rules, "foo.example:8443", "https://foo.example:8443", true);
    }

    #[test]
    fn a_listed_page_may_connect_wherever_it_connects_to() {
        admits(&listed(), "x", "http://good.example:8000", true);
        admits(&listed(), "x", "http://good.example", false);
        admits(&listed(), "x", "https://OK.example", true);
        admits(&listed(), "x", "https://ok.example:443", true);
        admits(&listed(), "x", "http://ok.example", false);
        admits(&listed(), "x", "https://ok.example.evil", false);
        admits(&listed(), "x", "https://ok.example@evil.example", false);
    }

    #[test]
    fn both_rules_must_hold_where_both_are_given() {
        let both = Rules {
            same_origin: true,
            ..listed()
        };
        admits(&both, "ok.example", "https://ok.example", false);
        admits(&both, "good.example:8000", "http://good.example:8000", true);
        admits(&both, "foo.example", "http://foo.example", false);
    }

    #[test]
    fn nonsense_is_no_origin() {
        for origin in [
            "null",
            "::::",
            "http://",
            "://x",
            "http://x:99999",
            "file:///x",
        ] {
            admits(&same(), "x", origin, false);
            admits(&listed(), "x", origin, false);
        }
    }

    #[test]
    fn who_names_no_origin_is_no_browser() {
        assert_eq!(same().check(None, "x"), Ok(()));
        assert_eq!(listed().check(Some(""), "x"), Ok(()));
    }

    #[test]
    fn without_rules_every_origin_is_welcome() {
        admits(&Rules::default(), "x", "null", true);
    }
}
