//! Who may connect, what they may do, and how their connections are encrypted.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Lag, Placed};

/// Who may connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorization {
    /// The only user.
    pub user: Option<String>,
    /// The password of the only user.
    pub password: Option<Secret>,
    /// What every client must show, in place of a user.
    pub token: Option<Secret>,
    /// How long a connection may take to say who it is.
    pub timeout: Option<Duration>,
    /// The users.
    pub users: Vec<User>,
    /// What users may do of whom it is not said.
    pub default_permissions: Option<Permissions>,
}

/// Somebody who may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// How to know the user.
    pub identity: Placed<Identity>,
    /// What the user may do; nothing leaves it to the default.
    pub permissions: Option<Permissions>,
    /// How the user may connect; nothing is anyhow.
    pub connection_types: Option<Vec<ConnectionType>>,
    /// What becomes of messages when the user does not keep up; nothing leaves it to the listener.
    pub lag: Option<Lag>,
}

/// How a user is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// By name and password, which may be a bcrypt hash.
    Name {
        /// The name.
        name: String,
        /// The password; empty for none.
        password: Secret,
    },
    /// By a key, of which this is the public half.
    Nkey(String),
}

impl Identity {
    /// The name, or the public key.
    pub fn name(&self) -> &str {
        match self {
            Self::Name { name, .. } => name,
            Self::Nkey(key) => key,
        }
    }
}

/// A text that is not for others to see.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// A way to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionType {
    /// To the client port.
    Standard,
    /// To the WebSocket port.
    WebSocket,
    /// As a leaf node.
    LeafNode,
    /// As a leaf node over WebSocket.
    LeafNodeWebSocket,
    /// As an MQTT client.
    Mqtt,
    /// As an MQTT client over WebSocket.
    MqttWebSocket,
    /// From within the process.
    InProcess,
}

/// What somebody may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// What may be published.
    pub publish: Subjects,
    /// What may be subscribed to; entries may be `subject queue`.
    pub subscribe: Subjects,
    /// What may be published as the answer to a message received.
    pub responses: Option<Responses>,
}

/// Subjects that are allowed, and those that are not even so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subjects {
    /// Nothing allows every subject; an empty list none.
    pub allow: Option<Vec<Placed<String>>>,
    /// Subjects that are not allowed.
    pub deny: Vec<Placed<String>>,
}

/// How many answers may be published, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Responses {
    /// Answers to each message; nothing for any number.
    pub max: Option<u64>,
    /// How long after the message; nothing for ever.
    pub expires: Option<Duration>,
}

/// How connections are encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates with their keys; the one that fits a client's server name is shown.
    pub certificates: Vec<Certificate>,
    /// Whose signatures on client certificates are trusted; nothing for the system's.
    pub ca_file: Option<Placed<PathBuf>>,
    /// Whether clients must show a certificate.
    pub verify: bool,
    /// Whether the certificate says which user a client is.
    pub verify_and_map: bool,
    /// How long a handshake may take.
    pub timeout: Option<Duration>,
    /// The oldest version that is spoken.
    pub min_version: Option<TlsVersion>,
    /// Cipher suites that may be used, by their registered names, the preferred first; nothing for
    /// the usual ones.
    pub ciphers: Option<Vec<&'static str>>,
    /// Curves that may be used, by the names of Go, the preferred first; nothing for the usual ones.
    pub curves: Option<Vec<&'static str>>,
    /// SHA-256 of the keys of the client certificates that are accepted, in lower case
    /// hexadecimal digits; nothing for any.
    pub pinned_certs: Option<Vec<String>>,
    /// The most handshakes begun in a second.
    pub connection_rate_limit: Option<u64>,
    /// Whether the handshake comes before INFO.
    pub handshake_first: HandshakeFirst,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// A file with the certificate, and those that vouch for it.
    pub cert_file: Placed<PathBuf>,
    /// A file with the private key.
    pub key_file: Placed<PathBuf>,
}

/// When the handshake comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HandshakeFirst {
    /// Behind INFO.
    #[default]
    No,
    /// Before INFO.
    Yes,
    /// Before INFO, if the client begins it within this time.
    Wait(Duration),
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}
