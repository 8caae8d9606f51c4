//! One connection that never waits: bytes out, messages in.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;

use crate::dialect::{Control, Cut, Dialect, Frame};

/// What one read may fetch, in bytes.
pub(crate) const READ: usize = 256 * 1024;

/// A message that has come, whole.
pub(crate) struct Message<'a> {
    pub(crate) subject: &'a [u8],
    pub(crate) reply: &'a [u8], // Empty for none.
    pub(crate) sid: u64,
    pub(crate) payload: &'a [u8],
}

/// Who is told of messages.
pub(crate) trait Ear {
    /// Takes a message that came on connection `on`; what it puts into `out` is sent there.
    fn hear(&mut self, on: usize, message: &Message<'_>, out: &mut Vec<u8>) -> Result<()>;
}

/// An ear for connections on which no message is due.
pub(crate) struct Deaf;

impl Ear for Deaf {
    fn hear(&mut self, on: usize, message: &Message<'_>, _out: &mut Vec<u8>) -> Result<()> {
        let subject = String::from_utf8_lossy(message.subject);
        bail!("connection {on} got a message that it has not asked for, on {subject}")
    }
}

/// A connection.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    pub(crate) dialect: Dialect,
    pub(crate) pongs: u64,
    tail: Vec<u8>, // What has come and is not whole.
    out: Vec<u8>,
    out_at: usize, // How much of `out` has gone.
    head: Vec<u8>, // The last message's, which the next is likely to repeat.
    frame: Frame,  // What stands in `head`.
}

impl Wire {
    pub(crate) fn dial(address: SocketAddr, dialect: Dialect) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address)
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            dialect,
            pongs: 0,
            tail: Vec::new(),
            out: Vec::new(),
            out_at: 0,
            head: Vec::new(),
            frame: Frame::default(),
        })
    }

    /// Whether the socket has not taken everything yet.
    pub(crate) fn is_full(&self) -> bool {
        !self.out.is_empty()
    }

    /// Sends `bytes`; what the socket does not take goes out later, by [`Wire::flush`].
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if self.is_full() {
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        let mut at = 0;
        while at < bytes.len() {
            match write(&mut self.stream, &bytes[at..])? {
                0 => break,
                written => at += written,
            }
        }
        self.out.extend_from_slice(&bytes[at..]);
        Ok(())
    }

    /// What to send is put into a buffer, then sent.
    pub(crate) fn say(&mut self, put: impl FnOnce(Dialect, &mut Vec<u8>)) -> Result<()> {
        put(self.dialect, &mut self.out);
        self.flush()
    }

    /// Sends what is left to be sent, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> Result<()> {
        while self.out_at < self.out.len() {
            match write(&mut self.stream, &self.out[self.out_at..])? {
                0 => return Ok(()),
                written => self.out_at += written,
            }
        }
        self.out_at = 0;
        self.out.clear();
        Ok(())
    }

    /// Reads until there is no more, and tells `ear` of what became whole.
    pub(crate) fn receive(
        &mut self,
        on: usize,
        scratch: &mut Vec<u8>,
        ear: &mut impl Ear,
    ) -> Result<()> {
        loop {
            let kept = self.tail.len();
            if scratch.len() < kept + READ {
                scratch.resize(kept + READ, 0);
            }
            scratch[..kept].copy_from_slice(&self.tail);
            let room = scratch.len() - kept;
            let read = match self.stream.read(&mut scratch[kept..]) {
                Ok(0) => bail!("the server closed connection {on}"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).with_context(|| format!("connection {on}")),
            };
            let input = &scratch[..kept + read];
            let used = self.take(on, input, ear)?;
            self.tail.clear();
            self.tail.extend_from_slice(&input[used..]);
            if !self.out.is_empty() {
                self.flush()?;
            }
            if read < room {
                return Ok(()); // The socket is empty; what comes now is told anew.
            }
        }
    }

    /// How much of `input` was whole.
    fn take(&mut self, on: usize, input: &[u8], ear: &mut impl Ear) -> Result<usize> {
        let trailer = self.dialect.trailer();
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            if self.head.is_empty() || !rest.starts_with(&self.head) {
                match self
                    .dialect
                    .cut(rest)
                    .with_context(|| format!("connection {on}"))?
                {
                    Cut::More => break,
                    Cut::Control(used, control) => {
                        match control {
                            Control::Pong => self.pongs += 1,
                            Control::Ping => self.dialect.pong(&mut self.out),
                            Control::Other => {}
                        }
                        at += used;
                        continue;
                    }
                    Cut::Message(frame) => {
                        self.head.clear();
                        self.head.extend_from_slice(&rest[..frame.head]);
                        self.frame = frame;
                    }
                }
            }
            let (frame, end) = (&self.frame, self.frame.head + self.frame.payload);
            let Some(behind) = rest.get(end..end + trailer.len()) else {
                break;
            };
            ensure!(
                behind == trailer,
                "connection {on}: no line end behind a payload"
            );
            let message = Message {
                subject: &self.head[frame.subject.clone()],
                reply: &self.head[frame.reply.clone()],
                sid: frame.sid,
                payload: &rest[frame.head..end],
            };
            ear.hear(on, &message, &mut self.out)?;
            at += end + trailer.len();
        }
        Ok(at)
    }
}

/// How much the socket took; 0 if it is full.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize> {
    loop {
        match stream.write(bytes) {
            Ok(written) => return Ok(written),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("cannot send"),
        }
    }
}
