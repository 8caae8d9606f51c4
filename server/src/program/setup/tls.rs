//! How connections are encrypted: from the words of a file to those of the server.

use crate::conf::{self, Settings};
use crate::net::{HandshakeFirst, TlsOptions, TlsVersion};

/// The encryption of client connections, if there is any.
pub(super) fn of_server(settings: &Settings) -> Option<TlsOptions> {
    let tls = of_block(settings.tls.as_ref()?);
    Some(tls.allow_non_tls(settings.allow_non_tls.unwrap_or(false)))
}

/// What a `tls { }` block says.
pub(crate) fn of_block(block: &conf::Tls) -> TlsOptions {
    let mut it = TlsOptions::new()
        .verify(block.verify)
        .verify_and_map(block.verify_and_map)
        .handshake_first(match block.handshake_first {
            conf::HandshakeFirst::No => HandshakeFirst::No,
            conf::HandshakeFirst::Yes => HandshakeFirst::Yes,
            conf::HandshakeFirst::Wait(wait) => HandshakeFirst::Wait(wait),
        })
        .cipher_suites(block.ciphers.iter().flatten().copied())
        .curve_preferences(block.curves.iter().flatten().copied())
        .pinned_certs(block.pinned_certs.iter().flatten().cloned())
        .connection_rate_limit(block.connection_rate_limit.unwrap_or(0));
    for certificate in &block.certificates {
        it = it.cert_file(&*certificate.cert_file, &*certificate.key_file);
    }
    if let Some(path) = &block.ca_file {
        it = it.ca_file(&**path);
    }
    if let Some(timeout) = block.timeout {
        it = it.timeout(timeout);
    }
    if let Some(conf::TlsVersion::V1_3) = block.min_version {
        it = it.min_version(TlsVersion::V1_3);
    }
    it
}
