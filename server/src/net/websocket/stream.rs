//! A WebSocket as the loop of a connection sees it: a socket like any other.
//!
//! Reading takes raw bytes in, and hands on the payload of messages; pings are answered and a close
//! is noted on the way. Writing makes a frame of what one call brings. What the socket does not
//! take of a frame is kept here, since its length has been said: at most [`TAKEN_MAX`] bytes and
//! their headers, of a connection that is blocked. An idle connection keeps nothing.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tungstenite::protocol::frame::coding::Control;

use super::decode::{Decoder, Event};
use super::deflate::Pool;
use super::encode;
use super::status::{self, Violation};
use crate::link::{Reason, Wire};
use crate::net::socket::Socket;

/// How much one call of the loop may hand over, in bytes: a frame, or a message to compress.
/// Large enough that headers and calls cost nothing, small enough to be kept for each reader that
/// is behind. A guess.
const TAKEN_MAX: usize = 64 * 1024;
/// How much of a large message is read at once, in bytes: each read clears its memory first.
const READ_MORE_MAX: usize = 64 * 1024;
/// The longest frame for a browser, as the reference server has it: pages hear of the first bytes
/// before the last ones came.
const BROWSER_FRAME_MAX: usize = 4096;
/// What is shorter than this is not compressed, as with the reference server: it would hardly
/// shrink.
const COMPRESSED_MIN: usize = 64;

/// What the handshake agreed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) has_compression: bool,
    /// The client masks its frames.
    pub(super) is_masked: bool,
    pub(super) is_browser: bool,
}

pub(crate) struct WebSocket<S> {
    socket: S,
    reading: Mutex<Reading>, // Only the loop of the connection reads.
    writing: Mutex<Writing>,
    /// `writing` keeps something; beside it, so that nobody needs its lock to ask.
    is_behind: AtomicBool,
}

struct Reading {
    /// Raw bytes that there was no room for; empty but between two calls.
    kept: BytesMut,
    /// There may be more to give without more input.
    has_more: bool,
    /// Compression was agreed on, and nothing has come so far.
    awaits_first: bool,
    state: State,
}

enum State {
    Open(Decoder),
    /// The client said goodbye: this is the end, whatever comes.
    Closed,
    /// The client broke the rules: what comes means nothing.
    Broken,
}

struct Writing {
    /// Frames that the socket did not take so far.
    kept: Vec<u8>,
    /// How much of them it did take.
    sent: usize,
    /// The body of the last ping, while `kept` is in its way.
    pong: Option<Vec<u8>>,
    /// The body of the close frame to come, if the client's own bytes asked for it.
    farewell: Option<Vec<u8>>,
    phase: Phase,
    frame_max: usize,
    pool: Option<Arc<Pool>>,
    /// Nothing is compressed for somebody who has said nothing: what comes before a login is
    /// shorter than what is worth it.
    may_compress: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// A close frame is the last thing kept.
    Closing(Reason),
    Closed,
}

/// What one read brought.
#[derive(Default)]
struct Heard {
    len: usize,
    /// These are the first bytes of all, and it matters.
    is_first: bool,
    is_end: bool,
    /// The body of the last ping: it is enough to answer that one. RFC 6455, section 5.5.3.
    ping: Option<Vec<u8>>,
    farewell: Option<Vec<u8>>,
    violation: Option<Violation>,
}

impl<S: Socket> WebSocket<S> {
    pub(super) fn new(socket: S, manner: Manner, pool: &Arc<Pool>, inflated_max: u64) -> Self {
        let pool = manner.has_compression.then(|| Arc::clone(pool));
        let inflation = pool.clone().map(|pool| (pool, inflated_max));
        Self {
            socket,
            reading: Mutex::new(Reading {
                kept: BytesMut::new(),
                has_more: false,
                awaits_first: manner.has_compression,
                state: State::Open(Decoder::new(manner.is_masked, inflation)),
            }),
            writing: Mutex::new(Writing {
                kept: Vec::new(),
                sent: 0,
                pong: None,
                farewell: None,
                phase: Phase::Open,
                frame_max: match manner.is_browser {
                    true => BROWSER_FRAME_MAX,
                    false => TAKEN_MAX,
                },
                pool,
                may_compress: false,
            }),
            is_behind: AtomicBool::new(false),
        }
    }

