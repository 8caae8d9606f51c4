//! Where a connection comes from, as far as its way in can tell.

use std::net::{IpAddr, SocketAddr};

/// What is known of a connection before it says anything.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// The other side's address, if it has one.
    pub(crate) address: Option<SocketAddr>,
    /// Whom a proxy says it speaks for; nothing but the log believes it.
    pub(crate) forwarded_for: Option<IpAddr>,
    /// What its HTTP request carried, where the way in begins with one.
    pub(crate) cookies: Option<Box<Cookies>>,
    /// What the encryption showed, where it was agreed on before.
    pub(crate) secured: Option<Box<Secured>>,
}

/// Credentials from an HTTP request, used where CONNECT names none.
#[derive(Clone, Default)]
pub(crate) struct Cookies {
    pub(crate) user: Option<String>,
    pub(crate) pass: Option<String>,
    pub(crate) token: Option<String>,
}

/// What an encrypted connection has shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secured {
    /// `1.2` or `1.3`.
    pub(crate) version: &'static str,
    /// The name of the cipher suite, as IANA lists it.
    pub(crate) cipher: &'static str,
    /// Whether encryption came before any plain word.
    pub(crate) is_first: bool,
    /// The names in the client's verified certificate, in the order in which users are looked up:
    /// e-mail addresses, DNS names, URIs. Only where they count.
    pub(crate) names: Vec<String>,
    /// The subject of that certificate, as RFC 2253 writes it.
    pub(crate) subject: String,
    /// The client's certificates: subject, SHA-256 of the public key and of the certificate, in
    /// hexadecimal digits.
    pub(crate) certificates: Vec<[String; 3]>,
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookies") // Secrets stay out of logs.
    }
}
