//! The WebSocket listener: what it obeys, who may connect by it, and its beginning.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpListener;

use super::{Server, StartError};
use crate::doors::nats::{self, NatsDoor, Way};
use crate::net::{
    self, CookieNames, Encryption, Place, Prepared, Rules, TlsOptions, WebsocketListener,
};
use crate::options::{Builder, WebsocketOptions};
use crate::peer::{Access, ConnectionType};

/// How many times the largest message a compressed one may become, and the most in bytes: what the
/// reference server allows.
const INFLATED_TIMES: u64 = 8;
const INFLATED_MAX: u64 = 64 * 1024 * 1024;
/// What a largest message needs beside its payload, in bytes: its line, and others.
const INFLATED_LINES: u64 = 64 * 1024;
/// Headers of the answer that are the server's own.
const OWN_HEADERS: [&str; 5] = [
    "host",
    "content-length",
    "connection",
    "upgrade",
    "nats-no-masking",
];
/// What other headers of the server's own begin with.
const OWN_HEADER_PREFIX: &str = "sec-websocket-";

/// A listener that is open.
pub(super) struct WebsocketPort {
    pub(super) address: SocketAddr,
    inflated_max: Arc<AtomicU64>,
    encryption: Arc<Encryption>,
}

/// A listener that is bound, and serves nobody so far.
pub(super) struct Bound {
    socket: TcpListener,
    address: SocketAddr,
    rules: Rules,
    way: Way,
    encryption: Arc<Encryption>,
}

/// Who may connect, where that is not as for everybody.
///
/// # Errors
///
/// The rules contradict each other.
pub(super) fn access(options: &Builder) -> Result<Option<Access>, StartError> {
    let Some(websocket) = &options.websocket else {
        return Ok(None);
    };
    let (own, guest) = (&websocket.authorization, &websocket.no_auth_user);
    if own.is_none() && guest.is_none() {
        return Ok(None);
    }
    let mut authorization = own.as_ref().unwrap_or(&options.authorization).clone();
    if let Some(guest) = guest {
        authorization = authorization.no_auth_user(guest);
    }
    let access = Access::new(&authorization).map_err(StartError::Authorization)?;
    let handshake = options.tls.as_ref().map(TlsOptions::handshake_max);
    Ok(Some(access.after_handshake(handshake)))
}

/// Binds the address that the options name, if they do.
///
/// # Errors
///
/// It cannot be bound, or an option makes no sense.
pub(super) async fn bind(options: &Builder) -> Result<Option<Bound>, StartError> {
    let Some(websocket) = &options.websocket else {
        return Ok(None);
    };
    let rules = rules(websocket, options)?;
    let encryption = Encryption::new(websocket.tls.clone()).map_err(StartError::Tls)?;
    let host = websocket.host.as_ref().unwrap_or(&options.host);
    let (socket, address) = net::bind(host, websocket.port)
        .await
        .map_err(|error| StartError::listen(host, websocket.port, error))?;
    let tls = websocket.tls.as_ref();
    let way = Way {
        kind: ConnectionType::Websocket,
        host: host.clone(),
        port: address.port(),
        encryption: match tls {
            None => nats::Encryption::None,
            Some(_) => nats::Encryption::Required,
        },
        is_verified: tls.is_some_and(TlsOptions::wants_certificates),
        maps_certificates: tls.is_some_and(TlsOptions::maps_certificates),
        ping_interval: websocket.ping_interval,
        lag: websocket.lag,
    };
    Ok(Some(Bound {
        socket,
        address,
        rules,
        way,
        encryption,
    }))
}

impl Bound {
    /// What encrypts it.
    #[cfg(feature = "http")]
    pub(super) fn encryption(&self) -> Arc<Encryption> {
        Arc::clone(&self.encryption)
    }

    /// Begins to serve.
    pub(super) fn listen(self, server: &Server) -> WebsocketPort {
        let port = WebsocketPort {
            address: self.address,
            inflated_max: Arc::clone(&self.rules.inflated_max),
            encryption: Arc::clone(&self.encryption),
        };
        let scheme = match self.rules.is_encrypted {
            true => "wss",
            false => "ws",
        };
        let mut listener = server.listener(&NatsDoor::new(&server.nats, self.way));
        listener.encryption = Some(self.encryption);
        let listener = WebsocketListener {
            listener,
            rules: self.rules,
        };
        listener.listen(self.socket);
        tracing::info!(
            "Listening for websocket clients on {scheme}://{}",
            self.address
        );
        if scheme == "ws" {
            tracing::warn!("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!");
        }
        port
    }
}

impl WebsocketPort {
    /// Follows what of the options can change.
    pub(super) fn obey(&self, options: &Builder, encryption: Prepared) {
        let inflated_max = inflated_max(options);
        self.inflated_max.store(inflated_max, Ordering::Relaxed);
        self.encryption.obey(encryption);
    }
}

fn rules(websocket: &WebsocketOptions, options: &Builder) -> Result<Rules, StartError> {
    let place = |text: &String| {
        let wrong = || StartError::Origin { text: text.clone() };
        Place::parse(text).ok_or_else(wrong)
    };
    if let Some((name, _)) = websocket.headers.iter().find(|it| !is_possible(it)) {
        return Err(StartError::Header { name: name.clone() });
    }
    Ok(Rules {
        same_origin: websocket.same_origin,
        allowed_origins: websocket
            .allowed_origins
            .iter()
            .map(place)
            .collect::<Result<_, _>>()?,
        handshake_timeout: websocket.handshake_timeout,
        has_compression: websocket.has_compression,
        cookies: CookieNames {
            user: websocket.user_cookie.clone(),
            pass: websocket.pass_cookie.clone(),
            token: websocket.token_cookie.clone(),
        },
        headers: websocket.headers.clone(),
        inflated_max: Arc::new(AtomicU64::new(inflated_max(options))),
        is_encrypted: websocket.tls.is_some(),
    })
}

fn inflated_max(options: &Builder) -> u64 {
    let payload_max = options.payload_max as u64;
    (payload_max * INFLATED_TIMES)
        .min(INFLATED_MAX)
        .max(payload_max + INFLATED_LINES)
}

/// Whether a header can stand in an answer without breaking it.
fn is_possible((name, value): &(String, String)) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_own = OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with(OWN_HEADER_PREFIX);
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_text = |letter: char| !letter.is_control() || letter == '\t';
    !is_own && !name.is_empty() && name.bytes().all(is_token) && value.chars().all(is_text)
}
