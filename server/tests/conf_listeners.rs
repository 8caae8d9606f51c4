//! What a file asks for in `tls`, `websocket`, `http`, `unix`, `limits` and their like, key by key, and
//! the first line of what is said to mistakes in them.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod asked;

use std::path::Path;
use std::time::Duration;

use asked::{complains, notices, settings};
use dunlin_server::conf::{HandshakeFirst, Tls, TlsVersion, WebSocket};

#[track_caller]
fn tls(inside: &str) -> Tls {
    settings(&format!("tls {{ cert_file: c, key_file: k, {inside} }}"))
        .tls
        .unwrap()
}

#[track_caller]
fn tls_complains(inside: &str, expected: &str) {
    complains(
        &format!("tls {{ cert_file: c, key_file: k\n{inside} }}"),
        expected,
    );
}

#[test]
fn how_connections_are_encrypted() {
    let plain = tls("");
    assert_eq!(plain.certificates[0].cert_file.value, Path::new("c"));
    assert_eq!(plain.certificates[0].key_file.value, Path::new("k"));
    let full = tls(
        "ca_file: ca, verify: true, verify_and_map: yes, timeout: 0.5, min_version: \"1.3\",
         connection_rate_limit: 10",
    );
    assert_eq!(full.ca_file.unwrap().value, Path::new("ca"));
    assert!(full.verify && full.verify_and_map);
    assert_eq!(full.timeout, Some(Duration::from_millis(500)));
    assert_eq!(full.min_version, Some(TlsVersion::V1_3));
    assert_eq!(full.connection_rate_limit, Some(10));
    let many = settings("tls {certs: [{cert_file: a, key_file: b}, {cert_file: c, key_file: d}]}");
    assert_eq!(many.tls.unwrap().certificates.len(), 2);
    assert_eq!(settings("allow_non_tls: true").allow_non_tls, Some(true));
}

#[test]
fn when_the_handshake_comes() {
    let first = |value: &str| tls(&format!("handshake_first: {value}")).handshake_first;
    let wait = |millis: u64| HandshakeFirst::Wait(Duration::from_millis(millis));
    for yes in ["true", "on", "\"true\"", "\"ON\""] {
        assert_eq!(first(yes), HandshakeFirst::Yes, "{yes}");
    }
    for no in ["false", "no", "\"off\""] {
        assert_eq!(first(no), HandshakeFirst::No, "{no}");
    }
    assert_eq!(first("auto"), wait(50));
    assert_eq!(first("AUTO_fallback"), wait(50));
    assert_eq!(first("\"300ms\""), wait(300));
    assert_eq!(tls("first: auto").handshake_first, wait(50));
    assert_eq!(tls("immediate: true").handshake_first, HandshakeFirst::Yes);
    tls_complains(
        "first: x",
        "a.conf:2:8: error parsing first: invalid duration \"x\"",
    );
    tls_complains(
        "first: 1",
        "a.conf:2:8: first must be true, false, \"auto\" or a duration, not the number 1",
    );
}

#[test]
fn which_ciphers_and_curves() {
    let suite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    let ciphers = tls(&format!("cipher_suites: [{suite}]")).ciphers.unwrap();
    assert_eq!(
        (ciphers[0], ciphers.len()),
        (suite, 4),
        "those of TLS 1.3 stay"
    );
    let newest = tls("cipher_suites: [TLS_AES_256_GCM_SHA384]").ciphers;
    assert_eq!(newest, Some(vec!["TLS_AES_256_GCM_SHA384"]));
    assert_eq!(
        tls("curve_preferences: [X25519, CurveP256]").curves,
        Some(vec!["X25519", "CurveP256"])
    );
    let old = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA";
    notices(
        &format!("tls {{cert_file: c, key_file: k, cipher_suites: [{suite}, {old}]}}"),
        "is left out: not supported",
    );
    tls_complains(
        "cipher_suites: [x]",
        "a.conf:2:17: there is no cipher suite \"x\"",
    );
    tls_complains(
        "cipher_suites: []",
        "a.conf:2:16: cipher_suites cannot be empty",
    );
    tls_complains(
        "cipher_suites: x",
        "a.conf:2:16: cipher_suites must be an array of texts, not the text \"x\"",
    );
    tls_complains(
        "cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]",
        "a.conf:2:17: cipher suite TLS_RSA_WITH_AES_128_CBC_SHA is insecure",
    );
    tls_complains(
        "curve_preferences: [P256]",
        "a.conf:2:21: there is no curve \"P256\"",
    );
    tls_complains(
        "curve_preferences: [CurveP521]",
        "a.conf:2:20: no curve is left",
    );
}

