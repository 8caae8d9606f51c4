//! What the loop needs from a stream of bytes: to be read and written through a shared reference,
//! without waiting, from any thread.

use std::io::{self, IoSlice, Read};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::link::{Reason, Wire};

/// A stream of bytes that one loop reads and anybody may write.
pub(super) trait Socket: Wire + Sized + 'static {
    /// Ready when there is something to read, or an end to see.
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads what is there into `buffer`; 0 is the end.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Reads what is there into the free space of `buffer`; 0 is the end.
    fn try_read_more(&self, buffer: &mut BytesMut) -> io::Result<usize>;

    /// Ready when something can be written.
    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Says that nothing more will be written, and why, where there are words for it.
    fn finish(&self, reason: Reason);

    /// Lets go of the connection, whatever is left to send.
    fn abandon(&self, reason: Reason) {
        self.finish(reason);
    }

    /// Whether dropping it lets go of the connection as [`Socket::abandon`] would.
    fn ends_when_dropped(&self) -> bool {
        false
    }

    /// The other side's address, if it has one.
    fn peer_address(&self) -> Option<SocketAddr>;
}

/// An IPv4 address that came in by an IPv6 socket is an IPv4 address.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A TCP connection.
pub(super) struct Tcp(pub(super) TcpStream);

impl Wire for Tcp {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match bufs {
            [only] => self.0.try_write(only),
            many => self.0.try_write_vectored(many),
        }
    }
}

impl Socket for Tcp {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }

    /// A read that leaves room has emptied the socket: saying so to the runtime, which hears of
    /// new bytes by an edge, saves the read that would find nothing.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut got = 0;
        let result = self.0.try_io(Interest::READABLE, || {
            let read = (&*SockRef::from(&self.0)).read(buffer)?;
            got = read;
            if read > 0 && read < buffer.len() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(read)
        });
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && got > 0 => Ok(got),
            other => other,
        }
    }

    fn try_read_more(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.0.try_read_buf(buffer)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(cx)
    }

    fn finish(&self, _reason: Reason) {
        // A socket that is gone already has been finished by the other side.
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Write);
    }

    fn ends_when_dropped(&self) -> bool {
        true
    }

    fn peer_address(&self) -> Option<SocketAddr> {
        Some(canonical(self.0.peer_addr().ok()?))
    }
}
