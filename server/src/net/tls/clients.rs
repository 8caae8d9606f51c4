//! Who looks at the certificates of clients: webpki, with the answer that clients know.
//!
//! A certificate that names a trusted authority and was signed by another of the same name is to
//! webpki a broken signature, which TLS calls a failed decryption; one that vouches for itself is an
//! authority out of place. The reference server says of both that the authority is unknown, and
//! clients wait for that.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// What is said of a certificate that no known authority vouches for.
const UNKNOWN: Error = Error::InvalidCertificate(CertificateError::UnknownIssuer);
/// What webpki calls an authority's certificate that somebody shows as its own; it has no name in
/// rustls.
const AUTHORITY: &str = "CaUsedAsEndEntity";

#[derive(Debug)]
pub(super) struct Clients(pub(super) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Clients {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.0.verify_client_cert(shown, between, now);
        verified.map_err(|error| match &error {
            Error::InvalidCertificate(CertificateError::BadSignature) => UNKNOWN,
            Error::InvalidCertificate(CertificateError::Other(other))
                if format!("{other:?}").contains(AUTHORITY) =>
            {
                UNKNOWN
            }
            _ => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, shown, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
