//! The request that opens a WebSocket: what is granted, and what is refused with which status.

use dunlin_tests::{Frames, Request, Sent, Target, Websocket};

use super::start;

against_both! {
    requests_are_granted_or_refused
    pages_connect_to_their_own_host_only
    pages_of_listed_origins_connect
    both_rules_for_origins_must_hold
    compression_is_agreed_on_where_it_is_on_and_offered
    headers_are_added_to_the_answer
    who_asks_not_to_mask_is_granted_it
    what_comes_before_the_answer_ends_the_connection
    info_names_this_listener
}

against_ours! {
    who_asks_for_too_much_is_refused
    who_sends_no_request_is_dropped_in_time
    a_request_in_pieces_is_one
}

async fn check(target: Target, websocket: Websocket, rows: &[(&str, u16, Request)]) {
    let server = start(target, websocket).await;
    for (name, status, request) in rows {
        let (_, answer) = Frames::ask(server.websocket(), &request.bytes()).await;
        assert_eq!(answer.status, *status, "{name}: {answer:?}");
        let version = answer.header("sec-websocket-version");
        if answer.status == 101 {
            let accept = answer.header("sec-websocket-accept");
            assert_eq!(accept, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{name}");
        } else if *name != "two hosts" && *name != "no host" {
            assert_eq!(version, Some("13"), "{name}: {answer:?}");
        }
    }
}

fn a() -> Request {
    Request::default()
}

async fn requests_are_granted_or_refused(target: Target) {
    let path = |path| Request { path, ..a() };
    let method = |method| Request { method, ..a() };
    let rows = [
        ("plain", 101, a()),
        ("any path", 101, path("/a/b?c=d")),
        ("an absolute path", 101, path("http://a.example/x")),
        ("mqtt", 404, path("/mqtt")),
        ("mqtt below", 404, path("/x/mqtt?y")),
        ("POST", 405, method("POST")),
        ("PUT", 405, method("PUT")),
        ("no host", 400, a().without("Host")),
        ("two hosts", 400, a().and("Host", "b.example")),
        ("no upgrade", 400, a().without("Upgrade")),
        ("another upgrade", 400, a().with("Upgrade", "h2c")),
        ("upgrades", 101, a().with("Upgrade", "h2c, WebSocket")),
        ("no connection", 400, a().without("Connection")),
        ("another connection", 400, a().with("Connection", "close")),
        (
            "connections",
            101,
            a().with("Connection", "keep-alive, upgrade"),
        ),
        (
            "connections in two lines",
            101,
            a().with("Connection", "keep-alive")
                .and("Connection", "upgrade"),
        ),
        ("no key", 400, a().without("Sec-WebSocket-Key")),
        ("a short key", 400, a().with("Sec-WebSocket-Key", "YWJj")),
        ("no base64", 400, a().with("Sec-WebSocket-Key", "!")),
        ("no version", 400, a().without("Sec-WebSocket-Version")),
        ("version 8", 400, a().with("Sec-WebSocket-Version", "8")),
        ("an origin, with no rules", 101, a().with("Origin", "null")),
        (
            "a protocol",
            101,
            a().with("Sec-WebSocket-Protocol", "nats"),
        ),
        ("a proxy", 101, a().with("X-Forwarded-For", "10.0.0.1, x")),
    ];
    check(target, Websocket::default(), &rows).await;
}

async fn pages_connect_to_their_own_host_only(target: Target) {
    let from = |origin: &str| a().with("Origin", origin);
    let rows = [
        ("no page", 101, a()),
        ("an empty origin", 101, from("")),
        ("the same", 101, from("http://a.example")),
        ("with its port", 101, from("http://a.example:80")),
        (
            "in capitals, with a path",
            101,
            from("HTTP://A.example/path"),
        ),
        ("encrypted", 403, from("https://a.example")),
        ("another port", 403, from("http://a.example:8080")),
        ("another host", 403, from("http://b.example")),
        ("no address", 403, from("null")),
        (
            "an older name of the header",
            403,
            a().with("Sec-WebSocket-Origin", "http://b.example"),
        ),
    ];
    let websocket = Websocket {
        same_origin: true,
        ..Websocket::default()
    };
    check(target, websocket, &rows).await;
}

const ORIGINS: &[&str] = &["http://a.example:8000", "https://b.example"];

async fn pages_of_listed_origins_connect(target: Target) {
    let from = |origin: &str| a().with("Origin", origin);
    let rows = [
        ("no page", 101, a()),
        ("the first", 101, from("http://a.example:8000")),
        ("without its port", 403, from("http://a.example")),
        ("the second", 101, from("https://b.example")),
        ("with its port", 101, from("https://b.example:443")),
        ("in capitals", 101, from("https://B.example")),
        ("in the open", 403, from("http://b.example")),
        ("a longer name", 403, from("https://b.example.evil")),
        ("no address", 403, from("::::")),
    ];
    let websocket = Websocket {
        allowed_origins: ORIGINS,
        ..Websocket::default()
    };
    check(target, websocket, &rows).await;
}

async fn both_rules_for_origins_must_hold(target: Target) {
    let to = |host: &str, origin: &str| a().with("Host", host).with("Origin", origin);
    let rows = [
        ("both", 101, to("a.example:8000", "http://a.example:8000")),
        ("only listed", 403, to("b.example", "https://b.example")),
        ("only the same", 403, to("c.example", "http://c.example")),
    ];
    let websocket = Websocket {
        allowed_origins: ORIGINS,
        same_origin: true,
        ..Websocket::default()
    };
    check(target, websocket, &rows).await;
}

const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

async fn compression_is_agreed_on_where_it_is_on_and_offered(target: Target) {
    let rows = [
        (false, "permessage-deflate", None),
        (true, "permessage-deflate", Some(ANSWER)),
        (
            true,
            "permessage-deflate; client_max_window_bits",
            Some(ANSWER),
        ),
        (
            true,
            "x, PerMessage-Deflate;server_max_window_bits=10",
            Some(ANSWER),
        ),
        (true, "x-webkit-deflate-frame", None),
    ];
    for (compression, offer, expected) in rows {
        let websocket = Websocket {
            compression,
            ..Websocket::default()
        };
        let server = start(target, websocket).await;
        let request = a().with("Sec-WebSocket-Extensions", offer);
        let (_, answer) = Frames::ask(server.websocket(), &request.bytes()).await;
        let agreed = answer.header("sec-websocket-extensions");
        assert_eq!(agreed, expected, "{offer}, {compression}");
    }
}

async fn headers_are_added_to_the_answer(target: Target) {
    let websocket = Websocket {
        headers: &[("X-Bird", "dunlin")],
        ..Websocket::default()
    };
    let server = start(target, websocket).await;
    let (_, answer) = Frames::ask(server.websocket(), &a().bytes()).await;
    assert_eq!(answer.header("x-bird"), Some("dunlin"));
}

async fn who_asks_not_to_mask_is_granted_it(target: Target) {
    let server = start(target, Websocket::default()).await;
    for (asked, granted) in [("true", Some("true")), ("TRUE", None), ("1", None)] {
        let request = a().with("Nats-No-Masking", asked);
        let (_, answer) = Frames::ask(server.websocket(), &request.bytes()).await;
        assert_eq!(answer.header("nats-no-masking"), granted, "{asked}");
    }
}

async fn what_comes_before_the_answer_ends_the_connection(target: Target) {
    let server = start(target, Websocket::default()).await;
    let early = Sent {
        payload: b"PING\r\n",
        ..Sent::default()
    };
    let both = [a().bytes(), early.bytes()].concat();
    let (_, answer) = Frames::ask(server.websocket(), &both).await;
    assert_eq!(answer.status, 0, "{answer:?}");
}

async fn info_names_this_listener(target: Target) {
    let server = start(target, Websocket::default()).await;
    let (mut frames, _) = Frames::ask(server.websocket(), &a().bytes()).await;
    let info = frames.next().await.expect("INFO comes first");
    let text = String::from_utf8_lossy(&info.payload).into_owned();
    assert!(
        info.is_final && info.reserved == 0 && info.opcode == 2,
        "{info:?}"
    );
    assert!(
        text.starts_with("INFO {") && text.ends_with("\r\n"),
        "{text}"
    );
    let port = format!(
        "\"host\":\"127.0.0.1\",\"port\":{}",
        server.websocket().port()
    );
    assert!(text.contains(&port), "{text}");
}

async fn who_asks_for_too_much_is_refused() {
    let long = a().and("X", "x".repeat(20_000));
    let mut many = a();
    for _ in 0..200 {
        many = many.and("X", "x");
    }
    let leaf = Request {
        path: "/leafnode",
        ..a()
    };
    let rows = [
        ("long", 431, long),
        ("many headers", 431, many),
        ("leaf node", 404, leaf),
    ];
    check(Target::Ours, Websocket::default(), &rows).await;
}

async fn who_sends_no_request_is_dropped_in_time() {
    let server = start(Target::Ours, Websocket::default()).await;
    for (opening, status) in [
        (&b""[..], 0),
        (b"GET / HTTP/1.1\r\nHost: a", 0),
        (b"\x16\x03\x01\x02\x00\x01", 0), // TLS to a port that is not encrypted.
        (b"CONNECT {}\r\nPING\r\n", 400),
    ] {
        let (_, answer) = Frames::ask(server.websocket(), opening).await;
        assert_eq!(answer.status, status, "{}", dunlin_tests::show(opening));
    }
}

async fn a_request_in_pieces_is_one() {
    let server = start(Target::Ours, Websocket::default()).await;
    let request = a().bytes();
    for at in [1, 20, request.len() - 1] {
        let address = server.websocket();
        let (first, rest) = request.split_at(at);
        let mut frames = Frames::dial(address).await;
        frames.send(first).await;
        tokio::task::yield_now().await;
        frames.send(rest).await;
        assert_eq!(frames.answer().await.status, 101);
    }
}