    /// Has `work` write; keeps the mark beside it true.
    fn write<T>(&self, work: impl FnOnce(&mut Writing, &S) -> T) -> T {
        let mut writing = self.writing.lock();
        let result = work(&mut writing, &self.socket);
        let is_behind = !writing.kept.is_empty();
        // Read without the lock by who flushes next; a wake-up follows whoever sets it.
        self.is_behind.store(is_behind, Ordering::Release);
        result
    }
}

impl Reading {
    /// Fills `output` with payload, from what has been kept or else from one read.
    fn read<S: Socket>(&mut self, socket: &S, output: &mut [u8]) -> io::Result<Heard> {
        let mut heard = Heard::default();
        let decoder = match &mut self.state {
            State::Open(decoder) => decoder,
            State::Closed => {
                heard.is_end = true;
                return Ok(heard);
            }
            State::Broken => {
                // The socket is emptied, so that closing it does not take back what was sent.
                heard.len = socket.try_read(output)?;
                heard.is_end = heard.len == 0;
                return Ok(heard);
            }
        };
        if self.kept.is_empty() && !self.has_more {
            let read = socket.try_read(output)?;
            heard.is_end = read == 0;
            self.kept.extend_from_slice(&output[..read]);
        }
        let mut input = std::mem::take(&mut self.kept);
        loop {
            match decoder.decode(&input, &mut output[heard.len..]) {
                Ok(decoded) => {
                    input.advance(decoded.used);
                    heard.len += decoded.written;
                    match decoded.event {
                        Some(Event::Ping(body)) => heard.ping = Some(body),
                        Some(Event::Close(body)) => {
                            heard.farewell = Some(body);
                            heard.is_end = true;
                            self.state = State::Closed;
                            break;
                        }
                        None => break,
                    }
                }
                Err(violation) if heard.len == 0 => {
                    heard.violation = Some(violation);
                    self.state = State::Broken;
                    break;
                }
                Err(_) => break, // Said again when what came before has been taken.
            }
        }
        let is_broken = matches!(&self.state, State::Open(decoder) if decoder.is_broken());
        let has_news = is_broken || heard.is_end; // For the next call, if this one brings bytes.
        self.has_more = heard.len > 0 && (has_news || heard.len == output.len());
        heard.is_first = self.awaits_first && heard.len > 0;
        self.awaits_first &= !heard.is_first;
        if !input.is_empty() && matches!(self.state, State::Open(_)) {
            self.kept = input;
        }
        Ok(heard)
    }
}

impl Writing {
    /// Passes on what is kept; `WouldBlock` while some of it is left.
    fn catch_up<S: Socket>(&mut self, socket: &S) -> io::Result<()> {
        loop {
            while self.sent < self.kept.len() {
                match socket.try_write(&[IoSlice::new(&self.kept[self.sent..])]) {
                    Ok(0) => return self.fail(io::ErrorKind::WriteZero.into()),
                    Ok(sent) => self.sent += sent,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                    Err(error) => return self.fail(error),
                }
            }
            self.kept = Vec::new();
            self.sent = 0;
            match self.pong.take() {
                Some(body) => encode::control(Control::Pong, &body, &mut self.kept),
                None => break,
            }
        }
        socket.try_drain()?;
        if let Phase::Closing(reason) = self.phase {
            self.phase = Phase::Closed;
            socket.finish(reason);
        }
        Ok(())
    }

    /// Nothing can be sent any more.
    fn fail(&mut self, error: io::Error) -> io::Result<()> {
        self.kept = Vec::new();
        self.sent = 0;
        self.pong = None;
        self.phase = Phase::Closed;
        Err(error)
    }

