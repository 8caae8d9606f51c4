//! The monitoring port over TLS: the handshake, and who does not speak it.
//!
//! In: an accepted connection. Out: an encrypted one, or a line in the log. The certificate is that
//! of the server, whatever it is at the moment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::patience::Patient;

/// How long a handshake may take: HTTP clients may be far away. A guess.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How a record of a handshake begins. Source: RFC 8446, section 5.1.
const HANDSHAKE: u8 = 0x16;
/// What is said to who speaks HTTP, as the reference server says it.
const NOT_ENCRYPTED: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// What holds for the next connection; none when it cannot be encrypted.
type Source = dyn Fn() -> Option<Arc<ServerConfig>> + Send + Sync;

/// What connections are encrypted with: asked for each, since certificates are renewed.
#[derive(Clone)]
pub(crate) struct Keys(Arc<Source>);

impl Keys {
    /// Asks `source` for each connection.
    pub(crate) fn new(
        source: impl Fn() -> Option<Arc<ServerConfig>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(source))
    }

    /// Encrypts `stream`; none if that came to nothing, which has been logged.
    pub(super) async fn encrypt(&self, stream: TcpStream) -> Option<TlsStream<Patient>> {
        let address = stream.peer_addr().ok();
        let agreed = timeout(HANDSHAKE_MAX, self.agree(stream)).await;
        let why = match agreed {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(why)) => why?,
            Err(_) => "it took too long".to_owned(),
        };
        let address = address.map(|address| address.to_string());
        let address = address.unwrap_or_default();
        tracing::error!("monitoring: TLS handshake error from {address}: {why}");
        None
    }

    /// Why not, where that is worth a line.
    async fn agree(&self, mut stream: TcpStream) -> Result<TlsStream<Patient>, Option<String>> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1..) if first[0] == HANDSHAKE => {}
            Ok(1..) => {
                // A request that nobody has read would have the answer thrown away.
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(NOT_ENCRYPTED).await;
                let why = match first[0].is_ascii_uppercase() {
                    true => "client sent an HTTP request to an HTTPS server",
                    false => "first record does not look like a TLS handshake",
                };
                return Err(Some(why.to_owned()));
            }
            _ => return Err(None), // Somebody who only looked whether the port is open.
        }
        let config = (self.0)().ok_or_else(|| Some("there is no certificate".to_owned()))?;
        let accepted = TlsAcceptor::from(config).accept(Patient::new(stream));
        accepted.await.map_err(|error| Some(error.to_string()))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}
