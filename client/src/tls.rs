//! TLS over a byte stream, by rustls.
//!
//! In: a stream, the name that the server must show, what is trusted. Out: the stream that goes on
//! inside, or an error that says what is wrong with whose certificate. Files are read again for each
//! connection, so that renewed certificates need no restart.

#[cfg(any(feature = "tls", feature = "aws-lc"))]
use std::path::PathBuf;

#[cfg(any(feature = "tls", feature = "aws-lc"))]
mod rustls;
#[cfg(any(feature = "tls", feature = "aws-lc"))]
pub(crate) use rustls::{explain, wrap};

/// What is trusted, and when TLS is used.
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    /// Never without it.
    pub(crate) is_required: bool,
    /// Before the server has said anything.
    pub(crate) is_first: bool,
    /// PEM files; none trusts what the system trusts.
    #[cfg(any(feature = "tls", feature = "aws-lc"))]
    pub(crate) roots: Vec<PathBuf>,
    /// PEM files: certificates, and the key of the first one.
    #[cfg(any(feature = "tls", feature = "aws-lc"))]
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// Goes before the files.
    #[cfg(any(feature = "tls", feature = "aws-lc"))]
    pub(crate) config: Option<std::sync::Arc<tokio_rustls::rustls::ClientConfig>>,
}

#[cfg(not(any(feature = "tls", feature = "aws-lc")))]
mod absent {
    use std::io;

    use super::TlsOptions;
    use crate::error::{ConnectError, ConnectErrorKind};
    use crate::transport::Transport;

    pub(crate) async fn wrap(
        _transport: Transport,
        _name: &str,
        _options: &TlsOptions,
    ) -> Result<Transport, ConnectError> {
        let detail = "tls is needed, and the feature `tls` is off";
        Err(ConnectError::with_detail(
            ConnectErrorKind::Unsupported,
            detail,
        ))
    }

    pub(crate) fn explain(error: io::Error) -> ConnectError {
        ConnectError::with_source(ConnectErrorKind::Io, error)
    }
}
#[cfg(not(any(feature = "tls", feature = "aws-lc")))]
pub(crate) use absent::{explain, wrap};
