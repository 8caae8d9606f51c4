//! Client certificates: who may come in, and who they say that somebody is.

use dunlin_server::{Authorization, Server, TlsOptions, User};
use rcgen::{DnType, SanType};
use tokio::io::AsyncReadExt;

use crate::certificates::{Authority, Pair};
use crate::client::{Knows, Typist, dial, options, start, until};

fn trusting(authority: &Authority) -> TlsOptions {
    options(authority).ca_pem(authority.pem())
}

/// Whether a client that knows so much gets an answer.
async fn is_let_in(server: &Server, knows: &Knows) -> bool {
    let mut typist = dial(server).await;
    let info = typist.line().await;
    assert!(info.contains("\"tls_verify\":true"), "{info}");
    let Ok(mut stream) = knows.encrypt(typist.into_stream()).await else {
        return false; // Under TLS 1.2 the handshake itself fails.
    };
    let sent = tokio::io::AsyncWriteExt::write_all(&mut stream, b"CONNECT {}\r\nPING\r\n").await;
    let mut answer = [0; 4];
    sent.is_ok() && stream.read_exact(&mut answer).await.is_ok() && &answer == b"+OK\r"
}

#[tokio::test]
async fn a_certificate_is_demanded_and_verified() {
    let authority = Authority::new();
    let server = start(trusting(&authority).verify(true)).await;
    let known = authority.client(Vec::new(), &[(DnType::CommonName, "me")]);
    let stranger = Authority::new().client(Vec::new(), &[(DnType::CommonName, "me")]);
    let knows = Knows::of(&authority);
    for knows in [knows.clone(), knows.only_tls12()] {
        assert!(is_let_in(&server, &knows.clone().showing(&known)).await);
        assert!(!is_let_in(&server, &knows.clone().showing(&stranger)).await);
        assert!(!is_let_in(&server, &knows).await);
    }
    until(&server, |counted| counted.failed_handshakes == 4).await;
}

