//! When TLS is used, and whom it trusts.

#[cfg(any(feature = "tls", feature = "aws-lc"))]
use std::path::PathBuf;

#[cfg(any(feature = "tls", feature = "aws-lc"))]
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(any(feature = "tls", feature = "aws-lc"))]
use super::ConnectOptions;
#[cfg(any(feature = "tls", feature = "aws-lc"))]
use crate::{error::ConnectError, tls, transport::Transport};

/// TLS. It is used where the server demands it, where the address says `tls://` or `wss://`, and
/// where [`require_tls`](ConnectOptions::require_tls) does. Files are PEM, and are read again for
/// each connection.
#[cfg(any(feature = "tls", feature = "aws-lc"))]
impl ConnectOptions {
    /// Whether a connection without TLS is an error, whatever the address says. Default: no.
    #[must_use]
    pub fn require_tls(mut self, is_required: bool) -> Self {
        self.tls.is_required = is_required;
        self
    }

    /// Begins with TLS before the server has said anything, as its `handshake_first` wants it.
    #[must_use]
    pub fn tls_first(mut self) -> Self {
        self.tls.is_first = true;
        self.tls.is_required = true;
        self
    }

    /// A file with certificates to trust, in place of those that the system trusts. Several calls
    /// add up.
    #[must_use]
    pub fn add_root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.roots.push(path.into());
        self
    }

    /// A file with the client's own certificate, those behind it included, and one with its key.
    #[must_use]
    pub fn add_client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.tls.certificate = Some((certificate.into(), key.into()));
        self
    }

    /// A whole configuration of rustls, in place of the files above.
    #[must_use]
    pub fn tls_client_config(mut self, config: tokio_rustls::rustls::ClientConfig) -> Self {
        self.tls.config = Some(std::sync::Arc::new(config));
        self
    }

    /// Encrypts `stream` as connections with these options are: for whoever asks the same server
    /// something over another protocol, such as its monitoring over https. The server must show a
    /// certificate for `name`.
    ///
    /// # Errors
    ///
    /// The handshake failed; or the files, or the system's certificates, cannot be used.
    ///
    /// # Cancel safety
    ///
    /// A dropped future closes `stream`.
    pub async fn secure<S>(
        &self,
        stream: S,
        name: &str,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static + use<S>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        tls::wrap(Transport::Given(Box::new(stream)), name, &self.tls).await
    }
}
