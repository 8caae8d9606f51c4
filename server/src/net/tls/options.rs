//! How connections are encrypted, as it is chosen.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long `handshake_first` waits by default for a client that begins with the handshake, as the
/// reference server has it.
const AUTO_WAIT: Duration = Duration::from_millis(50);
/// How long a handshake may take, as the reference server has it.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);

/// Encryption of the connections that clients make, for
/// [`Builder::tls`](crate::Builder::tls).
///
/// Clients must encrypt, unless [`TlsOptions::allow_non_tls`] says that they may. Certificates and
/// keys are PEM: files, which are read again when they change, or text.
///
/// ```no_run
/// use dunlin_server::{Server, TlsOptions};
///
/// let tls = TlsOptions::new().cert_file("server.pem", "server-key.pem").ca_file("ca.pem").verify(true);
/// let server = Server::builder().tls(tls);
/// ```
///
/// Source: protocol.md#tls, docs/configuration.md#tls.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing is encrypted before it is given to a builder"]
pub struct TlsOptions {
    pub(super) certificates: Vec<(Source, Source)>,
    pub(super) roots: Vec<Source>,
    pub(super) is_verified: bool,
    pub(super) maps_certificates: bool,
    pub(super) timeout: Duration,
    pub(super) version_min: TlsVersion,
    pub(super) ciphers: Vec<String>,
    pub(super) curves: Vec<String>,
    pub(super) pins: Vec<String>,
    pub(super) rate_max: Option<u64>,
    pub(super) first: HandshakeFirst,
    pub(super) is_optional: bool,
}

/// Where PEM comes from.
#[derive(Clone, PartialEq)]
pub(super) enum Source {
    File(PathBuf),
    Text(Vec<u8>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Text(_) => f.write_str("PEM"), // It may be a key.
        }
    }
}

/// Whether the handshake comes before INFO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeFirst {
    /// INFO comes first, in the open; the handshake follows it.
    #[default]
    No,
    /// The handshake comes first, and INFO behind it.
    Yes,
    /// The handshake comes first if the client begins it within this time; else INFO does.
    Wait(Duration),
}

impl HandshakeFirst {
    /// Waits 50 ms for the client, as `handshake_first: auto` does in a configuration file.
    pub const AUTO: Self = Self::Wait(AUTO_WAIT);
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            roots: Vec::new(),
            is_verified: false,
            maps_certificates: false,
            timeout: TIMEOUT_DEFAULT,
            version_min: TlsVersion::default(),
            ciphers: Vec::new(),
            curves: Vec::new(),
            pins: Vec::new(),
            rate_max: None,
            first: HandshakeFirst::default(),
            is_optional: false,
        }
    }
}

impl TlsOptions {
    /// Nothing chosen yet; at least a certificate is needed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows the certificate in the PEM file `cert`, which those that vouch for it may follow; its
    /// private key is in the PEM file `key`. With several certificates a client gets the one for
    /// the server name it asked for, or else the first.
    pub fn cert_file(mut self, cert: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        let source = |path: &Path| Source::File(path.to_owned());
        self.certificates
            .push((source(cert.as_ref()), source(key.as_ref())));
        self
    }

    /// The same, from PEM text.
    pub fn cert_pem(mut self, cert: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.certificates
            .push((Source::Text(cert.into()), Source::Text(key.into())));
        self
    }

    /// Trusts client certificates that those in the PEM file `path` vouch for. Default: whom the
    /// system trusts.
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.roots.push(Source::File(path.as_ref().to_owned()));
        self
    }

    /// The same, from PEM text.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(Source::Text(pem.into()));
        self
    }

    /// Whether clients must show a certificate. Default: no.
    pub fn verify(mut self, is_on: bool) -> Self {
        self.is_verified = is_on;
        self
    }

    /// Whether clients must show a certificate that says which user they are: by an e-mail
    /// address, a DNS name, a URI or the subject in it, in this order. Default: no.
    pub fn verify_and_map(mut self, is_on: bool) -> Self {
        self.maps_certificates = is_on;
        self
    }

    /// How long a handshake may take. Default: 2 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The oldest version that is spoken. Default: 1.2.
    pub fn min_version(mut self, version: TlsVersion) -> Self {
        self.version_min = version;
        self
    }

    /// The cipher suites that may be used, the preferred first, by the names of IANA or of Go.
    /// Default: all that are there.
    pub fn cipher_suites<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.ciphers = names.into_iter().map(Into::into).collect();
        self
    }

    /// The curves that may be used, the preferred first: `X25519`, `CurveP256`, `CurveP384`.
    /// Default: all.
    pub fn curve_preferences<T: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = T>,
    ) -> Self {
        self.curves = names.into_iter().map(Into::into).collect();
        self
    }

    /// Lets in only clients whose certificate has one of these public keys: the SHA-256 of the key
    /// as it stands in the certificate (the SubjectPublicKeyInfo), in hexadecimal digits. Default:
    /// any.
    pub fn pinned_certs<T: Into<String>>(mut self, pins: impl IntoIterator<Item = T>) -> Self {
        self.pins = pins.into_iter().map(Into::into).collect();
        self
    }

    /// The most handshakes begun in a second; one more is told so and closed. Default: no bound.
    pub fn connection_rate_limit(mut self, handshakes: u64) -> Self {
        self.rate_max = (handshakes > 0).then_some(handshakes);
        self
    }

    /// Whether the handshake comes before INFO. Default: no.
    pub fn handshake_first(mut self, first: HandshakeFirst) -> Self {
        self.first = first;
        self
    }

    /// Whether a client may do without encryption: its first byte tells. Default: no.
    pub fn allow_non_tls(mut self, is_on: bool) -> Self {
        self.is_optional = is_on;
        self
    }

    /// The same certificate for a port where nobody is asked for one, as of pages for browsers.
    pub(crate) fn for_strangers(&self) -> Self {
        Self {
            is_verified: false,
            maps_certificates: false,
            pins: Vec::new(),
            roots: Vec::new(),
            ..self.clone()
        }
    }

    /// How long a handshake may take.
    pub(crate) fn handshake_max(&self) -> Duration {
        self.timeout
    }

    /// Whether a client may do without encryption.
    pub(crate) fn is_optional(&self) -> bool {
        self.is_optional
    }

    /// Whether clients must show a certificate.
    pub(crate) fn wants_certificates(&self) -> bool {
        self.is_verified || self.maps_certificates
    }

    /// Whether a certificate says which user a client is.
    pub(crate) fn maps_certificates(&self) -> bool {
        self.maps_certificates
    }
}
