//! What a client's certificate says of it: names to know a user by, and fingerprints.

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The names in `certificate`, in the order in which users are looked up: e-mail addresses, DNS
/// names, URIs.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let tbs = certificate.tbs_certificate();
    let Ok(Some((_, SubjectAltName(names)))) = tbs.get_extension::<SubjectAltName>() else {
        return Vec::new();
    };
    let mut found: Vec<(u8, String)> = names.iter().filter_map(ranked).collect();
    found.sort_by_key(|(rank, _)| *rank); // Stable: names of one kind stay in their order.
    found.into_iter().map(|(_, name)| name).collect()
}

fn ranked(name: &GeneralName) -> Option<(u8, String)> {
    match name {
        GeneralName::Rfc822Name(email) => Some((0, email.to_string())),
        GeneralName::DnsName(name) => Some((1, name.to_string())),
        GeneralName::UniformResourceIdentifier(uri) => Some((2, uri.to_string())),
        _ => None,
    }
}

/// The subject of `certificate`, as RFC 2253 writes it; empty if there is none.
pub(super) fn subject(certificate: &CertificateDer<'_>) -> String {
    Certificate::from_der(certificate)
        .map(|certificate| certificate.tbs_certificate().subject().to_string())
        .unwrap_or_default()
}

/// When `certificate` expires; none if it is malformed.
pub(super) fn expiry(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some(SystemTime::UNIX_EPOCH + validity.not_after.to_unix_duration())
}

/// SHA-256 of the public key in `certificate`, in hexadecimal digits; empty if it is malformed.
pub(super) fn key_digest(certificate: &CertificateDer<'_>) -> String {
    ParsedCertificate::try_from(certificate)
        .map(|parsed| digest(&parsed.subject_public_key_info()))
        .unwrap_or_default()
}

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}
