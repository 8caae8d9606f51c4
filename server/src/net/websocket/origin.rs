//! Where a page came from, and whether such pages may connect.
//!
//! Browsers say it in the `Origin` header, `scheme://host[:port]`; other clients leave it out, and
//! could write anything: this protects people with browsers, not the server.

use super::rules::Rules;

/// Scheme, host and port, with the scheme's own port filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// `http` or `https`, or whatever else a page claims.
    scheme: String,
    /// In lower case; an IPv6 address has its brackets.
    host: String,
    port: u16,
}

impl Place {
    /// Reads `scheme://[user@]host[:port][/…]`; none if it is no such thing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let authority = rest.split(['/', '?', '#']).next()?;
        let authority = authority.rsplit('@').next()?;
        let (host, port) = split_port(authority, default_port(scheme == "https"))?;
        let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_scheme && !scheme.is_empty()).then_some(Self { scheme, host, port })
    }

    /// Where the listener stands, as the `Host` header of a request names it.
    fn of_listener(host: &str, is_encrypted: bool) -> Option<Self> {
        let (host, port) = split_port(host, default_port(is_encrypted))?;
        let scheme = if is_encrypted { "https" } else { "http" };
        Some(Self {
            scheme: scheme.to_owned(),
            host,
            port,
        })
    }
}

/// Whether a page from `origin` may connect to `host`.
///
/// # Errors
///
/// Why not, in words for the log.
pub(super) fn check(origin: Option<&str>, host: &str, rules: &Rules) -> Result<(), &'static str> {
    let Some(origin) = origin.filter(|origin| !origin.is_empty()) else {
        return Ok(());
    };
    if !rules.same_origin && rules.allowed_origins.is_empty() {
        return Ok(());
    }
    let place = Place::parse(origin).ok_or("origin not allowed: it is no address")?;
    if rules.same_origin && Place::of_listener(host, rules.is_encrypted).as_ref() != Some(&place) {
        return Err("origin not allowed: not same origin");
    }
    if !rules.allowed_origins.is_empty() && !rules.allowed_origins.contains(&place) {
        return Err("origin not allowed: not in the allowed list");
    }
    Ok(())
}

fn default_port(is_encrypted: bool) -> u16 {
    if is_encrypted { 443 } else { 80 }
}

/// `host`, `host:port` or `[v6]:port`.
fn split_port(authority: &str, default: u16) -> Option<(String, u16)> {
    let behind_host = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[behind_host..].find(':') {
        Some(at) => {
            let (host, port) = authority.split_at(behind_host + at);
            (host, port[1..].parse().ok()?)
        }
        None => (authority, default),
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
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
        let admitted = check(Some(origin), host, rules).is_ok();
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
        assert_eq!(check(None, "x", &same()), Ok(()));
        assert_eq!(check(Some(""), "x", &listed()), Ok(()));
    }

    #[test]
    fn without_rules_every_origin_is_welcome() {
        admits(&Rules::default(), "x", "null", true);
    }
}
