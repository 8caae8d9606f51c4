//! The network of one connection: bytes under way in both directions, moved when the world says so.
//!
//! In: what a party says, and what the server wrote. Out: the same bytes, later, in other pieces.
//! A lazy link may stop moving for long; a prompt one always takes what the server has written.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use dunlin_server::Pipe;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Open in both directions.
    Open,
    /// We said that we have nothing more to say.
    HalfClosed,
    /// Torn off by the network.
    Cut,
}

pub(crate) struct Link {
    pipe: Option<Pipe>,
    pub(crate) fate: Fate,
    /// Said and not yet with the server.
    up: Vec<u8>,
    /// Written by the server and not yet with the party.
    down: Vec<u8>,
    /// How many bytes have ever reached the server.
    pub(crate) up_total: u64,
    /// The server has said that nothing more comes.
    pub(crate) is_ended: bool,
    pub(crate) is_lazy: bool,
    pub(crate) is_stalled: bool,
    /// Where a read puts what it finds.
    space: Box<[u8]>,
}

impl Link {
    pub(crate) fn new(pipe: Pipe, is_lazy: bool) -> Self {
        Self {
            pipe: Some(pipe),
            fate: Fate::Open,
            up: Vec::new(),
            down: Vec::new(),
            up_total: 0,
            is_ended: false,
            is_lazy,
            is_stalled: false,
            space: vec![0; 8 * 1024].into_boxed_slice(),
        }
    }

    /// Takes what the party says.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.up.extend_from_slice(bytes);
    }

    /// How many bytes wait for their way up.
    pub(crate) fn up_len(&self) -> usize {
        self.up.len()
    }

    /// Moves at most `max` bytes to the server; tells how many went.
    pub(crate) fn move_up(&mut self, max: usize) -> usize {
        if self.fate != Fate::Open {
            return 0;
        }
        let Some(pipe) = &mut self.pipe else { return 0 };
        let part = &self.up[..self.up.len().min(max)];
        if part.is_empty() {
            return 0;
        }
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(pipe).poll_write(&mut cx, part) {
            Poll::Ready(Ok(moved)) => {
                self.up.drain(..moved);
                self.up_total += moved as u64;
                moved
            }
            // The server hangs up; what it said before is still to be read.
            Poll::Ready(Err(_)) => {
                self.up.clear();
                0
            }
            Poll::Pending => 0,
        }
    }

    /// Takes at most `max` bytes from the server; tells how many came.
    pub(crate) fn pull(&mut self, max: usize) -> usize {
        let Some(pipe) = &mut self.pipe else { return 0 };
        if self.is_ended || max == 0 {
            return 0;
        }
        let max = max.min(self.space.len());
        let mut buf = ReadBuf::new(&mut self.space[..max]);
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(pipe).poll_read(&mut cx, &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().is_empty() => {
                self.is_ended = true;
                0
            }
            Poll::Ready(Ok(())) => {
                self.down.extend_from_slice(buf.filled());
                buf.filled().len()
            }
            Poll::Ready(Err(error)) => panic!("a pipe cannot fail to be read: {error}"),
            Poll::Pending => 0,
        }
    }

    /// Hands at most `max` of the bytes under way to the party.
    pub(crate) fn arrive(&mut self, max: usize) -> Vec<u8> {
        let count = self.down.len().min(max);
        let rest = self.down.split_off(count);
        std::mem::replace(&mut self.down, rest)
    }

    /// Says that nothing more will be said, once all of it has gone up.
    pub(crate) fn half_close(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        if self.fate == Fate::Open && self.up.is_empty() {
            self.fate = Fate::HalfClosed;
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(pipe).poll_shutdown(&mut cx).is_ready());
        }
    }

    /// Tears the connection off: what is under way is lost.
    pub(crate) fn cut(&mut self) {
        self.pipe = None;
        self.fate = Fate::Cut;
        self.is_ended = true;
        self.up.clear();
        self.down.clear();
    }
}
