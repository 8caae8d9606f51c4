//! TLS: whom the client trusts, and what it says when it does not.

use std::path::PathBuf;
use std::time::Duration;

use dunlin::{ConnectErrorKind, ConnectOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::scripted::{INFO, Scripted};
use super::server::{Server, next};

/// Certificates for one test.
struct Papers {
    folder: TempDir,
}

impl Papers {
    /// A root, a server's certificate for `names` and a client's, all signed by the root.
    fn new(names: &[&str]) -> Self {
        let papers = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(papers.path("root.pem"), root.pem()).unwrap();
        for (file, names) in [("server", names), ("client", &["client"])] {
            let key = KeyPair::generate().unwrap();
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            let params = CertificateParams::new(names).unwrap();
            let certificate = params.signed_by(&key, &root).unwrap();
            std::fs::write(papers.path(&format!("{file}.pem")), certificate.pem()).unwrap();
            std::fs::write(papers.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
        }
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The server's block, with `more` inside.
    fn config(&self, more: &str) -> String {
        format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", {more} }}",
            self.path("server.pem").display(),
            self.path("server.key").display(),
            self.path("root.pem").display()
        )
    }

    fn trusting(&self) -> ConnectOptions {
        ConnectOptions::new().add_root_certificates(self.path("root.pem"))
    }
}

async fn works(options: ConnectOptions, url: String) {
    let client = options.connect(url).await.unwrap();
    let mut subscriber = client.subscribe("a").await.unwrap();
    let large = vec![b'x'; 300_000];
    client.publish("a", &large).await.unwrap();
    client.publish("a", "small").await.unwrap();
    assert_eq!(next(&mut subscriber).await.payload, large);
    assert_eq!(next(&mut subscriber).await.payload, "small");
    client.drain().await.unwrap();
}

async fn failure(options: ConnectOptions, url: String) -> (ConnectErrorKind, String) {
    let error = options.connect(url).await.unwrap_err();
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn a_server_that_demands_tls_gets_it() {
    let papers = Papers::new(&["localhost", "127.0.0.1"]);
    let Some(server) = Server::configured(&papers.config("")).await else {
        return;
    };
    let port = server.addr.port();
    for host in ["localhost", "127.0.0.1", "tls://localhost"] {
        works(papers.trusting(), format!("{host}:{port}")).await;
    }
}

#[tokio::test]
async fn errors_say_what_is_wrong_with_whose_certificate() {
    let papers = Papers::new(&["elsewhere.example"]);
    let Some(server) = Server::configured(&papers.config("")).await else {
        return;
    };
    let url = || format!("tls://{}", server.addr);
    let (kind, text) = failure(papers.trusting(), url()).await;
    assert_eq!(kind, ConnectErrorKind::Tls);
    assert!(
        text.contains("is for another name") && text.contains("elsewhere.example"),
        "{text}"
    );
    let (kind, text) = failure(ConnectOptions::new(), url()).await;
    assert_eq!(kind, ConnectErrorKind::Tls);
    assert!(
        text.contains("signed by nobody who is trusted") || text.contains("to trust"),
        "{text}"
    );
    let none = ConnectOptions::new().add_root_certificates(papers.path("server.key"));
    let (kind, text) = failure(none, url()).await;
    assert_eq!(kind, ConnectErrorKind::Tls);
    assert!(text.contains("server.key: it holds none"), "{text}");
    let gone = ConnectOptions::new().add_root_certificates("/nowhere.pem");
    let (_, text) = failure(gone, url()).await;
    assert!(text.contains("no certificates in /nowhere.pem"), "{text}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_demanded() {
    let papers = Papers::new(&["127.0.0.1"]);
    let Some(server) = Server::configured(&papers.config("verify: true")).await else {
        return;
    };
    let url = || format!("tls://{}", server.addr);
    let (cert, key) = (papers.path("client.pem"), papers.path("client.key"));
    works(papers.trusting().add_client_certificate(&cert, key), url()).await;
    let (kind, text) = failure(papers.trusting(), url()).await;
    assert!(
        kind == ConnectErrorKind::Tls || kind == ConnectErrorKind::Io,
        "{text}"
    );
    let wrong = papers
        .trusting()
        .add_client_certificate(&cert, papers.path("server.key"));
    let (kind, text) = failure(wrong, url()).await;
    assert_eq!(kind, ConnectErrorKind::Tls);
    assert!(text.contains("server.key"), "{text}");
}

#[tokio::test]
async fn tls_may_come_first() {
    let papers = Papers::new(&["127.0.0.1"]);
    let Some(server) = Server::configured(&papers.config("handshake_first: true")).await else {
        return;
    };
    works(papers.trusting().tls_first(), server.addr.to_string()).await;
    // Without it both sides wait for the other to begin.
    let waiting = papers
        .trusting()
        .connection_timeout(Duration::from_millis(200));
    let (kind, _) = failure(waiting, server.addr.to_string()).await;
    assert_eq!(kind, ConnectErrorKind::TimedOut);
}

#[tokio::test]
async fn a_server_without_tls_is_left_where_tls_is_required() {
    let server = Server::start().await;
    for (options, url) in [
        (ConnectOptions::new(), format!("tls://{}", server.addr)),
        (
            ConnectOptions::new().require_tls(true),
            server.addr.to_string(),
        ),
    ] {
        let (kind, text) = failure(options, url).await;
        assert_eq!(kind, ConnectErrorKind::Tls);
        assert!(text.contains("the server has none"), "{text}");
    }
    let (kind, text) = failure(ConnectOptions::new().tls_first(), server.addr.to_string()).await;
    assert_eq!(kind, ConnectErrorKind::Tls);
    assert!(text.contains("does not speak tls"), "{text}");
}

#[tokio::test]
async fn what_is_said_in_the_clear_before_tls_is_not_believed() {
    let server = Scripted::start().await;
    let info = INFO.replace("\"headers\"", "\"tls_required\":true,\"headers\"");
    for (more, expected) in [
        ("PONG\r\n", ConnectErrorKind::Protocol),
        (
            "-ERR 'maximum connections exceeded'\r\n",
            ConnectErrorKind::Refused,
        ),
    ] {
        let (outcome, ()) = tokio::join!(dunlin::connect(server.addr), async {
            let mut peer = server.accept().await;
            peer.say(format!("{info}{more}")).await;
            peer.hung_up().await;
        });
        assert_eq!(outcome.unwrap_err().kind(), expected, "{more}");
    }
}
