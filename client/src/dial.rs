//! Making one connection: socket, TLS, handshake, deadline.

use std::io;

use bytes::BytesMut;
use dunlin_protocol::{Connect, Info};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::address::{Scheme, ServerAddr};
use crate::engine::handshake::{Handshake, HandshakeError, Progress};
use crate::error::{ConnectError, ConnectErrorKind};
use crate::options::ConnectOptions;
use crate::refusal::ServerErrorKind;
use crate::tls;
use crate::transport::Transport;
use crate::websocket;

/// A connection whose handshake is done.
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    pub(crate) info: Box<Info>,
    /// What the server sent behind the handshake.
    pub(crate) input: BytesMut,
    /// Where it leads; none for a stream that was given.
    pub(crate) addr: Option<ServerAddr>,
}

/// Connects to `addr`.
///
/// # Cancel safety
///
/// Dropping the future closes the socket.
pub(crate) async fn dial(
    addr: &ServerAddr,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let attempt = async {
        let transport = open(addr, options).await?;
        shake_hands(transport, Some(addr), options).await
    };
    let outcome = timeout(options.connection_timeout, attempt).await;
    let outcome = outcome.unwrap_or_else(|_| Err(ConnectErrorKind::TimedOut.into()));
    outcome.map_err(|error| match error.detail() {
        Some(detail) => {
            let detail = format!("{addr}: {detail}");
            error.about(detail)
        }
        None => error.about(addr.to_string()),
    })
}

/// Makes a connection out of a stream that stands already.
pub(crate) async fn adopt(
    transport: Transport,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let outcome = timeout(
        options.connection_timeout,
        shake_hands(transport, None, options),
    )
    .await;
    outcome.unwrap_or_else(|_| Err(ConnectErrorKind::TimedOut.into()))
}

/// The byte stream to `addr`, up to where NATS begins.
async fn open(addr: &ServerAddr, options: &ConnectOptions) -> Result<Transport, ConnectError> {
    match addr.scheme() {
        Scheme::Unix => unix(addr.path()).await,
        Scheme::Nats | Scheme::Tls if options.tls.is_first => {
            tls::wrap(tcp(addr).await?, addr.tls_name(), &options.tls).await
        }
        Scheme::Nats | Scheme::Tls => tcp(addr).await,
        Scheme::WebSocket => websocket::wrap(tcp(addr).await?, addr).await,
        Scheme::WebSocketTls => {
            let transport = tls::wrap(tcp(addr).await?, addr.tls_name(), &options.tls).await?;
            websocket::wrap(transport, addr).await
        }
    }
}

async fn tcp(addr: &ServerAddr) -> Result<Transport, ConnectError> {
    let stream = TcpStream::connect((addr.host(), addr.port())).await;
    let stream = stream.map_err(io_failed)?;
    // Without it a small message waits for the acknowledgement of the one before it.
    stream.set_nodelay(true).map_err(io_failed)?;
    Ok(Transport::Tcp(stream))
}

#[cfg(unix)]
async fn unix(path: &str) -> Result<Transport, ConnectError> {
    let stream = tokio::net::UnixStream::connect(path).await;
    Ok(Transport::Given(Box::new(stream.map_err(io_failed)?)))
}

#[cfg(not(unix))]
async fn unix(_path: &str) -> Result<Transport, ConnectError> {
    let detail = "this system has no unix-domain sockets";
    Err(ConnectError::with_detail(
        ConnectErrorKind::Unsupported,
        detail,
    ))
}

async fn shake_hands(
    mut transport: Transport,
    addr: Option<&ServerAddr>,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let mut handshake = Handshake::default();
    let (mut input, mut out) = (BytesMut::with_capacity(INPUT_SIZE), Vec::new());
    loop {
        let mut progress = handshake.advance(&mut input, &mut out).map_err(refusal)?;
        while let Progress::Greeted(info) = progress {
            if wants_tls(addr, &info, options)? {
                if !input.is_empty() {
                    return Err(said_too_much(&mut handshake, &mut input));
                }
                let name = addr.map_or("", |addr| addr.tls_name());
                transport = tls::wrap(transport, name, &options.tls).await?;
            }
            let connect = introduction(addr, &info, options).await?;
            handshake.introduce(connect, &mut out);
            progress = handshake.advance(&mut input, &mut out).map_err(refusal)?;
        }
        if !out.is_empty() {
            transport.write_all(&out).await.map_err(tls::explain)?;
            transport.flush().await.map_err(tls::explain)?;
            out.clear();
        }
        if let Progress::Done(info) = progress {
            return Ok(Connection {
                transport,
                info,
                input,
                addr: addr.cloned(),
            });
        }
        if transport.read_buf(&mut input).await.map_err(tls::explain)? == 0 {
            return Err(io_failed(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// Whether to switch to TLS behind INFO: where either side demands it and it is not there yet.
fn wants_tls(
    addr: Option<&ServerAddr>,
    info: &Info,
    options: &ConnectOptions,
) -> Result<bool, ConnectError> {
    let Some(addr) = addr else {
        return Ok(false); // What lies under a given stream is the caller's.
    };
    let is_wrapped = match addr.scheme() {
        // Of these INFO tells what was done below them.
        Scheme::WebSocket | Scheme::WebSocketTls | Scheme::Unix => return Ok(false),
        Scheme::Nats | Scheme::Tls => options.tls.is_first,
    };
    let is_demanded = options.tls.is_required || addr.scheme() == Scheme::Tls;
    let is_offered = info.tls_required || info.tls_available;
    match is_demanded && !is_offered && !is_wrapped {
        true => Err(ConnectError::with_detail(
            ConnectErrorKind::Tls,
            "tls is required here, and the server has none",
        )),
        false => Ok(!is_wrapped && (info.tls_required || is_demanded)),
    }
}

/// Whatever stands between INFO and TLS came in the clear from anybody: only a refusal is heard.
fn said_too_much(handshake: &mut Handshake, input: &mut BytesMut) -> ConnectError {
    match handshake.advance(input, &mut Vec::new()) {
        Err(error @ HandshakeError::Refused(_)) => refusal(error),
        _ => ConnectError::with_detail(
            ConnectErrorKind::Protocol,
            "server went on in the clear after it had demanded tls",
        ),
    }
}

/// What the client says of itself.
async fn introduction(
    addr: Option<&ServerAddr>,
    info: &Info,
    options: &ConnectOptions,
) -> Result<Connect, ConnectError> {
    let mut connect = Connect {
        verbose: false,
        pedantic: false,
        echo: options.echo,
        headers: true,
        no_responders: options.no_responders,
        protocol: 1,
        name: options.name.clone(),
        lang: "rust".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Connect::default()
    };
    let identity = &options.identity;
    identity.fill(&mut connect, addr, &info.nonce).await?;
    Ok(connect)
}

fn io_failed(error: io::Error) -> ConnectError {
    ConnectError::with_source(ConnectErrorKind::Io, error)
}

fn refusal(error: HandshakeError) -> ConnectError {
    match error {
        HandshakeError::Parse(error) => {
            ConnectError::with_source(ConnectErrorKind::Protocol, error)
        }
        HandshakeError::Unexpected => ConnectErrorKind::Protocol.into(),
        HandshakeError::Refused(error) => {
            let kind = match error.kind {
                ServerErrorKind::Authentication => ConnectErrorKind::Authentication,
                _ => ConnectErrorKind::Refused,
            };
            let detail = error.text.clone();
            ConnectError::with_source(kind, error).about(detail)
        }
    }
}

/// An INFO is less than 1 KiB, but for large clusters.
const INPUT_SIZE: usize = 4096;
