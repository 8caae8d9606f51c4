//! Certificates that change under a running server.

use std::path::Path;
use std::time::Duration;

use dunlin_server::{HandshakeFirst, Server, TlsOptions};

use crate::certificates::{Authority, Pair};
use crate::client::{Knows, Log, dial, options, soon, start};

/// Writes a file in one go, as whoever renews certificates does.
fn write(path: &Path, text: &str) {
    let aside = path.with_extension("new");
    std::fs::write(&aside, text).unwrap();
    std::fs::rename(aside, path).unwrap();
}

fn write_pair(folder: &Path, pair: &Pair) {
    write(&folder.join("cert.pem"), &pair.cert);
    write(&folder.join("key.pem"), &pair.key);
}

/// Whether the server shows a certificate of `authority`'s.
async fn is_shown(server: &Server, authority: &Authority) -> bool {
    let mut typist = dial(server).await;
    typist.line().await;
    let knows = Knows::of(authority);
    knows.encrypt(typist.into_stream()).await.is_ok()
}

async fn until_shown(server: &Server, authority: &Authority) {
    soon(async {
        while !is_shown(server, authority).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_certificate_is_read_by_itself_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(), Authority::new());
    write_pair(folder.path(), &old.server(&["localhost"]));
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let server = start(TlsOptions::new().cert_file(&cert, &key)).await;
    let log = Log::keep();
    let mut before = Knows::of(&old).connect(&server).await;
    let wrong = new.server(&["localhost"]);
    write(&key, &wrong.key); // It does not belong to the certificate.
    log.until("before stay in force").await;
    assert!(is_shown(&server, &old).await);
    write_pair(folder.path(), &new.server(&["localhost"]));
    until_shown(&server, &new).await;
    assert!(!is_shown(&server, &old).await);
    before.type_lines("PING\r\n").await; // Who is there goes on.
    before.expect("PONG").await;
}

#[tokio::test]
async fn a_reload_reads_certificates_and_may_turn_encryption_on_and_off() {
    let authority = Authority::new();
    let plain = || Server::builder().port(0);
    let server = plain().start().await.unwrap();
    let mut typist = dial(&server).await;
    assert!(!typist.line().await.contains("tls_required"));
    let tls = options(&authority).handshake_first(HandshakeFirst::No);
    let changes = server.reload(plain().tls(tls)).unwrap();
    assert_eq!((changes[0].name, &*changes[0].value), ("tls", "enabled"));
    assert_eq!(server.url(), format!("tls://{}", server.addr()));
    Knows::of(&authority).connect(&server).await;
    let bad = TlsOptions::new().cert_file("/nonexistent", "/nonexistent");
    let error = server.reload(plain().tls(bad)).unwrap_err();
    assert!(error.to_string().contains("/nonexistent"), "{error}");
    Knows::of(&authority).connect(&server).await; // As before.
    server.reload(plain()).unwrap();
    let mut typist = dial(&server).await;
    assert!(!typist.line().await.contains("tls_required"));
    typist.type_lines("PING\r\n").await;
    typist.expect("PONG").await;
}
