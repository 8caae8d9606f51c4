//! What the engine tells the driver.

use std::fmt;

use dunlin_protocol::{Info, ParseError};

use crate::events::SlowConsumer;
use crate::refusal::ServerError;

/// What the driver must hear of.
#[derive(Debug, PartialEq)]
pub(crate) enum Notice {
    /// The server refused something; the connection goes on.
    Refused(ServerError),
    /// A queue was full.
    Slow(SlowConsumer),
    /// The server told anew who it is.
    Info(Box<Info>),
    /// The subscription for answers was refused: the next request must make it again.
    InboxRefused,
    /// Everything asked for before a drain is done.
    Drained,
    /// Everything said on this connection is done: another one may take over.
    Parted,
}

/// Why a connection is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// The server sent what is no operation, or one beyond its bounds.
    Protocol(ParseError),
    /// The server asks faster than it reads the answers.
    Flood,
    /// The server left pings unanswered.
    Stale,
    /// The server said so; the verdict tells whether another connection may be tried.
    Refused(ServerError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => write!(f, "server broke the protocol: {error}"),
            Self::Flood => f.write_str("server asks faster than it reads answers"),
            Self::Stale => f.write_str("server left pings unanswered"),
            Self::Refused(error) => write!(f, "server said: {error}"),
        }
    }
}
