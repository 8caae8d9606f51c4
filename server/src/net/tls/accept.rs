//! From an accepted socket to an encrypted one: who speaks first, whether it is TLS at all, and the
//! handshake within its time.
//!
//! In: a TCP connection and its arrival. Out: a socket for the session, or what went wrong. What is
//! looked at before the handshake stays in the socket, so every order of arrival is the same to it.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::{CommonState, ProtocolVersion};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::encryption::{Current, Encryption};
use super::engine::Engine;
use super::failure::Failure;
use super::options::HandshakeFirst;
use super::socket::Tls;
use super::{names, suites};
use crate::link::{Arrival, Reason, Secured};
use crate::net::socket::{Socket, Tcp};

/// How a record of a handshake begins. Source: RFC 8446, section 5.1.
const HANDSHAKE: u8 = 0x16;
/// How much of what a client says first is looked at, in bytes: enough to tell what it speaks.
const OPENING_LEN: usize = 8;
/// How long a client may take to read why its handshake failed; a socket closed over unread bytes
/// takes back what was sent.
const LINGER_MAX: Duration = Duration::from_millis(500);

/// What a connection is spoken over.
pub(in crate::net) enum Opened {
    /// In the open.
    Plain(Tcp),
    Encrypted(Box<Tls>, Box<Secured>),
}

impl Encryption {
    /// Greets, and encrypts unless the client may and does go without.
    pub(in crate::net) async fn open(
        &self,
        current: &Current,
        mut stream: TcpStream,
        arrival: &mut dyn Arrival,
    ) -> Result<Opened, Failure> {
        if !arrival.is_admitted() {
            return Ok(Opened::Plain(Tcp(stream))); // To be shown out at once.
        }
        let is_first = match current.options.first {
            HandshakeFirst::No => false,
            HandshakeFirst::Yes => true,
            HandshakeFirst::Wait(wait) => has_spoken(&stream, wait).await,
        };
        if !is_first {
            stream.write_all(&arrival.greeting()).await?;
        }
        if !is_first && current.options.is_optional {
            // Who says nothing for so long is not about to encrypt.
            let first = timeout(current.options.timeout, opening(&stream)).await;
            if !matches!(first, Ok(Ok(opening)) if opening.0.first() == Some(&HANDSHAKE)) {
                return Ok(Opened::Plain(Tcp(stream)));
            }
        }
        let now = tokio::time::Instant::now().into_std();
        if !self.is_within_rate(current.options.rate_max, now) {
            arrival.throttle();
            return Ok(Opened::Plain(Tcp(stream)));
        }
        let (tls, secured) = current.handshake(stream, is_first).await?;
        Ok(Opened::Encrypted(Box::new(tls), secured))
    }

    /// Encrypts before anything is said, for listeners that speak in no other way; none where too
    /// many handshakes are under way, or were begun lately.
    pub(in crate::net) async fn open_first(
        &self,
        current: &Current,
        stream: TcpStream,
    ) -> Option<Result<(Tls, Box<Secured>), Failure>> {
        let _permit = self.begin()?;
        let now = tokio::time::Instant::now().into_std();
        if !self.is_within_rate(current.options.rate_max, now) {
            return None;
        }
        Some(current.handshake(stream, true).await)
    }
}

impl Current {
    /// Encrypts `stream` within the time allowed. `is_first` tells that nothing has been said in
    /// the open.
    pub(in crate::net) async fn handshake(
        &self,
        stream: TcpStream,
        is_first: bool,
    ) -> Result<(Tls, Box<Secured>), Failure> {
        let engine = Engine::new(Arc::clone(&self.config)).map_err(Failure::rejected)?;
        match timeout(self.options.timeout, self.agree(stream, engine, is_first)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::TimedOut),
        }
    }

    async fn agree(
        &self,
        stream: TcpStream,
        engine: Engine,
        is_first: bool,
    ) -> Result<(Tls, Box<Secured>), Failure> {
        let opening = opening(&stream).await?;
        if opening.0.first() != Some(&HANDSHAKE) {
            return Err(Failure::not_tls(&opening.0));
        }
        let tls = Tls::new(Tcp(stream), engine);
        let agreed = match poll_fn(|cx| tls.poll_handshake(cx)).await {
            Ok(()) => tls.with_agreed(|agreed| self.examine(agreed, is_first)),
            Err(error) => Err(Failure::from(error)),
        };
        match agreed {
            Ok(secured) => Ok((tls, secured)),
            Err(failure) => {
                tls.finish(Reason::TlsHandshakeFailure);
                // The client may read what it was told until it hangs up.
                let _ = timeout(LINGER_MAX, drained(&tls)).await;
                Err(failure)
            }
        }
    }

    /// What has been agreed on, if that will do.
    fn examine(&self, agreed: &CommonState, is_first: bool) -> Result<Box<Secured>, Failure> {
        let chain = agreed.peer_certificates().unwrap_or_default();
        let shown = chain.first();
        if !self.pins.is_empty() {
            let digest = shown.map(names::key_digest);
            if !digest.is_some_and(|digest| self.pins.contains(&digest)) {
                return Err(Failure::NotPinned);
            }
        }
        let maps = self.options.maps_certificates;
        Ok(Box::new(Secured {
            version: match agreed.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "1.2",
                _ => "1.3",
            },
            cipher: agreed.negotiated_cipher_suite().map_or("", suites::name),
            is_first,
            names: shown.filter(|_| maps).map(names::names).unwrap_or_default(),
            subject: shown.map(names::subject).unwrap_or_default(),
            certificates: chain
                .iter()
                .map(|certificate| {
                    [
                        names::subject(certificate),
                        names::key_digest(certificate),
                        names::digest(certificate),
                    ]
                })
                .collect(),
        }))
    }
}

/// The first bytes of a client; they stay where they are.
struct Opening(Vec<u8>);

async fn opening(stream: &TcpStream) -> Result<Opening, Failure> {
    let mut bytes = vec![0; OPENING_LEN];
    let len = stream.peek(&mut bytes).await?;
    bytes.truncate(len);
    match len {
        0 => Err(Failure::Gone),
        _ => Ok(Opening(bytes)),
    }
}

/// Whether the client says something within `wait`.
async fn has_spoken(stream: &TcpStream, wait: Duration) -> bool {
    timeout(wait, opening(stream)).await.is_ok()
}

/// Throws away what comes until the client hangs up.
async fn drained(tls: &Tls) -> io::Result<()> {
    let mut scratch = [0; 1024];
    poll_fn(|cx| {
        loop {
            std::task::ready!(tls.tcp().poll_read_ready(cx))?;
            match tls.tcp().try_read(&mut scratch) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) => return std::task::Poll::Ready(Ok(())),
                Err(error) => return std::task::Poll::Ready(Err(error)),
            }
        }
    })
    .await
}