#[test]
fn whose_certificates_are_accepted() {
    let pin = "A8F407340dcc719864214b85ed96f98d16cbffa8f509d9fa4ca237b7bb3f9c32";
    let pins = tls(&format!("pinned_certs: [\"{pin}\"]")).pinned_certs;
    assert_eq!(pins, Some(vec![pin.to_lowercase()]));
    assert_eq!(tls("pinned_certs: []").pinned_certs, None);
    tls_complains(
        "pinned_certs: [a8]",
        "a.conf:2:16: \"a8\" is no SHA-256 in hexadecimal digits",
    );
}

#[test]
fn encryption_that_cannot_be() {
    complains(
        "tls {}",
        "a.conf:1:5: this asks for TLS and names no certificate",
    );
    complains(
        "tls {timeout: 1}",
        "a.conf:1:5: tls needs cert_file and key_file",
    );
    complains("tls {cert_file: c}", "a.conf:1:5: tls needs key_file");
    complains("tls {key_file: c}", "a.conf:1:5: tls needs cert_file");
    tls_complains(
        "certs: [{cert_file: a, key_file: b}]",
        "a.conf:1:5: cert_file and certs cannot be combined",
    );
    tls_complains(
        "certs: [{cert_file: a}]",
        "a.conf:2:9: a certificate needs cert_file and key_file",
    );
    tls_complains(
        "min_version: \"1.1\"",
        "a.conf:2:14: TLS version \"1.1\" is not spoken",
    );
    tls_complains(
        "min_version: 1.2",
        "a.conf:2:14: min_version must be a text, not the number 1.2",
    );
    tls_complains(
        "verify: x",
        "a.conf:2:9: verify must be true or false, not the text \"x\"",
    );
    tls_complains("cert: x", "a.conf:2:1: unknown field \"cert\" in tls");
    tls_complains(
        "verify_cert_and_check_known_urls: true",
        "a.conf:2:35: verify_cert_and_check_known_urls is for routes and gateways",
    );
}

#[track_caller]
fn websocket(inside: &str) -> WebSocket {
    settings(&format!("websocket {{ no_tls: true, {inside} }}"))
        .websocket
        .unwrap()
}

#[test]
fn browsers_have_a_listener() {
    let it = websocket("listen: \"127.0.0.1:8080\"");
    assert_eq!(
        (it.address.host.as_deref(), it.address.port),
        (Some("127.0.0.1"), 8080)
    );
    assert_eq!(websocket("host: a, port: -1").address.port, 0);
    let full = websocket(
        "port: 1, advertise: \"x:2\", same_origin: true, allowed_origins: [\"http://a\", \"https://b:1\"],
         handshake_timeout: \"1s\", compression: true, user_cookie: u, pass_cookie: p,
         token_cookie: t, headers {X-A: b}, ping_interval: \"5s\", authorization {token: s}",
    );
    assert_eq!(full.allowed_origins, ["http://a", "https://b:1"]);
    assert_eq!(full.headers, [("X-A".to_owned(), "b".to_owned())]);
    assert_eq!(full.handshake_timeout, Some(Duration::from_secs(1)));
    assert_eq!(full.authorization.unwrap().token.unwrap().0, "s");
    assert!(full.same_origin && full.compression);
    assert_eq!(settings("websocket {}").websocket, None);
    notices("websocket {no_tls: true}", "this listens nowhere");
}

#[test]
fn listeners_of_browsers_that_cannot_be() {
    let fails = |inside: &str, expected: &str| {
        complains(
            &format!("ws {{ port: 1, no_tls: true\n{inside} }}"),
            expected,
        );
    };
    complains(
        "ws {port: 1}",
        "a.conf:1:4: websocket needs tls { cert_file, key_file }",
    );
    fails(
        "authorization {user: a, token: b}",
        "a.conf:2:15: cannot have a user/pass and a token",
    );
    fails(
        "advertise: \"x:y\"",
        "a.conf:2:12: \"x:y\" is no address: its port is no number to 65535",
    );
    fails("origins: x", "a.conf:2:10: \"x\" is no origin");
    fails(
        "origins: \"ftp://x\"",
        "a.conf:2:10: \"ftp://x\" is no origin",
    );
    fails(
        "headers {Host: x}",
        "a.conf:2:10: header \"Host\" is the server's own",
    );
    fails(
        "headers {Sec-WebSocket-Key: x}",
        "a.conf:2:10: header \"Sec-WebSocket-Key\" is the server's own",
    );
    fails(
        "headers {a: \"b\\nc\"}",
        "a.conf:2:10: the value of header \"a\" has control characters",
    );
    fails(
        "authorization {users: []}",
        "a.conf:2:16: unknown field \"users\" in the authorization of a listener",
    );
    complains(
        "ws {port: 1, no_tls: true, authorization {user: a}}; authorization {users: [{user: b}]}",
        "a.conf:1:4: a user or token of websocket cannot be combined with a users array",
    );
}

