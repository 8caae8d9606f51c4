//! What rustls is asked, and what its errors mean.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use super::TlsOptions;
use crate::error::{ConnectError, ConnectErrorKind};
use crate::transport::Transport;

/// Shakes hands inside `transport`, with a server that must show a certificate for `name`.
pub(crate) async fn wrap(
    transport: Transport,
    name: &str,
    options: &TlsOptions,
) -> Result<Transport, ConnectError> {
    let server_name = ServerName::try_from(name.to_owned());
    let server_name =
        server_name.map_err(|_| failed(format!("no certificate can be for the name {name:?}")))?;
    let config = match &options.config {
        Some(config) => Arc::clone(config),
        None => {
            let options = options.clone();
            // The system's certificates are many files.
            let config = tokio::task::spawn_blocking(move || config(&options)).await;
            let config = config.unwrap_or_else(|error| Err(failed(error.to_string())))?;
            Arc::new(config)
        }
    };
    let stream = TlsConnector::from(config)
        .connect(server_name, transport)
        .await;
    let stream = stream.map_err(|error| match explain(error) {
        error if error.kind() == ConnectErrorKind::Tls => error,
        error => error.about("the connection ended during the tls handshake"),
    })?;
    Ok(Transport::Given(Box::new(stream)))
}

/// What an error of the stream means, if TLS has it; else it is the socket's.
pub(crate) fn explain(error: io::Error) -> ConnectError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(text) = inner.map(meaning) else {
        return ConnectError::with_source(ConnectErrorKind::Io, error);
    };
    ConnectError::with_source(ConnectErrorKind::Tls, error).about(text)
}

fn meaning(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(problem) => certificate(problem),
        rustls::Error::AlertReceived(alert) => format!(
            "server refused the handshake with the alert {alert:?}; it may demand a client \
             certificate, or not trust the one it was shown"
        ),
        rustls::Error::InvalidMessage(_) => format!("what answers does not speak tls ({error})"),
        other => other.to_string(),
    }
}

fn certificate(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer => "the server's certificate is signed by nobody who is \
             trusted; add_root_certificates() names a file with whom to trust"
            .to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the server's certificate has expired ({problem})")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the server's certificate is for another name ({problem})")
        }
        other => format!("the server's certificate is not accepted ({other})"),
    }
}

fn config(options: &TlsOptions) -> Result<ClientConfig, ConnectError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| failed(error.to_string()))?;
    let builder = builder.with_root_certificates(roots(options)?);
    let Some((certificates, key)) = &options.certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates_of(certificates)?;
    let key_of = PrivateKeyDer::from_pem_file(key);
    let key_of = key_of.map_err(|error| failed(format!("no key in {}: {error}", key.display())))?;
    let config = builder.with_client_auth_cert(chain, key_of);
    config.map_err(|error| failed(format!("key {}: {error}", key.display())))
}

/// Whom to trust: the given files, or the system where there are none.
fn roots(options: &TlsOptions) -> Result<RootCertStore, ConnectError> {
    let mut store = RootCertStore::empty();
    for path in &options.roots {
        for certificate in certificates_of(path)? {
            let added = store.add(certificate);
            added.map_err(|error| failed(format!("root {}: {error}", path.display())))?;
        }
    }
    if options.roots.is_empty() {
        let found = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            let why = found
                .errors
                .first()
                .map_or(String::new(), |error| format!(": {error}"));
            return Err(failed(format!(
                "no certificates in the system to trust{why}"
            )));
        }
    }
    Ok(store)
}

/// All of a PEM file; at least one.
fn certificates_of(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let about = |error: &dyn std::fmt::Display| {
        failed(format!("no certificates in {}: {error}", path.display()))
    };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| about(&error))?;
    let found: Result<Vec<_>, _> = found.collect();
    match found.map_err(|error| about(&error))? {
        none if none.is_empty() => Err(about(&"it holds none")),
        some => Ok(some),
    }
}

fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc"))]
    rustls::crypto::ring::default_provider()
}

fn failed(detail: String) -> ConnectError {
    ConnectError::with_detail(ConnectErrorKind::Tls, detail)
}
