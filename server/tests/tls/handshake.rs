//! The handshake: what is offered, what is refused, and what is told of it.

use std::time::Duration;

use dunlin_server::{HandshakeFirst, Server, TlsOptions, TlsVersion};
use tokio::io::AsyncWriteExt;

use crate::certificates::Authority;
use crate::client::{Knows, Log, Typist, dial, options, start, until};

#[tokio::test]
async fn info_comes_in_the_open_and_everything_else_encrypted() {
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    assert_eq!(server.url(), format!("tls://{}", server.addr()));
    let mut typist = dial(&server).await;
    let info = typist.line().await;
    assert!(info.contains("\"tls_required\":true"), "{info}");
    let mut one = Knows::of(&authority).connect(&server).await;
    let mut two = Knows::of(&authority).only_tls12().connect(&server).await;
    one.type_lines("SUB greet.* 1\r\nPING\r\n").await;
    one.expect("PONG").await;
    two.type_lines("PUB greet.you 5\r\nhello\r\n").await;
    one.expect("MSG greet.you 1 5").await;
    one.expect("hello").await;
}

#[tokio::test]
async fn with_handshake_first_nothing_is_said_in_the_open() {
    let authority = Authority::new();
    let server = start(options(&authority).handshake_first(HandshakeFirst::Yes)).await;
    let stream = dial(&server).await.into_stream();
    let mut typist = Typist::over(Knows::of(&authority).encrypt(stream).await.unwrap());
    let info = typist.line().await;
    assert!(info.contains("\"tls_required\":true"), "{info}");
    typist.type_lines("PING\r\n").await;
    typist.expect("PONG").await;
}

#[tokio::test]
async fn with_auto_a_client_may_begin_or_wait() {
    let authority = Authority::new();
    let wait = HandshakeFirst::Wait(Duration::from_millis(300));
    let server = start(options(&authority).handshake_first(wait)).await;
    Knows::of(&authority).connect(&server).await; // Waits for INFO.
    let stream = dial(&server).await.into_stream();
    let mut typist = Typist::over(Knows::of(&authority).encrypt(stream).await.unwrap());
    assert!(typist.line().await.starts_with("INFO {"));
}

#[tokio::test]
async fn where_encryption_is_a_choice_the_first_byte_tells() {
    let authority = Authority::new();
    let server = start(options(&authority).allow_non_tls(true)).await;
    let mut plain = dial(&server).await;
    let info = plain.line().await;
    assert!(info.contains("\"tls_available\":true"), "{info}");
    assert!(!info.contains("\"tls_required\":true"), "{info}");
    plain
        .type_lines("CONNECT {\"verbose\":false}\r\nSUB a 1\r\nPING\r\n")
        .await;
    plain.expect("PONG").await;
    let stream = {
        let mut typist = dial(&server).await;
        typist.line().await;
        typist.into_stream()
    };
    let mut encrypted = Typist::over(Knows::of(&authority).encrypt(stream).await.unwrap());
    encrypted.type_lines("PUB a 2\r\nhi\r\n").await;
    plain.expect("MSG a 1 2").await;
    plain.expect("hi").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_taken_for_one_that_does_not_encrypt() {
    let authority = Authority::new();
    let tls = options(&authority).allow_non_tls(true);
    let builder = Server::builder().port(0).tls(tls);
    let server = builder.ping_interval(Duration::from_secs(5));
    let server = server.start().await.unwrap();
    let mut silent = dial(&server).await;
    silent.line().await;
    silent.expect("PING").await;
}

#[tokio::test]
async fn who_does_not_encrypt_is_closed_without_a_word() {
    let log = Log::keep();
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    for words in [
        "CONNECT {}\r\nPING\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "\x00\x01",
    ] {
        let mut typist = dial(&server).await;
        typist.line().await;
        typist.type_lines(words).await;
        assert_eq!(typist.rest().await, b"", "{words}");
    }
    until(&server, |counted| {
        counted.failed_handshakes == 3 && counted.connections == 0
    })
    .await;
    log.until("TLS handshake error: the client speaks in the open")
        .await;
    log.until("TLS handshake error: the client speaks HTTP")
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_its_time() {
    let authority = Authority::new();
    let server = start(options(&authority).timeout(Duration::from_secs(1))).await;
    let mut typist = dial(&server).await;
    typist.line().await;
    let began = tokio::time::Instant::now();
    typist.type_lines("\x16\x03\x01").await;
    assert_eq!(typist.rest().await, b"");
    assert!(began.elapsed() >= Duration::from_secs(1));
    until(&server, |counted| counted.failed_handshakes == 1).await;
}

#[tokio::test]
async fn a_slow_handshake_holds_nobody_up() {
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut typist = dial(&server).await;
        typist.line().await;
        typist.type_lines("\x16").await;
        slow.push(typist);
    }
    Knows::of(&authority).connect(&server).await;
}

#[tokio::test]
async fn an_older_version_than_demanded_is_refused_and_told() {
    let authority = Authority::new();
    let server = start(options(&authority).min_version(TlsVersion::V1_3)).await;
    let mut typist = dial(&server).await;
    typist.line().await;
    let knows = Knows::of(&authority).only_tls12();
    let error = knows.encrypt(typist.into_stream()).await.unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    Knows::of(&authority).connect(&server).await;
}

#[tokio::test]
async fn only_the_suites_and_curves_that_were_chosen_are_used() {
    let authority = Authority::new();
    let server = start(
        options(&authority)
            .cipher_suites(["TLS_CHACHA20_POLY1305_SHA256"])
            .curve_preferences(["CurveP384"]),
    )
    .await;
    let typist = Knows::of(&authority).connect(&server).await;
    let agreed = typist.stream().get_ref().1;
    let suite = agreed.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite.as_str(), Some("TLS13_CHACHA20_POLY1305_SHA256"));
    let curve = agreed.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(curve.as_str(), Some("secp384r1"));
}

