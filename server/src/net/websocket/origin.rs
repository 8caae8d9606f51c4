//! Where a page came from.
//!
//! Browsers say it in the `Origin` header, `scheme://host[:port]`; other clients leave it out, and
//! could write anything: this protects people with browsers, not the server.

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
    pub(super) fn of_listener(host: &str, is_encrypted: bool) -> Option<Self> {
        let (host, port) = split_port(host, default_port(is_encrypted))?;
        let scheme = if is_encrypted { "https" } else { "http" };
        Some(Self {
            scheme: scheme.to_owned(),
            host,
            port,
        })
    }
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