#[tokio::test]
async fn who_is_refused_is_told_why() {
    let authority = Authority::new();
    let server = start(trusting(&authority).verify(true)).await;
    let mut typist = dial(&server).await;
    typist.line().await;
    let stream = typist.into_stream();
    let mut stream = Knows::of(&authority).encrypt(stream).await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn only_pinned_keys_are_let_in() {
    let authority = Authority::new();
    let (one, two) = (
        authority.client(Vec::new(), &[(DnType::CommonName, "one")]),
        authority.client(Vec::new(), &[(DnType::CommonName, "two")]),
    );
    let pins = [one.pin.to_uppercase()];
    let server = start(trusting(&authority).verify(true).pinned_certs(pins)).await;
    let knows = Knows::of(&authority);
    assert!(is_let_in(&server, &knows.clone().showing(&one)).await);
    assert!(!is_let_in(&server, &knows.showing(&two)).await);
}

/// Connects with `pair` and `connect`; tells what comes of it.
async fn outcome(server: &Server, authority: &Authority, pair: &Pair, connect: &str) -> String {
    let mut typist = dial(server).await;
    typist.line().await;
    let knows = Knows::of(authority).showing(pair);
    let stream = knows.encrypt(typist.into_stream()).await.unwrap();
    let mut typist = Typist::over(stream);
    typist
        .type_lines(&format!(
            "CONNECT {connect}\r\nPUB who.am.i 0\r\n\r\nPING\r\n"
        ))
        .await;
    typist.line().await
}

async fn mapping(authority: &Authority, users: &[&str]) -> Server {
    let mut authorization = Authorization::new();
    for user in users {
        authorization = authorization.user(User::new(*user, ""));
    }
    let tls = trusting(authority).verify_and_map(true);
    let builder = Server::builder().port(0).tls(tls);
    let builder = builder.authorization(authorization);
    builder.start().await.unwrap()
}

const QUIET: &str = "{\"verbose\":false}";

#[tokio::test]
async fn a_certificate_says_who_somebody_is() {
    let authority = Authority::new();
    let names = || {
        vec![
            SanType::URI("spiffe://example/shop".try_into().unwrap()),
            SanType::DnsName("shop.example".try_into().unwrap()),
            SanType::Rfc822Name("shop@example.com".try_into().unwrap()),
        ]
    };
    let subject = [
        (DnType::OrganizationName, "Example"),
        (DnType::OrganizationalUnitName, "Shop"),
        (DnType::CommonName, "till 7"),
    ];
    let pair = authority.client(names(), &subject);
    for (user, expected) in [
        ("shop@example.com", "PONG"),
        ("shop.example", "PONG"),
        ("spiffe://example/shop", "PONG"),
        ("CN=till 7,OU=Shop,O=Example", "PONG"),
        ("O=Example, OU=Shop, CN=till 7", "PONG"),
        ("CN=till 7,O=Example", "-ERR 'Authorization Violation'"),
        ("till 7", "-ERR 'Authorization Violation'"),
    ] {
        let server = mapping(&authority, &[user]).await;
        let said = outcome(&server, &authority, &pair, QUIET).await;
        assert_eq!(said, expected, "{user}");
    }
}

#[tokio::test]
async fn what_connect_says_counts_for_nothing_then() {
    let authority = Authority::new();
    let server = mapping(&authority, &["me.example", "admin"]).await;
    let me = SanType::DnsName("me.example".try_into().unwrap());
    let nobody = SanType::DnsName("nobody.example".try_into().unwrap());
    let (me, nobody) = (
        authority.client(vec![me], &[]),
        authority.client(vec![nobody], &[]),
    );
    let claim = "{\"verbose\":false,\"user\":\"admin\",\"pass\":\"\"}";
    assert_eq!(outcome(&server, &authority, &me, claim).await, "PONG");
    let said = outcome(&server, &authority, &nobody, claim).await;
    assert_eq!(said, "-ERR 'Authorization Violation'");
}

#[tokio::test]
async fn users_without_a_password_need_their_certificate() {
    let authority = Authority::new();
    let authorization = Authorization::new()
        .user(User::new("by.certificate", ""))
        .user(User::new("by password", "s3cret"));
    let tls = trusting(&authority)
        .verify_and_map(true)
        .allow_non_tls(true);
    let builder = Server::builder()
        .port(0)
        .tls(tls)
        .authorization(authorization);
    let server = builder.start().await.unwrap();
    let bare = "CONNECT {\"verbose\":false,\"user\":\"by.certificate\"}\r\nPING\r\n";
    let mut plain = dial(&server).await;
    plain.line().await;
    plain.type_lines(bare).await;
    plain.expect("-ERR 'Authorization Violation'").await;
    let mut inside = Typist::over(server.connect());
    inside.line().await;
    inside.type_lines(bare).await;
    inside.expect("-ERR 'Authorization Violation'").await;
    let mut inside = Typist::over(server.connect());
    inside.line().await;
    let known = "{\"verbose\":false,\"user\":\"by password\",\"pass\":\"s3cret\"}";
    inside
        .type_lines(&format!("CONNECT {known}\r\nPING\r\n"))
        .await;
    inside.expect("PONG").await;
}

#[tokio::test]
async fn a_namesake_of_the_authority_is_told_that_nobody_knows_it() {
    let (authority, namesake) = (Authority::new(), Authority::new());
    let server = start(trusting(&authority).verify(true)).await;
    let shown = namesake.client(Vec::new(), &[(DnType::CommonName, "x")]);
    let knows = Knows::of(&authority).showing(&shown).only_tls12();
    let mut typist = dial(&server).await;
    typist.line().await;
    let refused = knows.encrypt(typist.into_stream()).await.unwrap_err();
    assert!(refused.to_string().contains("UnknownCA"), "{refused}");
}
