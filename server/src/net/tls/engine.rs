//! One encrypted connection as plain functions of bytes: ciphertext in, plaintext out, and back.
//!
//! ```text
//! buffer: [ plaintext ▸      room      ][ ciphertext kept from last time ][ what was read now ]
//!         ^ 0                           ^ GAP                                                  end
//! ```
//!
//! Records are decrypted where they lie, and what they hold is moved to the front: an idle
//! connection keeps no buffer. Invariants: plaintext never catches up with the ciphertext that it
//! came from; what is kept is less than a record, or a handshake message of at most [`KEPT_MAX`].

use std::io::IoSlice;
use std::sync::Arc;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, WriteTraffic};
use rustls::{CommonState, Error, ServerConfig};

/// The most that one record holds, in bytes. Source: RFC 8446, section 5.1.
const RECORD_MAX: usize = 16 * 1024;
/// Where ciphertext begins in a buffer, so that the plaintext of one record fits before it.
const GAP: usize = RECORD_MAX;
/// The most that is kept between two reads, in bytes: a chain of client certificates comes as one
/// message.
const KEPT_MAX: usize = 64 * 1024;
/// What encryption adds to a record at most, in bytes: header, explicit nonce, type and tag.
const OVERHEAD_MAX: usize = 5 + 8 + 1 + 16;
/// A part at least this long, in bytes, is encrypted where it lies; shorter ones share a record.
/// A guess.
const ALONE_MIN: usize = 4 * 1024;

/// One encrypted connection.
pub(super) struct Engine {
    connection: UnbufferedServerConnection,
    /// Ciphertext that is no whole record or message yet.
    kept: Vec<u8>,
    /// The peer has said that nothing more will come.
    is_finished: bool,
    /// Something went wrong: what is kept is no longer what the connection thinks it is, so that it
    /// must be asked nothing more.
    is_broken: bool,
}

