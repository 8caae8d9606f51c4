//! A connection inside the process: two queues of bytes, no socket, no system call.
//!
//! One end is served by the same loop as any connection; the other is an ordinary byte stream for
//! a client. Each direction holds at most [`CAPACITY`] bytes and keeps no memory while empty.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::Socket;
use crate::link::{Reason, Wire};

/// The most that one direction holds, in bytes: as much as the serving loop reads at once.
const CAPACITY: usize = super::worker::BUFFER_LEN;

/// The client's end of a connection inside the process.
///
/// Reads and writes like a socket: it waits when the server's queue of 128 KiB is full, ends when
/// the server closes, and closes when it is dropped. A dropped read or write future leaves nothing
/// behind: a byte is either taken or still there.
#[derive(Debug)]
pub struct Pipe {
    incoming: Arc<Half>,
    outgoing: Arc<Half>,
}

/// The server's end.
pub(super) struct ServerPipe(Pipe);

/// One direction.
#[derive(Debug, Default)]
struct Half {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: BytesMut,
    is_finished: bool,  // Nothing more will be written.
    is_abandoned: bool, // Nothing more will be read.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

pub(super) fn pair() -> (ServerPipe, Pipe) {
    let (up, down) = (Arc::<Half>::default(), Arc::<Half>::default());
    let server = Pipe {
        incoming: Arc::clone(&up),
        outgoing: Arc::clone(&down),
    };
    (
        ServerPipe(server),
        Pipe {
            incoming: down,
            outgoing: up,
        },
    )
}

impl Half {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut queue = self.queue.lock();
        if queue.is_abandoned || queue.is_finished {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut room = CAPACITY - queue.bytes.len();
        let mut written = 0;
        for buf in bufs {
            let part = &buf[..buf.len().min(room)];
            queue.bytes.extend_from_slice(part);
            room -= part.len();
            written += part.len();
        }
        if written == 0 && bufs.iter().any(|buf| !buf.is_empty()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let reader = queue.reader.take();
        drop(queue);
        reader.into_iter().for_each(Waker::wake);
        Ok(written)
    }

    /// Hands the bytes that are there to `take`, which says how many it took; 0 bytes are the end.
    fn try_read(&self, take: impl FnOnce(&[u8]) -> usize) -> io::Result<usize> {
        let mut queue = self.queue.lock();
        if queue.bytes.is_empty() {
            return if queue.is_finished {
                Ok(0)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        }
        let taken = take(&queue.bytes);
        queue.bytes.advance(taken);
        if queue.bytes.is_empty() {
            queue.bytes = BytesMut::new();
        }
        let writer = queue.writer.take();
        drop(queue);
        writer.into_iter().for_each(Waker::wake);
        Ok(taken)
    }

    fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if !queue.bytes.is_empty() || queue.is_finished {
            return Poll::Ready(());
        }
        queue.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_writable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.bytes.len() < CAPACITY || queue.is_abandoned || queue.is_finished {
            return Poll::Ready(());
        }
        queue.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn finish(&self) {
        let mut queue = self.queue.lock();
        queue.is_finished = true;
        let reader = queue.reader.take();
        drop(queue);
        reader.into_iter().for_each(Waker::wake);
    }

    fn abandon(&self) {
        let mut queue = self.queue.lock();
        queue.is_abandoned = true;
        queue.bytes = BytesMut::new();
        let writer = queue.writer.take();
        drop(queue);
        writer.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.outgoing.finish();
        self.incoming.abandon();
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let read = self.incoming.try_read(|bytes| {
                let len = bytes.len().min(buf.remaining());
                buf.put_slice(&bytes[..len]);
                len
            });
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::task::ready!(self.incoming.poll_readable(cx));
                }
                other => return Poll::Ready(other.map(|_| ())),
            }
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.outgoing.try_write(bufs) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::task::ready!(self.outgoing.poll_writable(cx));
                }
                other => return Poll::Ready(other),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.finish();
        Poll::Ready(Ok(()))
    }
}

impl Wire for ServerPipe {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.outgoing.try_write(bufs)
    }
}

impl Socket for ServerPipe {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.incoming.poll_readable(cx).map(Ok)
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.incoming.try_read(|bytes| {
            let len = bytes.len().min(buffer.len());
            buffer[..len].copy_from_slice(&bytes[..len]);
            len
        })
    }

    fn try_read_more(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.0.incoming.try_read(|bytes| {
            let len = bytes.len().min(buffer.capacity() - buffer.len());
            buffer.extend_from_slice(&bytes[..len]);
            len
        })
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.outgoing.poll_writable(cx).map(Ok)
    }

    fn finish(&self, _reason: Reason) {
        self.0.outgoing.finish();
    }

    fn peer_address(&self) -> Option<SocketAddr> {
        None
    }
}