#[tokio::test]
async fn a_client_is_shown_the_certificate_for_the_name_it_asks_for() {
    let authority = Authority::new();
    let other = authority.server(&["other.example", "*.wild.example"]);
    let server = start(options(&authority).cert_pem(other.cert, other.key)).await;
    for name in ["localhost", "other.example", "one.wild.example"] {
        // The client looks whether the certificate is for the name.
        Knows::of(&authority)
            .asking_for(name)
            .connect(&server)
            .await;
    }
}

#[tokio::test]
async fn handshakes_over_the_rate_are_told_so() {
    let authority = Authority::new();
    let server = start(options(&authority).connection_rate_limit(1)).await;
    Knows::of(&authority).connect(&server).await;
    let mut typist = dial(&server).await;
    typist.line().await;
    typist.type_lines("\x16\x03\x01").await;
    typist
        .expect("-ERR 'Connection throttling is active. Please try again later.'")
        .await;
    typist.expect("").await;
    assert_eq!(server.statistics().refused_connections, 1);
}

#[tokio::test]
async fn a_full_server_says_so_in_the_open() {
    let authority = Authority::new();
    let builder = Server::builder().port(0).tls(options(&authority));
    let server = builder.max_connections(1).start().await.unwrap();
    let _one = Knows::of(&authority).connect(&server).await;
    let mut typist = dial(&server).await;
    typist.line().await;
    typist.expect("-ERR 'maximum connections exceeded'").await;
}

#[tokio::test]
async fn a_stopping_server_waits_for_no_handshake() {
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    let mut typist = dial(&server).await;
    typist.line().await;
    typist.type_lines("\x16\x03").await;
    crate::client::soon(server.shutdown()).await;
    assert_eq!(typist.rest().await, b"");
}

#[tokio::test]
async fn both_sides_say_farewell() {
    let authority = Authority::new();
    let server = start(options(&authority)).await;
    let knows = Knows::of(&authority);
    let mut one = knows.connect(&server).await;
    let mut two = knows.connect(&server).await.into_stream();
    two.shutdown().await.unwrap(); // close_notify: the server closes, too.
    assert_eq!(Typist::over(two).rest().await, b"");
    server.shutdown().await;
    // A stream that ends without close_notify would be an error here.
    assert_eq!(one.line().await, "");
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_told() {
    let authority = Authority::new();
    let (one, two) = (authority.server(&["a"]), authority.server(&["b"]));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let cert = file("cert.pem", &one.cert);
    let key = file("key.pem", &one.key);
    let other = file("other-key.pem", &two.key);
    let empty = file("empty.pem", "nothing\n");
    let missing = folder.path().join("missing.pem");
    let new = TlsOptions::new;
    for (tls, expected) in [
        (new(), "encryption needs a certificate and its key"),
        (new().cert_file(&missing, &key), "cannot read"),
        (
            new().cert_file(&empty, &key),
            "empty.pem: there is no certificate in it",
        ),
        (
            new().cert_file(&cert, &empty),
            "empty.pem: there is no private key in it",
        ),
        (new().cert_file(&cert, &other), "cert.pem: the key in"),
        (
            new().cert_file(&cert, &key).cipher_suites(["X"]),
            "\"X\" is not known",
        ),
        (
            new().cert_file(&cert, &key).curve_preferences(["X"]),
            "\"X\" is not known",
        ),
        (
            new().cert_file(&cert, &key).pinned_certs(["abc"]),
            "\"abc\" is no SHA-256",
        ),
        (
            new().cert_file(&cert, &key).verify(true).ca_file(&empty),
            "empty.pem: there is no",
        ),
    ] {
        let started = Server::builder().port(0).tls(tls).start().await;
        let error = started.expect_err(expected).to_string();
        assert!(
            error.starts_with("tls: ") && error.contains(expected),
            "{error}"
        );
    }
}

#[tokio::test]
async fn who_encrypts_where_nobody_does_is_told_of() {
    let server = Server::builder().port(0).start().await.unwrap();
    let log = Log::keep();
    let mut typist = dial(&server).await;
    typist.line().await;
    let knows = Knows::of(&Authority::new());
    assert!(knows.encrypt(typist.into_stream()).await.is_err());
    log.until("TLS was spoken on a port without it").await;
}