impl Engine {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self {
            connection: UnbufferedServerConnection::new(config)?,
            kept: Vec::new(),
            is_finished: false,
            is_broken: false,
        })
    }

    /// What has been agreed on.
    pub(super) fn agreed(&self) -> &CommonState {
        &self.connection
    }

    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// How long a buffer must be for [`Engine::receive`], in bytes; more is read at once into a
    /// longer one.
    pub(super) fn buffer_min(&self) -> usize {
        GAP + self.kept.len() + 2 * RECORD_MAX
    }

    /// Puts what is kept into `buffer`; what is read next belongs behind it, where this says.
    pub(super) fn lay_out(&self, buffer: &mut [u8]) -> usize {
        let end = GAP + self.kept.len();
        buffer[GAP..end].copy_from_slice(&self.kept);
        end
    }

    /// Takes the ciphertext in `buffer`, which ends where the buffer does; leaves the plaintext at
    /// the front and tells how much that is. What the peer must be told is appended to `answer`.
    ///
    /// # Errors
    ///
    /// The peer broke the rules; what it is to be told of that is in `answer`, too.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
        answer: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        self.check()?;
        self.is_broken = true; // Unless this comes to its end.
        let (plain, end) = self.decrypt(buffer, answer)?;
        self.keep(&buffer[end..])?;
        self.is_broken = false;
        Ok(plain)
    }

    /// Decrypts the records in `buffer`; tells how much plaintext is at its front now, and where the
    /// ciphertext begins that is no whole record.
    fn decrypt(
        &mut self,
        buffer: &mut [u8],
        answer: &mut Vec<u8>,
    ) -> Result<(usize, usize), Error> {
        let (mut at, mut plain) = (GAP, 0);
        loop {
            let (front, rest) = buffer.split_at_mut(at);
            let mut status = self.connection.process_tls_records(rest);
            let mut is_done = false;
            match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        let end = plain + record.payload.len();
                        let place = front.get_mut(plain..end).ok_or_else(overlap)?;
                        place.copy_from_slice(record.payload);
                        plain = end;
                        status.discard += record.discard;
                    }
                }
                Ok(ConnectionState::EncodeTlsData(data)) => append(data, answer),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.is_finished = true,
                Ok(_) => is_done = true, // More input is needed, or nothing more will come.
                Err(error) => {
                    self.collect(answer);
                    return Err(error);
                }
            }
            at += status.discard;
            if is_done {
                return Ok((plain, at));
            }
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self.is_broken {
            true => Err(Error::General("the connection has failed".to_owned())),
            false => Ok(()),
        }
    }

    fn keep(&mut self, rest: &[u8]) -> Result<(), Error> {
        if rest.len() > KEPT_MAX {
            return Err(Error::General("a message is too large".to_owned()));
        }
        self.kept.clear();
        self.kept.extend_from_slice(rest);
        if rest.is_empty() {
            self.kept = Vec::new();
        }
        Ok(())
    }

    /// Appends to `answer` what is left to be said after an error.
    fn collect(&mut self, answer: &mut Vec<u8>) {
        while self.connection.wants_write() {
            match self.connection.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(data)) => append(data, answer),
                _ => return,
            }
        }
    }

    /// Encrypts what is in `parts`, `most` bytes of it at most, behind what is in `out`; tells how
    /// much was taken.
    ///
    /// # Errors
    ///
    /// The connection is of no use any more.
    pub(super) fn send(
        &mut self,
        parts: &[IoSlice<'_>],
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        let (mut taken, mut joined) = (0, Vec::new());
        for (at, part) in parts.iter().enumerate() {
            let part = &part[..part.len().min(most - taken)];
            taken += part.len();
            let is_alone = joined.is_empty() && at + 1 == parts.len();
            if is_alone || part.len() >= ALONE_MIN {
                self.encrypt(&joined, out)?;
                joined.clear();
                self.encrypt(part, out)?;
            } else {
                joined.extend_from_slice(part);
            }
        }
        self.encrypt(&joined, out)?;
        Ok(taken)
    }

    fn encrypt(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        if plain.is_empty() {
            return Ok(());
        }
        let records = plain.len().div_ceil(RECORD_MAX);
        let estimate = plain.len() + records * OVERHEAD_MAX;
        self.with_traffic(out, |traffic, out| {
            fill(out, estimate, |place| traffic.encrypt(plain, place))
        })
    }

    /// Appends to `out` that nothing more will be sent.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.with_traffic(out, |traffic, out| {
            fill(out, OVERHEAD_MAX, |place| traffic.queue_close_notify(place))
        })
    }

    /// Runs `work` once the connection may send, which is always after the handshake; what must be
    /// said before comes before.
    fn with_traffic(
        &mut self,
        out: &mut Vec<u8>,
        mut work: impl FnMut(
            &mut WriteTraffic<'_, ServerConnectionData>,
            &mut Vec<u8>,
        ) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.check()?;
        self.is_broken = true; // Unless this comes to its end.
        loop {
            // What is kept is shown, too: a message in it may have been begun.
            let status = self.connection.process_tls_records(&mut self.kept);
            let discard = status.discard;
            let mut is_done = false;
            match status.state? {
                ConnectionState::EncodeTlsData(data) => append(data, out),
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.is_finished = true,
                ConnectionState::WriteTraffic(mut traffic) => {
                    work(&mut traffic, out)?;
                    is_done = true;
                }
                _ => return Err(Error::HandshakeNotComplete),
            }
            self.kept.drain(..discard);
            if is_done {
                self.is_broken = false;
                return Ok(());
            }
        }
    }
}

/// Appends what `data` holds.
fn append<D>(mut data: EncodeTlsData<'_, D>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut len = 0;
    while let Err(EncodeError::InsufficientSize(size)) = data.encode(&mut out[start..]) {
        len = size.required_size;
        out.resize(start + len, 0);
    }
    out.truncate(start + len);
}

/// Has `write` fill room behind what is in `out`: as much as it was thought to need, or as it says.
fn fill(
    out: &mut Vec<u8>,
    estimate: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), Error> {
    let start = out.len();
    out.resize(start + estimate, 0);
    loop {
        match write(&mut out[start..]) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(size)) => out.resize(start + size.required_size, 0),
            Err(EncryptError::EncryptExhausted) => return Err(Error::EncryptError),
        }
    }
}

#[cold]
fn overlap() -> Error {
    Error::General("plaintext is longer than its record".to_owned())
}
