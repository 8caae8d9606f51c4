//! From options to what encrypts: files are read here, and what is wrong with them is said.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};

use super::clients::Clients;
use super::options::{Source, TlsOptions, TlsVersion};
use super::shown::Shown;
use super::{names, suites};

/// The largest PEM file that is read, in bytes; a guess far above any bundle of certificates.
const FILE_MAX: u64 = 16 * 1024 * 1024;
/// The digits of a SHA-256.
const PIN_LEN: usize = 64;

/// Why connections cannot be encrypted as it was chosen.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// There is no certificate to show.
    NoCertificate,
    /// A file could not be read.
    #[non_exhaustive]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file, or a text, does not hold what it should.
    #[non_exhaustive]
    Invalid {
        /// The file; none for a text.
        path: Option<PathBuf>,
        /// What is wrong with it.
        what: String,
    },
    /// A cipher suite, a curve or a pin cannot be used.
    Unusable(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("encryption needs a certificate and its key"),
            Self::Unreadable { path, source } => {
                write!(f, "cannot read {}: {source}", path.display())
            }
            Self::Invalid {
                path: Some(path),
                what,
            } => write!(f, "{}: {what}", path.display()),
            Self::Invalid { path: None, what } => f.write_str(what),
            Self::Unusable(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl TlsError {
    /// The file that is not as it should be, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { path, .. } => Some(path),
            Self::Invalid { path, .. } => path.as_deref(),
            Self::NoCertificate | Self::Unusable(_) => None,
        }
    }
}

/// What is known of certificates that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFacts {
    /// When the first of them expires.
    pub not_after: SystemTime,
}

impl TlsOptions {
    /// Reads the files and looks whether they can be used, as a server that starts does; tells what
    /// it found.
    ///
    /// # Errors
    ///
    /// What such a server would say.
    pub fn check(&self) -> Result<TlsFacts, TlsError> {
        load(self)?;
        pins(self)?;
        facts(self)
    }
}

/// What is known of the certificates.
pub(super) fn facts(options: &TlsOptions) -> Result<TlsFacts, TlsError> {
    let mut not_after = None;
    for (source, _) in &options.certificates {
        let expiry = certificates(source)?.first().and_then(names::expiry);
        not_after = not_after.into_iter().chain(expiry).min();
    }
    let not_after = not_after.unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(TlsFacts { not_after })
}

/// What encrypts, as `options` have it.
///
/// # Errors
///
/// A file cannot be read, or does not hold what it should; a name means nothing.
pub(super) fn load(options: &TlsOptions) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(provider(options)?);
    let versions = match options.version_min {
        TlsVersion::V1_2 => &[&TLS13, &TLS12][..],
        TlsVersion::V1_3 => &[&TLS13],
    };
    let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(unusable)?;
    let builder = match verifier(options, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let keys = options.certificates.iter();
    let keys: Vec<_> = keys
        .map(|(cert, key)| certified_key(cert, key, &provider))
        .collect::<Result<_, _>>()?;
    let shown = Shown::new(keys).ok_or(TlsError::NoCertificate)?;
    let mut config = builder.with_cert_resolver(Arc::new(shown));
    // Connections live long: to resume one saves little, and would pass by what has been changed
    // about client certificates meanwhile.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The pins, each in lower case.
///
/// # Errors
///
/// One of them is no SHA-256.
pub(super) fn pins(options: &TlsOptions) -> Result<Vec<String>, TlsError> {
    let check = |pin: &String| match pin.len() == PIN_LEN
        && pin.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        true => Ok(pin.to_lowercase()),
        false => Err(TlsError::Unusable(format!(
            "pinned certificate \"{pin}\" is no SHA-256 in hexadecimal digits"
        ))),
    };
    options.pins.iter().map(check).collect()
}

fn provider(options: &TlsOptions) -> Result<CryptoProvider, TlsError> {
    let mut provider = ring::default_provider();
    let names = options.ciphers.iter();
    if !options.ciphers.is_empty() {
        let suites = names.map(|name| suites::suite(name));
        provider.cipher_suites = suites
            .collect::<Result<_, _>>()
            .map_err(TlsError::Unusable)?;
    }
    if !options.curves.is_empty() {
        let curves = options.curves.iter().map(|name| suites::curve(name));
        provider.kx_groups = curves
            .collect::<Result<_, _>>()
            .map_err(TlsError::Unusable)?;
    }
    Ok(provider)
}

/// What looks at the certificates of clients, if they must show one.
fn verifier(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    if !options.wants_certificates() {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for source in &options.roots {
        for certificate in certificates(source)? {
            let added = roots.add(certificate);
            added
                .map_err(|error| source.invalid(format!("a certificate is malformed: {error}")))?;
        }
    }
    if options.roots.is_empty() {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = builder.build().map_err(|_| {
        let what = "there is no authority whose client certificates could be trusted";
        TlsError::Unusable(what.to_owned())
    })?;
    Ok(Some(Arc::new(Clients(verifier))))
}

/// A certificate with its key; they must fit.
fn certified_key(
    cert: &Source,
    key: &Source,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(cert)?;
    let der = PrivateKeyDer::from_pem_slice(&key.read()?).map_err(|error| {
        key.invalid(match error {
            pem::Error::NoItemsFound => "there is no private key in it".to_owned(),
            error => format!("the private key cannot be read: {error}"),
        })
    })?;
    let signer = provider.key_provider.load_private_key(der);
    let signer =
        signer.map_err(|error| key.invalid(format!("the private key cannot be used: {error}")))?;
    let certified = CertifiedKey::new(chain, signer);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(certified)
        }
        Err(rustls::Error::InconsistentKeys(_)) => {
            let what = match key {
                Source::File(path) => format!("the key in {} is not its key", path.display()),
                Source::Text(_) => "the key does not belong to the certificate".to_owned(),
            };
            Err(cert.invalid(what))
        }
        Err(error) => Err(cert.invalid(format!("the certificate is malformed: {error}"))),
    }
}

/// All certificates in `source`; there is at least one.
fn certificates(source: &Source) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = source.read()?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(source.invalid("there is no certificate in it".to_owned()))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(source.invalid(format!("a certificate cannot be read: {error}"))),
    }
}

impl Source {
    /// The file, if it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Text(_) => None,
        }
    }

    fn read(&self) -> Result<Vec<u8>, TlsError> {
        let path = match self {
            Self::File(path) => path,
            Self::Text(text) => return Ok(text.clone()),
        };
        let size = fs::metadata(path).map(|metadata| metadata.len());
        if size.is_ok_and(|size| size > FILE_MAX) {
            return Err(self.invalid(format!("the file is over {FILE_MAX} bytes")));
        }
        fs::read(path).map_err(|source| TlsError::Unreadable {
            path: path.clone(),
            source,
        })
    }

    fn invalid(&self, what: String) -> TlsError {
        let path = self.path().map(Path::to_owned);
        TlsError::Invalid { path, what }
    }
}
