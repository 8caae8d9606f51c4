//! Server addresses: `nats://user:password@host:port` and its relatives, read by hand.

use std::fmt;
use std::str::FromStr;

use crate::error::{ConnectError, ConnectErrorKind};

/// Where a server listens, how to speak to it, and as whom to go there.
///
/// ```text
/// [nats://][user[:password]@]host[:port]     port 4222 if there is none
/// [nats://][token@]host[:port]               a user without password is a token
/// tls://[user[:password]@]host[:port]        the same, but never without TLS
/// ws://host[:port][/path]                    WebSocket, port 80 (feature `websocket`)
/// wss://host[:port][/path]                   WebSocket over TLS, port 443 (and a TLS feature)
/// unix:/path/to/socket                       a Unix-domain socket
/// ```
///
/// The host is a name, an IPv4 address or an IPv6 address in brackets; user and password may be
/// percent-encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerAddr {
    scheme: Scheme,
    host: Box<str>, // Without brackets; empty for a Unix-domain socket.
    port: u16,
    user: Option<Box<str>>,
    password: Option<Box<str>>,
    path: Box<str>, // Of a WebSocket, with its slash; of a Unix-domain socket, as the system has it.
    /// The name that the certificate must show, where it is not the host.
    tls_name: Option<Box<str>>,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Nats,
    Tls,
    WebSocket,
    WebSocketTls,
    Unix,
}

impl ServerAddr {
    /// The host, an IPv6 address without its brackets; empty for a Unix-domain socket.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 for a Unix-domain socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The path of a WebSocket or of a Unix-domain socket.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The name that the server's certificate must show.
    pub(crate) fn tls_name(&self) -> &str {
        self.tls_name.as_deref().unwrap_or(&self.host)
    }

    /// The user, or the token if there is no password.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Makes of an address that `other`'s server told of one to be dialled: servers of one cluster
    /// let the same users in, are spoken to alike, and show a name where they tell a number.
    pub(crate) fn told_by(mut self, other: &Self) -> Self {
        self.scheme = other.scheme;
        self.user.clone_from(&other.user);
        self.password.clone_from(&other.password);
        self.path.clone_from(&other.path);
        if self.host.parse::<std::net::IpAddr>().is_ok() {
            self.tls_name = Some(other.tls_name().into());
        }
        self
    }

    /// Whether both are the same place.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        let is_unix = (self.scheme == Scheme::Unix, other.scheme == Scheme::Unix);
        match is_unix {
            (false, false) => {
                self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
            }
            (true, true) => self.path == other.path,
            _ => false,
        }
    }
}

impl FromStr for ServerAddr {
    type Err = ConnectError;

    fn from_str(text: &str) -> Result<Self, ConnectError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
        let (scheme, default_port) = match &*scheme.to_ascii_lowercase() {
            "nats" => (Scheme::Nats, PORT),
            "tls" => (Scheme::Tls, PORT),
            "ws" => (Scheme::WebSocket, 80),
            "wss" => (Scheme::WebSocketTls, 443),
            _ => return Err(malformed("unknown scheme")),
        };
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(authority_end);
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
        let path = match scheme {
            Scheme::WebSocket | Scheme::WebSocketTls => web_path(path)?,
            _ => "".into(),
        };
        Ok(Self {
            scheme,
            host: host.into(),
            port: port.unwrap_or(default_port),
            user,
            password,
            path,
            tls_name: None,
        })
    }
}

/// Host and port, and the scheme where it is not the usual one: credentials stay out of logs.
impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scheme {
            Scheme::Nats => "",
            Scheme::Tls => "tls://",
            Scheme::WebSocket => "ws://",
            Scheme::WebSocketTls => "wss://",
            Scheme::Unix => return write!(f, "unix:{}", self.path),
        })?;
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
    /// One of them is malformed.
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

/// `unix:/path`, or with more slashes, as some write it.
fn unix(path: &str) -> Result<ServerAddr, ConnectError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains('\0') {
        return Err(malformed("no path of a socket"));
    }
    Ok(ServerAddr {
        scheme: Scheme::Unix,
        host: "".into(),
        port: 0,
        user: None,
        password: None,
        path: path.into(),
        tls_name: None,
    })
}

/// The path of an HTTP request: what would break its first line is refused.
fn web_path(path: &str) -> Result<Box<str>, ConnectError> {
    let path = path.split('#').next().unwrap_or_default();
    match path.bytes().all(|byte| byte.is_ascii_graphic()) {
        true if path.starts_with('/') => Ok(path.into()),
        true => Ok(format!("/{path}").into()),
        false => Err(malformed("path has a blank or a letter that is not ascii")),
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_place(place: &str) -> Result<(&str, Option<u16>), ConnectError> {
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
        None => Ok((host, None)),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
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
    }

    #[test]
    fn the_scheme_says_how_to_speak() {
        for (text, scheme, shown, path) in [
            ("h", Scheme::Nats, "h:4222", ""),
            ("tls://u:p@h", Scheme::Tls, "tls://h:4222", ""),
            ("ws://h", Scheme::WebSocket, "ws://h:80", "/"),
            (
                "wss://h/a/b?c#d",
                Scheme::WebSocketTls,
                "wss://h:443",
                "/a/b?c",
            ),
            ("ws://[::1]:1?c", Scheme::WebSocket, "ws://[::1]:1", "/?c"),
            (
                "unix:/run/n.sock",
                Scheme::Unix,
                "unix:/run/n.sock",
                "/run/n.sock",
            ),
            ("unix:///n.sock", Scheme::Unix, "unix:/n.sock", "/n.sock"),
            ("unix:n.sock", Scheme::Unix, "unix:n.sock", "n.sock"),
        ] {
            let addr: ServerAddr = text.parse().unwrap();
            assert_eq!((addr.scheme(), addr.path()), (scheme, path), "{text}");
            assert_eq!(addr.to_string(), shown, "{text}");
        }
        for text in ["ws://h/a b", "ws://h/\r\n", "wss://", "unix:", "unix://"] {
            assert!(text.parse::<ServerAddr>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_told_address_is_dialled_like_the_one_that_told() {
        let first: ServerAddr = "tls://u:p@one.example".parse().unwrap();
        let told = |text: &str| text.parse::<ServerAddr>().unwrap().told_by(&first);
        let by_number = told("10.0.0.2:4333");
        assert_eq!(by_number.to_string(), "tls://10.0.0.2:4333");
        assert_eq!(by_number.tls_name(), "one.example");
        assert_eq!(by_number.user(), Some("u"));
        assert_eq!(told("two.example:1").tls_name(), "two.example");
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
