//! Why a server does not start.

use std::fmt;
use std::io;

use crate::net::TlsError;
use crate::options::Builder;
use crate::peer::AuthorizationError;

/// Why a server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The address could not be resolved or listened on.
    #[non_exhaustive]
    Listen {
        /// Host and port asked for.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// A message may be larger than what may wait for its reader: it could never be delivered.
    #[non_exhaustive]
    PayloadOverPending {
        /// The largest message, in bytes.
        payload_max: usize,
        /// The most that may wait, in bytes.
        pending_max: usize,
    },
    /// What was said of users contradicts itself.
    #[non_exhaustive]
    Authorization(AuthorizationError),
    /// Connections cannot be encrypted as it was chosen.
    #[non_exhaustive]
    Tls(TlsError),
}

impl StartError {
    pub(super) fn listen(options: &Builder, source: io::Error) -> Self {
        Self::Listen {
            address: format!("{}:{}", options.host, options.port),
            source,
        }
    }

    /// Whether somebody else listens on the address.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::PayloadOverPending {
                payload_max,
                pending_max,
            } => write!(
                f,
                "max_payload ({payload_max} bytes) is over max_pending ({pending_max} bytes)"
            ),
            Self::Authorization(error) => error.fmt(f),
            Self::Tls(error) => write!(f, "tls: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } => Some(source),
            Self::Authorization(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::PayloadOverPending { .. } => None,
        }
    }
}
