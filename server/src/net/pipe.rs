//! A connection inside the process: two queues of bytes, no socket, no system call.
//!
//! One end is served by the same loop as any connection; the other is an ordinary byte stream for
//! a client. Each direction holds at most two pieces of memory: one that is read and one that is
//! written, so that a writer that had to wait finds room for a whole piece. The pieces are the
//! server's, as those of its outboxes are: an empty queue keeps none, and a busy one finds them warm.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::hub::Hub;
use super::socket::Socket;
use crate::link::{PIECE_LEN, Reason, Wire};

/// What an empty queue sets aside for a little, in bytes: as much as the allocator has at hand.
const SMALL: usize = 1024;

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
struct Half {
    queue: Mutex<Queue>,
    /// Where pieces come from, as long as it is there.
    hub: Weak<Hub>,
}

#[derive(Debug, Default)]
struct Queue {
    /// What is read, and without a `back` also written.
    front: Vec<u8>,
    read: usize, // How much of it; less than all, unless it is empty.
    /// What is written behind it. No piece ever grows.
    back: Vec<u8>,
    is_finished: bool,  // Nothing more will be written.
    is_abandoned: bool, // Nothing more will be read.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What a write came to.
enum Written {
    Some(usize),
    /// Nothing: another piece is wanted first.
    NeedsPiece,
    /// Nothing, and there may be no other piece.
    IsFull,
}

pub(super) fn pair(hub: &Arc<Hub>) -> (ServerPipe, Pipe) {
    let half = || {
        Arc::new(Half {
            queue: Mutex::default(),
            hub: Arc::downgrade(hub),
        })
    };
    let (up, down) = (half(), half());
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

impl Queue {
    fn is_empty(&self) -> bool {
        self.read == self.front.len()
    }

    fn has_room(&self) -> bool {
        self.back.len() < PIECE_LEN
    }

    /// Where the next bytes go.
    fn end(&mut self) -> &mut Vec<u8> {
        match self.back.capacity() {
            0 => &mut self.front,
            _ => &mut self.back,
        }
    }

    /// Adds a piece, and what it has room for with it.
    fn write(&mut self, bufs: &[IoSlice<'_>], piece: Option<Vec<u8>>) -> Written {
        if let Some(piece) = piece {
            match self.front.capacity() {
                0 => self.front = piece,
                _ => self.back = piece,
            }
        }
        let end = self.end();
        let before = end.len();
        for buf in bufs {
            let room = end.capacity() - end.len();
            end.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        let written = end.len() - before;
        match written {
            0 if bufs.iter().all(|buf| buf.is_empty()) => Written::Some(0),
            0 if self.back.capacity() == 0 => Written::NeedsPiece,
            0 => Written::IsFull,
            _ => Written::Some(written),
        }
    }

    /// Hands the bytes of the first piece to `take`, which says how many it took. Some once it is
    /// empty: the piece, for somebody else.
    fn read(&mut self, take: &mut impl FnMut(&[u8]) -> usize) -> (usize, Option<Vec<u8>>) {
        let taken = take(&self.front[self.read..]);
        self.read += taken;
        if !self.is_empty() {
            return (taken, None);
        }
        self.read = 0;
        let emptied = std::mem::replace(&mut self.front, std::mem::take(&mut self.back));
        (taken, Some(emptied))
    }
}

impl Half {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut piece = None;
        loop {
            let mut queue = self.queue.lock();
            if queue.is_abandoned || queue.is_finished {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let written = match queue.write(bufs, piece.take()) {
                Written::Some(written) => written,
                Written::IsFull => return Err(io::ErrorKind::WouldBlock.into()),
                Written::NeedsPiece => {
                    let is_empty = queue.is_empty();
                    drop(queue);
                    piece = Some(self.piece(bufs, is_empty));
                    continue;
                }
            };
            let reader = queue.reader.take();
            drop(queue);
            reader.into_iter().for_each(Waker::wake);
            return Ok(written);
        }
    }

    /// Hands the bytes that are there to `take`, which says how many it took; 0 bytes are the end.
    fn try_read(&self, mut take: impl FnMut(&[u8]) -> usize) -> io::Result<usize> {
        let mut queue = self.queue.lock();
        if queue.is_empty() {
            return match queue.is_finished {
                true => Ok(0),
                false => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        let (mut taken, first) = queue.read(&mut take);
        let mut second = None;
        if first.is_some() && !queue.is_empty() {
            let (more, emptied) = queue.read(&mut take);
            taken += more;
            second = emptied;
        }
        let writer = match queue.has_room() {
            true => queue.writer.take(),
            false => None,
        };
        drop(queue);
        writer.into_iter().for_each(Waker::wake);
        first.into_iter().chain(second).for_each(|it| self.give(it));
        Ok(taken)
    }

    /// A piece for `bufs`. Nothing is locked meanwhile.
    fn piece(&self, bufs: &[IoSlice<'_>], is_empty: bool) -> Vec<u8> {
        if is_empty && bufs.iter().map(|buf| buf.len()).sum::<usize>() <= SMALL {
            return Vec::with_capacity(SMALL);
        }
        let known = self.hub.upgrade().and_then(|hub| hub.pool.take_large());
        known.unwrap_or_else(|| Vec::with_capacity(PIECE_LEN))
    }

    /// Takes an emptied piece back.
    fn give(&self, piece: Vec<u8>) {
        if piece.capacity() == PIECE_LEN
            && let Some(hub) = self.hub.upgrade()
        {
            hub.pool.give_large(piece);
            hub.stir();
        }
    }

    fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if !queue.is_empty() || queue.is_finished {
            return Poll::Ready(());
        }
        queue.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_writable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.has_room() || queue.is_abandoned || queue.is_finished {
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
        let pieces = [
            std::mem::take(&mut queue.front),
            std::mem::take(&mut queue.back),
        ];
        queue.read = 0;
        let writer = queue.writer.take();
        drop(queue);
        writer.into_iter().for_each(Waker::wake);
        pieces.into_iter().for_each(|piece| self.give(piece));
    }
}

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Half").finish_non_exhaustive()
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
        let mut filled = 0;
        self.0.incoming.try_read(|bytes| {
            let free = &mut buffer[filled..];
            let len = bytes.len().min(free.len());
            free[..len].copy_from_slice(&bytes[..len]);
            filled += len;
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
