//! Making one connection: socket, handshake, deadline.

use std::io;

use bytes::BytesMut;
use dunlin_protocol::{Connect, Info};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::address::ServerAddr;
use crate::engine::handshake::{Handshake, HandshakeError, Progress};
use crate::error::{ConnectError, ConnectErrorKind};
use crate::options::ConnectOptions;
use crate::refusal::ServerErrorKind;
use crate::transport::Transport;

/// A connection whose handshake is done.
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    pub(crate) info: Box<Info>,
    /// What the server sent behind the handshake.
    pub(crate) input: BytesMut,
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
        let stream = TcpStream::connect((addr.host(), addr.port())).await;
        let stream =
            stream.map_err(|error| ConnectError::with_source(ConnectErrorKind::Io, error))?;
        // Without it a small message waits for the acknowledgement of the one before it.
        let no_delay = stream.set_nodelay(true);
        no_delay.map_err(|error| ConnectError::with_source(ConnectErrorKind::Io, error))?;
        shake_hands(Transport::Tcp(stream), Some(addr), options).await
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

async fn shake_hands(
    mut transport: Transport,
    addr: Option<&ServerAddr>,
    options: &ConnectOptions,
) -> Result<Connection, ConnectError> {
    let io_failed = |error: io::Error| ConnectError::with_source(ConnectErrorKind::Io, error);
    let mut handshake = Handshake::new(introduction(addr, options));
    let (mut input, mut out) = (BytesMut::with_capacity(INPUT_SIZE), Vec::new());
    loop {
        let progress = handshake.advance(&mut input, &mut out).map_err(refusal)?;
        if !out.is_empty() {
            transport.write_all(&out).await.map_err(io_failed)?;
            transport.flush().await.map_err(io_failed)?;
            out.clear();
        }
        if let Progress::Done(info) = progress {
            return Ok(Connection {
                transport,
                info,
                input,
            });
        }
        if transport.read_buf(&mut input).await.map_err(io_failed)? == 0 {
            return Err(io_failed(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// What the client says of itself.
fn introduction(addr: Option<&ServerAddr>, options: &ConnectOptions) -> Connect {
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
    options.auth.fill(&mut connect, addr);
    connect
}

fn refusal(error: HandshakeError) -> ConnectError {
    match error {
        HandshakeError::TlsRequired => ConnectErrorKind::TlsUnsupported.into(),
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
