//! An encrypted TCP connection, read by its loop and written by anybody, like one in the open.
//!
//! What has been decrypted and not been read is seen without asking the socket; what has been
//! encrypted and not been sent is held, at most [`WRITE_MAX`] and what encryption adds, and nothing
//! more is taken before it is gone.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use rustls::CommonState;

use super::engine::Engine;
use crate::link::{Reason, Wire};
use crate::net::socket::{Socket, Tcp};

/// How much is encrypted before it is written, in bytes: four full records a system call. A guess.
const WRITE_MAX: usize = 64 * 1024;
/// The buffer for a read into less room than a read wants, in bytes; below what the C library takes
/// from the kernel each time.
const SCRATCH_LEN: usize = 96 * 1024;

/// The encrypted connection.
pub(crate) struct Tls {
    tcp: Tcp,
    state: Mutex<State>,
}

struct State {
    engine: Engine,
    /// Decrypted, for the next read.
    plain: Bytes,
    /// Encrypted, for the socket.
    held: Vec<u8>,
}

impl Tls {
    pub(super) fn new(tcp: Tcp, engine: Engine) -> Self {
        let state = State {
            engine,
            plain: Bytes::new(),
            held: Vec::new(),
        };
        Self {
            tcp,
            state: Mutex::new(state),
        }
    }

    /// Ready once the handshake is done.
    ///
    /// # Errors
    ///
    /// What the socket said, or the peer did wrong; the peer has been told.
    pub(super) fn poll_handshake(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut state = self.state.lock();
            match state.send_held(&self.tcp) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    drop(state);
                    ready!(self.tcp.poll_write_ready(cx))?;
                    continue;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            if !state.engine.agreed().is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            match state.read_aside(&self.tcp) {
                Ok(0) if state.engine.agreed().is_handshaking() => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // It may have been answered without anything to read coming out of it.
                    if state.held.is_empty() && state.engine.agreed().is_handshaking() {
                        drop(state);
                        ready!(self.tcp.poll_read_ready(cx))?;
                    }
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// The connection below.
    pub(super) fn tcp(&self) -> &Tcp {
        &self.tcp
    }

    /// Shows `look` what has been agreed on.
    pub(super) fn with_agreed<T>(&self, look: impl FnOnce(&CommonState) -> T) -> T {
        look(self.state.lock().engine.agreed())
    }
}

impl State {
    /// Writes what is held; `WouldBlock` while some is left.
    fn send_held(&mut self, tcp: &Tcp) -> io::Result<()> {
        let mut sent = 0;
        let result = loop {
            match &self.held[sent..] {
                [] => break Ok(()),
                rest => match tcp.try_write(&[IoSlice::new(rest)]) {
                    Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => sent += written,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => break Err(error),
                },
            }
        };
        if sent == self.held.len() {
            self.held = Vec::new();
        } else {
            self.held.drain(..sent);
        }
        result
    }

    /// Reads and decrypts into `buffer`; 0 is the end.
    fn read(&mut self, tcp: &Tcp, buffer: &mut [u8]) -> io::Result<usize> {
        let start = self.engine.lay_out(buffer);
        let read = tcp.try_read(&mut buffer[start..])?;
        if read == 0 {
            return Ok(0); // Without a farewell, as many clients leave; no message is cut by it.
        }
        let received = self
            .engine
            .receive(&mut buffer[..start + read], &mut self.held);
        if !self.held.is_empty() {
            // What cannot be said now is said before whatever is said next.
            let _ = self.send_held(tcp);
        }
        match received {
            Ok(0) if !self.engine.is_finished() => Err(io::ErrorKind::WouldBlock.into()),
            Ok(plain) => Ok(plain),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }

    /// Reads and decrypts into memory of its own, for whoever has little room, or none yet.
    fn read_aside(&mut self, tcp: &Tcp) -> io::Result<usize> {
        let mut scratch = vec![0; SCRATCH_LEN.max(self.engine.buffer_min())];
        let plain = self.read(tcp, &mut scratch)?;
        scratch.truncate(plain);
        self.plain = Bytes::from(scratch);
        Ok(plain)
    }

    /// Whether a read has something to give without the socket.
    fn is_readable(&self) -> bool {
        !self.plain.is_empty() || self.engine.is_finished()
    }

    /// Makes sure that there is plaintext to hand out, or an end.
    fn fetch(&mut self, tcp: &Tcp) -> io::Result<()> {
        if !self.is_readable() {
            self.read_aside(tcp)?;
        }
        Ok(())
    }

    /// Takes up to `most` bytes of what is there.
    fn take(&mut self, most: usize) -> Bytes {
        let taken = self.plain.split_to(most.min(self.plain.len()));
        if self.plain.is_empty() {
            self.plain = Bytes::new(); // The memory goes with the last byte of it.
        }
        taken
    }
}

impl Wire for Tls {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.state.lock();
        state.send_held(&self.tcp)?;
        let State { engine, held, .. } = &mut *state;
        let taken = engine
            .send(bufs, WRITE_MAX, held)
            .map_err(io::Error::other)?;
        match state.send_held(&self.tcp) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken), // The rest goes when the socket has room.
        }
    }

    fn try_drain(&self) -> io::Result<()> {
        self.state.lock().send_held(&self.tcp)
    }
}

impl Socket for Tls {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.lock().is_readable() {
            return Poll::Ready(Ok(()));
        }
        self.tcp.poll_read_ready(cx)
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if !state.is_readable() && buffer.len() >= state.engine.buffer_min() {
            return state.read(&self.tcp, buffer);
        }
        state.fetch(&self.tcp)?;
        let taken = state.take(buffer.len());
        buffer[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }

    fn try_read_more(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        let mut state = self.state.lock();
        state.fetch(&self.tcp)?;
        let taken = state.take(buffer.capacity() - buffer.len());
        buffer.extend_from_slice(&taken);
        Ok(taken.len())
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_write_ready(cx)
    }

    fn finish(&self, reason: Reason) {
        let mut state = self.state.lock();
        let State { engine, held, .. } = &mut *state;
        // A peer that is gone, or a socket that is full, hears no farewell.
        if engine.finish(held).is_ok() {
            let _ = state.send_held(&self.tcp);
        }
        self.tcp.finish(reason);
    }

    fn peer_address(&self) -> Option<SocketAddr> {
        self.tcp.peer_address()
    }
}
