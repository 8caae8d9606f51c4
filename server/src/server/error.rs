//! Why a server does not start.

use std::fmt;
use std::io;

#[cfg(feature = "http")]
use crate::monitoring::Failure;
use crate::net::TlsError;
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
    /// A message may be larger than what may wait for all readers together.
    #[non_exhaustive]
    PayloadOverPendingTotal {
        /// The largest message, in bytes.
        payload_max: usize,
        /// The most that may wait for all, in bytes.
        pending_total_max: usize,
    },
    /// What becomes of messages is said for a filter that is none.
    #[non_exhaustive]
    LagFilter {
        /// As it was given.
        filter: String,
    },
    /// What was said of users contradicts itself.
    #[non_exhaustive]
    Authorization(AuthorizationError),
    /// Connections cannot be encrypted as it was chosen.
    #[non_exhaustive]
    Tls(TlsError),
    /// An origin whose pages may connect is no origin.
    #[non_exhaustive]
    Origin {
        /// As it was given.
        text: String,
    },
    /// A header of the answer to a WebSocket's request is not possible, or is the server's own.
    #[non_exhaustive]
    Header {
        /// Its name.
        name: String,
    },
}

impl StartError {
    pub(super) fn listen(host: &str, port: u16, source: io::Error) -> Self {
        Self::Listen {
            address: format!("{host}:{port}"),
            source,
        }
    }

    /// Whether somebody else listens on the address.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

#[cfg(feature = "http")]
impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Listen(address, source) => Self::Listen { address, source },
            Failure::Tls(error) => Self::Tls(error),
        }
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
            Self::PayloadOverPendingTotal {
                payload_max,
                pending_total_max,
            } => write!(
                f,
                "max_payload ({payload_max} bytes) is over max_pending_total ({pending_total_max} bytes)"
            ),
            Self::LagFilter { filter } => write!(f, "lag: {filter:?} is no subject"),
            Self::Authorization(error) => error.fmt(f),
            Self::Tls(error) => write!(f, "tls: {error}"),
            Self::Origin { text } => write!(f, "{text:?} is no origin: scheme://host[:port]"),
            Self::Header { name } => write!(f, "header {name:?} cannot be sent to WebSockets"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } => Some(source),
            Self::Authorization(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::PayloadOverPending { .. }
            | Self::PayloadOverPendingTotal { .. }
            | Self::LagFilter { .. }
            | Self::Origin { .. }
            | Self::Header { .. } => None,
        }
    }
}
