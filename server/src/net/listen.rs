//! Listeners: new connections in, one loop each.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket as RawSocket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, lookup_host};

use super::drive::Drive;
use super::hub::Hub;
use super::pipe::{self, Pipe};
use super::socket::{Socket, Tcp, canonical};
use super::tls::{self, Current, Encryption, Opened};
use crate::link::{Arrival, Door, Origin, Outbox, Reason, Secured};

/// How many connections may wait to be accepted: a storm of ten thousand should not be refused.
const BACKLOG: i32 = 4096;
/// The pause after a failed accept, which is most often for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// After this much silence the system looks whether the other side is still there: the least that
/// keeps a home router from forgetting the connection. A guess.
const ALIVE_AFTER: Duration = Duration::from_secs(120);
/// How often it looks again when there is no answer.
const ALIVE_EVERY: Duration = Duration::from_secs(30);

/// Whether what a listener accepts sends at once because the listener would.
const INHERITS_NODELAY: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// What becomes of new connections.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) hub: Arc<Hub>,
    pub(crate) door: Arc<dyn Door>,
    /// None for connections in the open.
    pub(crate) encryption: Option<Arc<Encryption>>,
}

/// Binds the first address of `host` that can be bound; tells which, with the real port.
///
/// # Errors
///
/// The name has no address, or what the system said of the last one; most often that the port is
/// in use.
pub(crate) async fn bind(host: &str, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match bind_one(address).and_then(|socket| Ok((socket.local_addr()?, socket))) {
            Ok((address, socket)) => return Ok((socket, address)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What comes in waits until somebody accepts it.
fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = RawSocket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if cfg!(unix) {
        socket.set_reuse_address(true)?; // A restart must not wait for connections that are gone.
    }
    if address.is_ipv6() {
        socket.set_only_v6(false)?; // `::` listens on both, as the reference server's wildcard does.
    }
    // What comes in inherits it: for each connection a call less, and a person who types is never
    // asked for a PONG.
    let alive = TcpKeepalive::new().with_time(ALIVE_AFTER);
    socket.set_tcp_keepalive(&alive.with_interval(ALIVE_EVERY))?;
    if INHERITS_NODELAY {
        socket.set_tcp_nodelay(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl Listener {
    /// Accepts on `socket` until the server stops.
    pub(crate) fn listen(self, socket: TcpListener) {
        let hub = Arc::clone(&self.hub);
        self.keep_fresh();
        accept(&hub, socket, move |stream, address| {
            self.welcome(stream, address);
        });
    }

    /// Has certificates read again when their files change, where there are any.
    pub(super) fn keep_fresh(&self) {
        if let Some(encryption) = &self.encryption {
            let (listener, encryption) = (self.clone(), Arc::clone(encryption));
            self.hub.spawn(async move {
                let watch = std::pin::pin!(tls::keep_fresh(encryption));
                listener.until_closed(watch).await;
            });
        }
    }

    /// Serves a connection, or has it encrypted first.
    fn welcome(&self, stream: TcpStream, address: SocketAddr) {
        let encryption = self.encryption.as_ref();
        let current = encryption.and_then(|encryption| encryption.current());
        match encryption.zip(current) {
            None => self.serve(Tcp(stream), Some(address)),
            Some((encryption, current)) => {
                let encryption = Arc::clone(encryption);
                let opening = self.clone().encrypt(encryption, current, stream);
                self.hub.spawn(opening);
            }
        }
    }

    /// Agrees with the client on encryption, and serves it.
    async fn encrypt(self, encryption: Arc<Encryption>, current: Arc<Current>, stream: TcpStream) {
        let mut arrival = self
            .door
            .arrive(origin(stream.peer_addr().ok()), self.hub.now());
        let Some(_permit) = encryption.begin() else {
            let why = "too many handshakes are under way".to_owned();
            return arrival.turn_away(Reason::TlsHandshakeFailure, Some(why), self.hub.now());
        };
        let opened = {
            let mut opening = std::pin::pin!(encryption.open(&current, stream, &mut *arrival));
            self.until_closed(opening.as_mut()).await
        };
        match opened {
            Some(Ok(Opened::Plain(tcp))) => self.open(arrival, tcp, None),
            Some(Ok(Opened::Encrypted(tls, secured))) => self.open(arrival, *tls, Some(secured)),
            Some(Err(failure)) => {
                let why = failure.is_notable().then(|| failure.to_string());
                arrival.turn_away(Reason::TlsHandshakeFailure, why, self.hub.now());
            }
            None => arrival.turn_away(Reason::ServerShutdown, None, self.hub.now()),
        }
    }

    /// What comes of `work`; none if nobody new is to be accepted before.
    pub(super) async fn until_closed<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let mut closed = std::pin::pin!(self.hub.closed());
        std::future::poll_fn(|cx| match closed.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => work.as_mut().poll(cx).map(Some),
        })
        .await
    }

    /// A connection without a socket; the other end is served like any other.
    pub(crate) fn connect_in_process(&self) -> Pipe {
        let (ours, theirs) = pipe::pair(&self.hub);
        self.serve(ours, None);
        theirs
    }

    /// Serves one connection from now on.
    pub(super) fn serve<S: Socket>(&self, socket: S, address: Option<SocketAddr>) {
        let arrival = self.door.arrive(origin(address), self.hub.now());
        self.open(arrival, socket, None);
    }

    /// Begins the session of `arrival` on `socket`.
    pub(super) fn open<S: Socket>(
        &self,
        arrival: Box<dyn Arrival>,
        socket: S,
        secured: Option<Box<Secured>>,
    ) {
        let outbox = Arc::new(Outbox::new(socket, self.hub.pending_max));
        let shared: Arc<Outbox> = outbox.clone();
        let Some((id, alive)) = self.hub.enter(&shared) else {
            return arrival.turn_away(Reason::ServerShutdown, None, self.hub.now());
        };
        let session = arrival.open(shared, secured, self.hub.now());
        self.hub.run(Drive::new(
            id,
            outbox,
            session,
            Arc::clone(&self.hub),
            alive,
        ));
    }
}

fn origin(address: Option<SocketAddr>) -> Origin {
    Origin {
        address,
        ..Origin::default()
    }
}

/// Hands every connection that comes in on `socket` to `serve`, until the server stops.
pub(super) fn accept(
    hub: &Arc<Hub>,
    socket: TcpListener,
    serve: impl Fn(TcpStream, SocketAddr) + Send + 'static,
) {
    let poll = move |cx: &mut Context<'_>| socket.poll_accept(cx);
    accept_from(hub, poll, move |(stream, address)| {
        if !INHERITS_NODELAY {
            let _ = stream.set_nodelay(true); // Fails only on a socket that is gone.
        }
        serve(stream, canonical(address));
    });
}

/// Hands every connection that `poll` gives to `serve`, until the server stops.
pub(super) fn accept_from<S: Send + 'static>(
    hub: &Arc<Hub>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<S>> + Send + 'static,
    serve: impl Fn(S) + Send + 'static,
) {
    let owner = Arc::clone(hub);
    hub.spawn(async move {
        let mut stopped = std::pin::pin!(owner.closed());
        let mut is_failing = false; // So that a full table is logged once, not ten times a second.
        loop {
            let accepted = std::future::poll_fn(|cx| {
                if stopped.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                poll(cx).map(Some)
            });
            match accepted.await {
                None => return,
                Some(Ok(accepted)) => {
                    is_failing = false;
                    serve(accepted);
                }
                Some(Err(error)) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(%error, "cannot accept connections; trying again");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
}
