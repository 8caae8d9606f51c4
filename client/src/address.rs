//! Server addresses: `nats://user:password@host:port`, read by hand.

use std::fmt;
use std::str::FromStr;

use crate::error::{ConnectError, ConnectErrorKind};

/// Where a server listens, and as whom to go there.
///
/// ```text
/// [nats://][user[:password]@]host[:port]     port 4222 if there is none
/// [nats://][token@]host[:port]               a user without password is a token
/// ```
///
/// The host is a name, an IPv4 address or an IPv6 address in brackets; user and password may be
/// percent-encoded. `tls://` is understood and refused: this version has no TLS.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerAddr {
    host: Box<str>, // Without brackets.
    port: u16,
    user: Option<Box<str>>,
    password: Option<Box<str>>,
}

impl ServerAddr {
    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user, or the token if there is no password.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Takes over the credentials of `other`: servers of one cluster let the same users in.
    pub(crate) fn with_credentials_of(mut self, other: &Self) -> Self {
        self.user.clone_from(&other.user);
        self.password.clone_from(&other.password);
        self
    }

    /// Whether both are the same place.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }
}

impl FromStr for ServerAddr {
    type Err = ConnectError;

    fn from_str(text: &str) -> Result<Self, ConnectError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
        match &*scheme.to_ascii_lowercase() {
            "nats" => {}
            "tls" => return Err(ConnectErrorKind::TlsUnsupported.into()),
            _ => return Err(malformed("unknown scheme")),
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // The last one: a password may hold an `@` that nobody encoded.
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, authority),
        };
        let (host, port) = split_place(place)?;
        let (user, password) = match credentials {
            None | Some("") => (None, None),
            Some(credentials) => match credentials.split_once(':') {
                Some((user, password)) => (Some(decoded(user)?), Some(decoded(password)?)),
                None => (Some(decoded(credentials)?), None),
            },
        };
        Ok(Self {
            host: host.into(),
            port,
            user,
            password,
        })
    }
}

/// Host and port only: credentials stay out of logs.
impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerAddr({self})")
    }
}

/// Things that name one server or several.
///
/// A text may hold several addresses with commas between them.
pub trait ToServerAddrs {
    /// The addresses.
    ///
    /// # Errors
    ///
    /// One of them is malformed, or asks for TLS.
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError>;
}

impl ToServerAddrs for ServerAddr {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        Ok(vec![self.clone()])
    }
}

impl ToServerAddrs for str {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        self.split(',').map(|text| text.trim().parse()).collect()
    }
}

impl ToServerAddrs for String {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        self.as_str().to_server_addrs()
    }
}

impl<T: ToServerAddrs> ToServerAddrs for [T] {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        let mut addrs = Vec::new();
        for item in self {
            addrs.extend(item.to_server_addrs()?);
        }
        Ok(addrs)
    }
}

impl<T: ToServerAddrs, const LEN: usize> ToServerAddrs for [T; LEN] {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        self.as_slice().to_server_addrs()
    }
}

impl<T: ToServerAddrs> ToServerAddrs for Vec<T> {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        self.as_slice().to_server_addrs()
    }
}

impl ToServerAddrs for std::net::SocketAddr {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        self.to_string().to_server_addrs()
    }
}

impl<T: ToServerAddrs + ?Sized> ToServerAddrs for &T {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        (**self).to_server_addrs()
    }
}

fn malformed(what: &str) -> ConnectError {
    ConnectError::with_detail(ConnectErrorKind::InvalidAddress, what)
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_place(place: &str) -> Result<(&str, u16), ConnectError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest
                .split_once(']')
                .ok_or_else(|| malformed("unclosed bracket"))?;
            let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
            match rest.strip_prefix(':') {
                _ if !is_address => return Err(malformed("no ipv6 address in brackets")),
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(malformed("text behind the bracket")),
            }
        }
        None => match place.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(malformed("ipv6 address without brackets"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let is_host = |byte: u8| byte > b' ' && byte != 0x7f;
    if host.is_empty() || !host.bytes().all(is_host) {
        return Err(malformed("no host"));
    }
    match port {
        None => Ok((host, PORT)),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse() {
            Ok(port) if port > 0 => Ok((host, port)),
            _ => Err(malformed("no port")),
        },
        Some(_) => Err(malformed("no port")),
    }
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Result<Box<str>, ConnectError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = behind.get(..2).and_then(|hex| str::from_utf8(hex).ok());
        let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.ok_or_else(|| malformed("bad percent-encoding"))?);
        rest = &behind[2..];
    }
    let text = String::from_utf8(bytes).map_err(|_| malformed("credentials are no utf-8"))?;
    Ok(text.into())
}

/// Where NATS servers listen, by registration.
const PORT: u16 = 4222;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16, user: Option<&str>, password: Option<&str>) {
        let addr: ServerAddr = text.parse().unwrap();
        assert_eq!((addr.host(), addr.port()), (host, port), "{text}");
        assert_eq!((addr.user(), addr.password()), (user, password), "{text}");
    }

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        check("localhost", "localhost", 4222, None, None);
        check("nats://localhost:4333", "localhost", 4333, None, None);
        check("NATS://10.0.0.1", "10.0.0.1", 4222, None, None);
        check("nats://[::1]", "::1", 4222, None, None);
        check("[fe80::1]:1", "fe80::1", 1, None, None);
        check("nats://u:p@h:1", "h", 1, Some("u"), Some("p"));
        check("nats://t0ken@h", "h", 4222, Some("t0ken"), None);
        check(
            "nats://u%40x:p%3a%25@h/",
            "h",
            4222,
            Some("u@x"),
            Some("p:%"),
        );
        check("nats://u:p@ss@h", "h", 4222, Some("u"), Some("p@ss"));
        check("nats://u:@h", "h", 4222, Some("u"), Some(""));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "nats://",
            "nats://u:p@",
            "h:",
            "h:x",
            "h:0",
            "h:70000",
            "h:+1",
            "::1",
            "[::1",
            "[::1]x",
            "[h]",
            "http://h",
            "u%4@h",
            "u%zz@h",
            "u%ff@h",
            "a b",
        ] {
            let error = text.parse::<ServerAddr>().unwrap_err();
            assert_eq!(error.kind(), ConnectErrorKind::InvalidAddress, "{text:?}");
        }
        let error = "tls://h".parse::<ServerAddr>().unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::TlsUnsupported);
        assert_eq!(error.to_string(), "tls is not supported by this version");
    }

    #[test]
    fn credentials_stay_out_of_texts() {
        let addr: ServerAddr = "nats://u:p@[::1]:1".parse().unwrap();
        assert_eq!(format!("{addr} {addr:?}"), "[::1]:1 ServerAddr([::1]:1)");
    }

    #[test]
    fn several_addresses_are_one_pool() {
        assert_eq!("a, b:1".to_server_addrs().unwrap().len(), 2);
        assert_eq!(["a", "b"].to_server_addrs().unwrap().len(), 2);
        assert_eq!(vec!["a".to_owned()].to_server_addrs().unwrap().len(), 1);
        assert!("a,,b".to_server_addrs().is_err());
    }
}
