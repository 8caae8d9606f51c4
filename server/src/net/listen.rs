//! Listeners: new connections in, one loop each.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::net::TcpListener;

use super::drive::Drive;
use super::hub::Hub;
use super::pipe::{self, Pipe};
use super::socket::{Socket, Tcp};
use crate::link::{Arrival, Door, Origin, Outbox, Reason, Secured};

/// How many connections may wait to be accepted: a storm of ten thousand should not be refused.
const BACKLOG: i32 = 4096;
/// The pause after a failed accept, which is most often for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket and the door behind it.
pub(crate) struct Listener {
    pub(crate) hub: Arc<Hub>,
    pub(crate) door: Arc<dyn Door>,
}

/// Binds `address`; what comes in waits until somebody accepts it.
///
/// # Errors
///
/// What the system said; most often that the port is in use.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
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
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl Listener {
    /// Accepts on `socket` until the server stops.
    pub(crate) fn listen(self, socket: TcpListener) {
        let hub = Arc::clone(&self.hub);
        hub.spawn(async move {
            let mut stopped = std::pin::pin!(self.hub.closed());
            let mut is_failing = false; // So that a full table is logged once, not ten times a second.
            loop {
                let accepted = std::future::poll_fn(|cx| {
                    if stopped.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(None);
                    }
                    socket.poll_accept(cx).map(Some)
                });
                match accepted.await {
                    None => return,
                    Some(Ok((stream, _))) => {
                        is_failing = false;
                        let _ = stream.set_nodelay(true); // Fails only on a socket that is gone.
                        self.serve(Tcp(stream));
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

    /// A connection without a socket; the other end is served like any other.
    pub(crate) fn connect_in_process(&self) -> Pipe {
        let (ours, theirs) = pipe::pair();
        self.serve(ours);
        theirs
    }

    /// Serves one connection from now on.
    fn serve<S: Socket>(&self, socket: S) {
        let origin = Origin {
            address: socket.peer_address(),
            ..Origin::default()
        };
        let arrival = self.door.arrive(origin);
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
            return arrival.turn_away(Reason::ServerShutdown);
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