#[test]
fn monitoring_has_a_port() {
    let port = |text: &str| {
        settings(text)
            .http
            .map(|it| (it.host.unwrap_or_default(), it.port))
    };
    assert_eq!(port("http: 8222"), Some((String::new(), 8222)));
    assert_eq!(
        port("http: \"127.0.0.1:-1\""),
        Some(("127.0.0.1".to_owned(), 0))
    );
    assert_eq!(port("monitor_port: 8222"), Some((String::new(), 8222)));
    assert_eq!(port("http_port: 0"), None);
    assert_eq!(settings("https: 8443").https.unwrap().port, 8443);
    assert_eq!(
        settings("http_base_path: x").http_base_path.as_deref(),
        Some("/x")
    );
    assert_eq!(
        settings("http_base_path: \"/x/\"")
            .http_base_path
            .as_deref(),
        Some("/x")
    );
    assert_eq!(settings("http_base_path: \"/\"").http_base_path, None);
    complains(
        "http: 1\nhttps: 2",
        "a.conf:2:8: monitoring is served over HTTP or over HTTPS, not both",
    );
}

#[test]
fn a_socket_of_this_machine() {
    let unix = |text: &str| {
        settings(text)
            .unix
            .map(|it| (it.path.value, it.mode))
            .unwrap()
    };
    assert_eq!(unix("unix: \"/run/a\""), ("/run/a".into(), None));
    assert_eq!(
        unix("unix {path: \"/run/a\", mode: \"0660\"}"),
        ("/run/a".into(), Some(0o660))
    );
    complains("unix {}", "a.conf:1:6: this names no path to listen on");
    complains(
        "unix {path: a, mode: 0660}",
        "a.conf:1:22: mode must be a text, not the number 660",
    );
    complains(
        "unix {path: a, mode: \"888\"}",
        "a.conf:1:22: \"888\" is no mode of a file",
    );
}

#[test]
fn limits_that_connections_share() {
    let limits = settings(
        "limits {
           per_user {connections: 10, subscriptions: 1k}
           per_address {publish_messages_per_second: 5k, publish_bytes_per_second: 0}
         }",
    )
    .limits;
    assert_eq!(limits.per_user.connections, Some(10));
    assert_eq!(limits.per_user.subscriptions, Some(1000));
    assert_eq!(limits.per_address.publish_messages_per_second, Some(5000));
    assert_eq!(limits.per_address.publish_bytes_per_second, None);
    complains(
        "limits {per_usr {}}",
        "a.conf:1:9: unknown field \"per_usr\" in limits",
    );
    complains(
        "limits {per_user {connections: -1}}",
        "a.conf:1:32: connections must not be negative",
    );
}

#[test]
fn what_describes_the_server() {
    let it =
        settings("server_tags: [\"A b\", c]; server_metadata {Dc: eu}; client_advertise: \"x:1\"");
    assert_eq!(it.server_tags, ["a b", "c"]);
    assert_eq!(it.server_metadata["Dc"], "eu");
    assert_eq!(it.client_advertise.unwrap().value, "x:1");
    assert_eq!(settings("server_tags: \"A b,c\"").server_tags, ["a b,c"]);
    assert!(settings("write_timeout: retry").keeps_stalled);
    complains(
        "client_advertise: \"x:y\"",
        "a.conf:1:19: \"x:y\" is no address: its port is no number to 65535",
    );
    complains(
        "server_metadata {a: 1}",
        "a.conf:1:21: a must be a text, not the number 1",
    );
}

#[test]
fn how_a_lame_duck_goes() {
    let it = settings("lame_duck_duration: \"1m\"; lame_duck_grace_period: \"5s\"");
    assert_eq!(it.lame_duck_duration, Some(Duration::from_secs(60)));
    assert_eq!(it.lame_duck_grace_period, Some(Duration::from_secs(5)));
    complains(
        "lame_duck_duration: \"29s\"",
        "a.conf:1:21: a lame_duck_duration of 29s is too short",
    );
    complains(
        "lame_duck_duration: 30",
        "a.conf:1:21: lame_duck_duration must be a duration in quotes, not the number 30",
    );
    complains(
        "lame_duck_duration: \"30s\"; lame_duck_grace_period: \"30s\"",
        "a.conf:1:52: lame_duck_grace_period (30s) must be shorter than lame_duck_duration (30s)",
    );
}
