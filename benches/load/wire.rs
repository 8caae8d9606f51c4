//! One connection to the server: what is received becomes operations, whether the socket waits or
//! not.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use dunlin_protocol::{Connect, Info, ServerLimits, ServerOp, ServerParser, ServerStep, encode};

/// How long a server may take to answer, before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// What one read may fetch, in bytes.
const READ: usize = 256 * 1024;

/// A connection; `S` is a socket that waits or one that does not.
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    parser: ServerParser,
    tail: Vec<u8>, // The beginning of an operation that is not whole yet.
    need: usize,   // How long `tail` must become before another look can help.
}

/// Memory to read into, shared by the wires of one thread.
pub(crate) struct Scratch(Vec<u8>);

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; READ])
    }
}

impl Wire<TcpStream> {
    /// Connects, says hello and waits for the answer.
    pub(crate) fn dial(address: &str, payload: usize, scratch: &mut Scratch) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut wire = Self::new(stream);
        let mut info = None;
        while info.is_none() {
            wire.wait(scratch, |op| {
                if let ServerOp::Info(json) = op {
                    info = Some(Info::from_json(json).context("the server's INFO makes no sense")?);
                }
                Ok(())
            })?;
        }
        let payload_max = info.map_or(0, |info| info.max_payload);
        ensure!(
            payload_max == 0 || payload as i64 <= payload_max,
            "--payload {payload} is over the server's limit of {payload_max} bytes"
        );
        let mut hello = Vec::new();
        let connect = Connect {
            verbose: false,
            pedantic: false,
            headers: true,
            name: "load".to_owned(),
            lang: "rust".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Connect::default()
        };
        encode::connect(&mut hello, &connect);
        wire.send(&hello)?;
        wire.round_trip(scratch)?;
        Ok(wire)
    }

    /// Sends all of `bytes`.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("cannot send")
    }

    /// Waits until the server has done everything sent so far.
    pub(crate) fn round_trip(&mut self, scratch: &mut Scratch) -> Result<()> {
        self.send(encode::PING)?;
        let mut is_answered = false;
        while !is_answered {
            self.wait(scratch, |op| {
                is_answered |= matches!(op, ServerOp::Pong);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Reads once, however long it takes, and hands on what became whole; pings are answered.
    pub(crate) fn wait(
        &mut self,
        scratch: &mut Scratch,
        mut hear: impl FnMut(ServerOp<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut is_pinged = false;
        let has_read = self.receive(scratch, |op| {
            is_pinged |= op == ServerOp::Ping;
            hear(op)
        })?;
        ensure!(has_read, "the server has not answered for {PATIENCE:?}");
        if is_pinged {
            self.send(encode::PONG)?;
        }
        Ok(())
    }

    /// Answers a ping, if one has come; does not wait.
    pub(crate) fn answer(&mut self, scratch: &mut Scratch) -> Result<()> {
        self.stream.set_nonblocking(true)?;
        let mut is_pinged = false;
        self.receive(scratch, |op| {
            is_pinged |= op == ServerOp::Ping;
            Ok(())
        })?;
        self.stream.set_nonblocking(false)?;
        if is_pinged {
            self.send(encode::PONG)?;
        }
        Ok(())
    }

    /// The same connection on a socket that never waits.
    pub(crate) fn into_unblocking(self) -> Result<Wire<mio::net::TcpStream>> {
        self.stream.set_nonblocking(true)?;
        Ok(Wire {
            stream: mio::net::TcpStream::from_std(self.stream),
            parser: self.parser,
            tail: self.tail,
            need: self.need,
        })
    }
}

impl Wire<mio::net::TcpStream> {
    /// Sends a few bytes at once, where the socket cannot be full.
    pub(crate) fn send_few(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = self.stream.write(bytes).context("cannot send")?;
        ensure!(sent == bytes.len(), "cannot send: the socket is full");
        Ok(())
    }
}

impl<S: Read> Wire<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            parser: ServerParser::default(),
            tail: Vec::new(),
            need: 1,
        }
    }

    /// Reads once and hands on what became whole; false if there was nothing to read.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut Scratch,
        mut hear: impl FnMut(ServerOp<'_>) -> Result<()>,
    ) -> Result<bool> {
        let kept = self.tail.len();
        let buffer = &mut scratch.0;
        if buffer.len() < self.need.max(kept) + READ {
            buffer.resize(self.need.max(kept) + READ, 0);
        }
        buffer[..kept].copy_from_slice(&self.tail);
        let read = match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error).context("cannot receive"),
        };
        let (input, limits) = (&buffer[..kept + read], ServerLimits::default());
        let mut at = 0;
        loop {
            match self.parser.next(&input[at..], &limits) {
                Ok(ServerStep::Op { op, used }) => {
                    if let ServerOp::Err(text) = op {
                        bail!("the server says -ERR '{}'", String::from_utf8_lossy(text));
                    }
                    hear(op)?;
                    at += used;
                }
                Ok(ServerStep::More { need }) => {
                    self.need = need;
                    break;
                }
                Err(error) => bail!("the server sent something that is no operation: {error}"),
            }
        }
        self.tail.clear();
        self.tail.extend_from_slice(&input[at..]);
        Ok(true)
    }
}
