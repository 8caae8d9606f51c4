//! What can be chosen about a WebSocket listener.

use std::time::Duration;

use crate::net::TlsOptions;
use crate::peer::{Authorization, Lag};

/// A listener for WebSockets, for [`Builder::websocket`](crate::Builder::websocket).
///
/// Browsers and clients that speak `ws://` connect here and are clients like any other: the same
/// subjects, the same permissions, by [`ConnectionType::Websocket`](crate::ConnectionType). Any path
/// will do.
///
/// ```
/// use dunlin_server::{Server, WebsocketOptions};
///
/// let pages = WebsocketOptions::new(8080).allowed_origin("https://example.com");
/// let server = Server::builder().websocket(pages);
/// ```
///
/// Source: protocol.md#websocket.
#[derive(Debug, Clone, PartialEq)]
pub struct WebsocketOptions {
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
    pub(crate) tls: Option<TlsOptions>,
    pub(crate) same_origin: bool,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) handshake_timeout: Duration,
    pub(crate) has_compression: bool,
    pub(crate) authorization: Option<Authorization>,
    pub(crate) no_auth_user: Option<String>,
    pub(crate) user_cookie: Option<String>,
    pub(crate) pass_cookie: Option<String>,
    pub(crate) token_cookie: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) lag: Option<Lag>,
}

impl WebsocketOptions {
    /// Listens on `port` of the server's host; 0 takes a free one, which
    /// [`Server::websocket_addr`](crate::Server::websocket_addr) tells.
    pub fn new(port: u16) -> Self {
        Self {
            host: None,
            port,
            tls: None,
            same_origin: false,
            allowed_origins: Vec::new(),
            handshake_timeout: Duration::from_secs(2),
            has_compression: false,
            authorization: None,
            no_auth_user: None,
            user_cookie: None,
            pass_cookie: None,
            token_cookie: None,
            headers: Vec::new(),
            ping_interval: None,
            lag: None,
        }
    }

    /// Listens on this address or host name. Default: the server's.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Encrypts the connections, from their first byte on: `wss://`. Default: all are in the open.
    pub fn tls(mut self, tls: TlsOptions) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whether pages may only connect to the host that they came from. Clients that are no browsers
    /// name no origin and are not asked for one. Default: no.
    pub fn same_origin(mut self, is_on: bool) -> Self {
        self.same_origin = is_on;
        self
    }

    /// Lets pages of one more origin connect, `scheme://host[:port]`, and those of no other that is
    /// not named. Default: every origin may.
    pub fn allowed_origin(mut self, origin: impl Into<String>) -> Self {
        self.allowed_origins.push(origin.into());
        self
    }

    /// How long the HTTP request may take, and its answer. Default: 2 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Whether messages are compressed for clients that offer it (permessage-deflate). What a
    /// client sends may become at most eight times the largest message, and at most 64 MiB, but a
    /// largest message always fits. Default: no.
    pub fn compression(mut self, is_on: bool) -> Self {
        self.has_compression = is_on;
        self
    }

    /// Who may connect here, in place of the server's own rules. Default: the server's.
    pub fn authorization(mut self, authorization: Authorization) -> Self {
        self.authorization = Some(authorization);
        self
    }

    /// Takes who brings no credentials here for this user of the server. Default: as for others.
    pub fn no_auth_user(mut self, user: impl Into<String>) -> Self {
        self.no_auth_user = Some(user.into());
        self
    }

    /// The cookie whose value is the user, where CONNECT names none.
    pub fn user_cookie(mut self, name: impl Into<String>) -> Self {
        self.user_cookie = Some(name.into());
        self
    }

    /// The cookie whose value is the password, where CONNECT has none.
    pub fn pass_cookie(mut self, name: impl Into<String>) -> Self {
        self.pass_cookie = Some(name.into());
        self
    }

    /// The cookie whose value is the token, where CONNECT has none.
    pub fn token_cookie(mut self, name: impl Into<String>) -> Self {
        self.token_cookie = Some(name.into());
        self
    }

    /// One more header of the answer to the HTTP request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// How often a quiet client is asked whether it is alive; zero asks never. Default: the
    /// server's.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = Some(interval);
        self
    }

    /// What becomes of messages for those who come here and do not keep up. Default: as for others.
    pub fn lag(mut self, lag: Lag) -> Self {
        self.lag = Some(lag);
        self
    }

    /// Whether a server that runs can take these options over: only certificates may differ.
    pub(crate) fn can_become(&self, other: &Self) -> bool {
        let with_tls_of_other = Self {
            tls: other.tls.clone(),
            ..self.clone()
        };
        self.tls.is_some() == other.tls.is_some() && with_tls_of_other == *other
    }
}
