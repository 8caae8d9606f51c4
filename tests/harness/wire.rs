//! Wire: one TCP connection and what has arrived on it.
//!
//! In: an address. Out: bytes sent as they are, and an inbox of bytes that nobody has taken yet.
//! A reset counts as a close: a server that closes with input unread causes one.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::PATIENCE;
use crate::sent::last_number;

/// A raw connection.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: TcpStream,
    inbox: Vec<u8>,
    taken: usize, // Bytes at the front of the inbox that are done with; never above its length.
    is_ended: bool,
}

impl Wire {
    /// Connects; `receive_buffer` is the kernel's, in bytes, when it should be small.
    pub(crate) async fn open(address: SocketAddr, receive_buffer: Option<u32>) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let socket = within(socket.connect(address)).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            inbox: Vec::new(),
            taken: 0,
            is_ended: false,
        })
    }

    /// The connection without anything around it.
    pub(crate) fn into_socket(self) -> TcpStream {
        self.socket
    }

    /// Sends `bytes`. A connection the server has closed swallows them: reading will tell.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match within(self.socket.write_all(bytes)).await {
            Err(error) if is_close(&error) => Ok(()),
            result => result,
        }
    }

    /// Closes the sending side.
    pub(crate) async fn half_close(&mut self) -> io::Result<()> {
        match within(self.socket.shutdown()).await {
            Err(error) if is_close(&error) => Ok(()),
            result => result,
        }
    }

    /// Waits for more bytes, or the end. Cancel safe; the caller minds the time.
    pub(crate) async fn fill(&mut self) -> io::Result<()> {
        if self.taken > 0 {
            self.inbox.drain(..self.taken);
            self.taken = 0;
        }
        self.inbox.reserve(READ_BYTES);
        match self.socket.read_buf(&mut self.inbox).await {
            Ok(0) => self.is_ended = true,
            Ok(_) => {}
            Err(error) if is_close(&error) => self.is_ended = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What has arrived and is not taken.
    pub(crate) fn inbox(&self) -> &[u8] {
        &self.inbox[self.taken..]
    }

    /// Takes `count` bytes off the front.
    pub(crate) fn take(&mut self, count: usize) {
        assert!(count <= self.inbox().len(), "took more than has arrived");
        self.taken += count;
    }

    /// Cuts `range` of the inbox out; what stands before it stays.
    pub(crate) fn cut(&mut self, range: std::ops::Range<usize>) {
        self.inbox
            .drain(self.taken + range.start..self.taken + range.end);
    }

    /// Whether the server has closed; what is in the inbox came before that.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }
}

/// `future`, or an error when it takes longer than any step may.
pub(crate) async fn within<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "nothing happened in time",
        )),
    }
}

/// Length of the operation at the front of `bytes`, payload included; `None` when it is not whole.
///
/// ```text
/// PONG⏎   -ERR '…'⏎   MSG a 1 2⏎hi⏎   HMSG a 1 12 14⏎…⏎
/// ```
pub(crate) fn operation_length(bytes: &[u8]) -> Option<usize> {
    let line = bytes.iter().position(|&byte| byte == b'\n')? + 1;
    let head = &bytes[..line];
    let length = match head.starts_with(b"MSG ") || head.starts_with(b"HMSG ") {
        true => line + last_number(head)? + 2,
        false => line,
    };
    (length <= bytes.len()).then_some(length)
}

fn is_close(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

/// A guess: one read takes what a server writes at once.
const READ_BYTES: usize = 64 * 1024;
