//! Which certificate a client is shown: the one for the name it asks for, or else the first.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The certificates of a server.
#[derive(Debug)]
pub(super) struct Shown {
    first: Arc<CertifiedKey>,
    others: Vec<Arc<CertifiedKey>>,
}

impl Shown {
    /// None without any certificate.
    pub(super) fn new(keys: Vec<CertifiedKey>) -> Option<Self> {
        let mut keys = keys.into_iter().map(Arc::new);
        let first = keys.next()?;
        Some(Self {
            first,
            others: keys.collect(),
        })
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if self.others.is_empty() {
            return Some(Arc::clone(&self.first));
        }
        let name = hello.server_name().map(ServerName::try_from);
        let all = || std::iter::once(&self.first).chain(&self.others);
        let can_sign =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let mut fitting = all().filter(|key| match &name {
            Some(Ok(name)) => is_for(key, name),
            _ => false,
        });
        let found = fitting.find(can_sign).or_else(|| all().find(can_sign));
        Some(Arc::clone(found.unwrap_or(&self.first)))
    }
}

fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let certificate = key.end_entity_cert().and_then(ParsedCertificate::try_from);
    certificate
        .is_ok_and(|certificate| rustls::client::verify_server_name(&certificate, name).is_ok())
}