    /// Frames what `bufs` begin with and sends it: how much of it has been taken.
    fn send<S: Socket>(&mut self, socket: &S, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.phase != Phase::Open {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.catch_up(socket)?;
        let len = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        let len = len.min(TAKEN_MAX);
        if !self.frame(bufs, len) {
            return self.send_directly(socket, bufs, len);
        }
        match self.catch_up(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(len),
        }
    }

    /// Frames the first `len` bytes of `bufs` where that takes more than a header in front.
    fn frame(&mut self, bufs: &[IoSlice<'_>], len: usize) -> bool {
        if let Some(pool) = self.pool.as_ref().filter(|_| self.may_compress)
            && len > COMPRESSED_MIN
        {
            let mut message = Vec::with_capacity(len / 2);
            pool.deflate(bufs, len, &mut message);
            if message.len() < len {
                encode::compressed(&message, self.frame_max, &mut self.kept);
                return true;
            }
        }
        if len > self.frame_max {
            encode::messages(bufs, len, self.frame_max, &mut self.kept);
            return true;
        }
        false
    }

    /// Sends one message without copying; keeps what the socket does not take of it.
    fn send_directly<S: Socket>(
        &mut self,
        socket: &S,
        bufs: &[IoSlice<'_>],
        len: usize,
    ) -> io::Result<usize> {
        let header = encode::Header::of_message(len);
        let mut vectors = SmallVec::<[IoSlice<'_>; 8]>::new();
        vectors.push(IoSlice::new(header.as_bytes()));
        let mut left = len;
        for buf in bufs {
            let part = &buf[..buf.len().min(left)];
            left -= part.len();
            vectors.push(IoSlice::new(part));
        }
        let mut sent = socket.try_write(&vectors)?;
        for vector in &vectors {
            let skipped = sent.min(vector.len());
            sent -= skipped;
            self.kept.extend_from_slice(&vector[skipped..]);
        }
        Ok(len)
    }

    /// Answers a ping, at once or behind what is under way.
    fn answer<S: Socket>(&mut self, socket: &S, ping: Vec<u8>) {
        if self.phase == Phase::Open {
            self.pong = Some(ping);
            // What the socket has no room for, or an error, is met by who writes next.
            let _ = self.catch_up(socket);
        }
    }

    /// Says goodbye behind everything else.
    fn close<S: Socket>(&mut self, socket: &S, reason: Reason) {
        if self.phase != Phase::Open {
            return;
        }
        let farewell = self.farewell.take();
        let body =
            farewell.unwrap_or_else(|| status::body(status::code(reason), &reason.to_string()));
        encode::control(Control::Close, &body, &mut self.kept);
        self.pong = None;
        self.phase = Phase::Closing(reason);
        let _ = self.catch_up(socket); // As above; the rest goes while the connection lingers.
    }
}

impl<S: Socket> Wire for WebSocket<S> {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(|writing, socket| writing.send(socket, bufs))
    }

    fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Acquire) || self.socket.is_behind()
    }

    fn try_drain(&self) -> io::Result<()> {
        self.write(|writing, socket| writing.catch_up(socket))
    }
}

impl<S: Socket> Socket for WebSocket<S> {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let reading = self.reading.lock();
        if reading.has_more || !reading.kept.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_read_ready(cx)
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let heard = self.reading.lock().read(&self.socket, buffer)?;
        if let Some(violation) = heard.violation {
            let body = status::body(violation.code(), &violation.to_string());
            self.write(|writing, _| writing.farewell = Some(body));
            return Err(io::Error::new(io::ErrorKind::InvalidData, violation));
        }
        if heard.ping.is_some() || heard.farewell.is_some() || heard.is_first {
            self.write(|writing, socket| {
                writing.may_compress |= heard.is_first;
                writing.farewell = heard.farewell.or(writing.farewell.take());
                if let Some(ping) = heard.ping {
                    writing.answer(socket, ping);
                }
            });
        }
        match (heard.len, heard.is_end) {
            (0, false) => Err(io::ErrorKind::WouldBlock.into()), // Frames, but nothing in them.
            (len, _) => Ok(len),
        }
    }

    fn try_read_more(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        let len = buffer.len();
        buffer.resize(buffer.capacity().min(len + READ_MORE_MAX), 0);
        let read = self.try_read(&mut buffer[len..]);
        buffer.truncate(len + read.as_ref().unwrap_or(&0));
        read
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_write_ready(cx)
    }

    fn finish(&self, reason: Reason) {
        self.write(|writing, socket| writing.close(socket, reason));
    }

    fn abandon(&self, reason: Reason) {
        self.finish(reason); // If there is room for a farewell, it is said.
        self.socket.abandon(reason);
    }

    fn peer_address(&self) -> Option<SocketAddr> {
        self.socket.peer_address()
    }
}
