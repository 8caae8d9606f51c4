//! From an accepted socket to a session: the handshake, within its time.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::{TcpListener, TcpStream};

use super::deflate::Pool;
use super::handshake::{self, Agreement};
use super::rules::Rules;
use super::stream::WebSocket;
use crate::link::{Origin, Reason, Secured};
use crate::net::listen::{Listener, accept};
use crate::net::socket::{Socket, Tcp};
use crate::net::tls::Failure;

/// How much is read of a request at a time, in bytes: most are shorter.
const PIECE_LEN: usize = 2048;

/// What the log says of who speaks in the open to an encrypted port.
const PLAIN_HELP: &str =
    "client began without a TLS handshake, but this port is encrypted: use wss://";

/// A listener for WebSockets.
pub(crate) struct WebsocketListener {
    pub(crate) listener: Listener,
    pub(crate) rules: Rules,
}

/// What all connections of a listener share.
struct Shared {
    listener: Listener,
    rules: Rules,
    pool: Arc<Pool>,
}

impl WebsocketListener {
    /// Accepts on `socket` until the server stops.
    pub(crate) fn listen(self, socket: TcpListener) {
        let hub = Arc::clone(&self.listener.hub);
        self.listener.keep_fresh();
        let shared = Arc::new(Shared {
            listener: self.listener,
            rules: self.rules,
            pool: Pool::new(),
        });
        accept(&hub, socket, move |stream, _| {
            let shared = Arc::clone(&shared);
            let hub = Arc::clone(&shared.listener.hub);
            hub.spawn(async move { shared.welcome(stream).await });
        });
    }
}

impl Shared {
    /// Serves one connection, encrypted if the listener is.
    async fn welcome(&self, stream: TcpStream) {
        let encryption = self.listener.encryption.as_ref();
        let current = encryption.and_then(|encryption| encryption.current());
        let Some((encryption, current)) = encryption.zip(current) else {
            return self.serve(Tcp(stream), None).await;
        };
        let address = stream.peer_addr().ok();
        let opening = std::pin::pin!(encryption.open_first(&current, stream));
        let why = match self.listener.until_closed(opening).await {
            Some(Some(Ok((tls, secured)))) => return self.serve(tls, Some(secured)).await,
            Some(Some(Err(Failure::NotTls(_)))) => PLAIN_HELP.to_owned(),
            Some(Some(Err(failure))) if failure.is_notable() => failure.to_string(),
            Some(None) => "too many handshakes".to_owned(),
            Some(Some(Err(_))) | None => return,
        };
        tracing::warn!(?address, "websocket TLS handshake error: {why}");
    }

    /// Serves one connection: its handshake here, the rest in a task of its own.
    async fn serve<S: Socket>(&self, socket: S, secured: Option<Box<Secured>>) {
        let Some(agreement) = self.agree(&socket).await else {
            return;
        };
        let origin = Origin {
            address: socket.peer_address(),
            forwarded_for: agreement.forwarded_for,
            cookies: agreement.cookies,
            ..Origin::default()
        };
        let arrival = self.listener.door.arrive(origin, self.listener.hub.now());
        let inflated_max = self.rules.inflated_max.load(Ordering::Relaxed);
        let socket = WebSocket::new(socket, agreement.manner, &self.pool, inflated_max);
        self.listener.open(arrival, socket, secured);
    }

    /// The handshake, within its time, and no longer than the server runs.
    async fn agree<S: Socket>(&self, socket: &S) -> Option<Agreement> {
        let limit = self.rules.handshake_timeout;
        let shaking = std::pin::pin!(tokio::time::timeout(limit, self.shake(socket)));
        self.listener.until_closed(shaking).await?.ok()?
    }

    /// Reads the request and answers it.
    async fn shake<S: Socket>(&self, socket: &S) -> Option<Agreement> {
        let mut head = Vec::new();
        loop {
            let Ok(1..) = receive(socket, &mut head).await else {
                return None; // Whoever only looked whether the port is open.
            };
            match handshake::read(&head, &self.rules) {
                Ok(None) => {}
                Ok(Some(agreement)) => {
                    send(socket, &agreement.answer).await.ok()?;
                    return Some(agreement);
                }
                Err(refusal) => {
                    let address = socket.peer_address();
                    tracing::warn!(?address, "websocket handshake error: {}", refusal.why);
                    send(socket, &refusal.answer()).await.ok()?;
                    socket.finish(Reason::ProtocolViolation);
                    linger(socket).await;
                    return None;
                }
            }
        }
    }
}

/// Reads until the other side hangs up: a socket closed over unread bytes takes back what was sent.
/// The handshake's own limit ends it.
async fn linger<S: Socket>(socket: &S) {
    let mut rest = Vec::new();
    while let Ok(1..) = receive(socket, &mut rest).await {
        rest.clear();
    }
}

/// Appends what there is to `head`; 0 bytes are the end.
async fn receive<S: Socket>(socket: &S, head: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        poll_fn(|cx| socket.poll_read_ready(cx)).await?;
        let start = head.len();
        head.resize(start + PIECE_LEN, 0);
        let read = socket.try_read(&mut head[start..]);
        head.truncate(start + read.as_ref().unwrap_or(&0));
        match read {
            Err(error) if is_temporary(&error) => {}
            other => return other,
        }
    }
}

async fn send<S: Socket>(socket: &S, mut text: &[u8]) -> io::Result<()> {
    loop {
        poll_fn(|cx| socket.poll_write_ready(cx)).await?;
        let sent = match text.is_empty() {
            true => socket.try_drain().map(|()| 0),
            false => socket.try_write(&[IoSlice::new(text)]),
        };
        match sent {
            Ok(_) if text.is_empty() => return Ok(()),
            Ok(sent) => text = &text[sent..],
            Err(error) if is_temporary(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
