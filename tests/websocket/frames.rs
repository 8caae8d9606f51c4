//! Frames: what is understood, what ends the connection and how, and what the server sends.

use dunlin_tests::{Client, Frame, Frames, Request, Sent, Target, Websocket};

use super::{HELLO, start};

against_both! {
    what_is_well_formed_is_understood
    what_is_not_ends_the_connection
    pings_are_answered_with_what_they_carry
    a_close_is_answered_with_itself
    a_message_of_any_size_goes_both_ways
    browsers_get_short_frames
    a_payload_too_large_is_told_and_closed_with_its_reason
}

against_ours! {
    whoever_breaks_the_rules_is_told_which
    a_mistake_in_the_protocol_is_told
    of_many_pings_the_last_is_answered
    what_came_before_a_broken_frame_is_obeyed
    a_server_that_stops_says_so
    every_byte_may_come_alone
}

fn data(payload: &[u8]) -> Sent<'_> {
    Sent {
        payload,
        ..Sent::default()
    }
}

fn control(opcode: u8, payload: &[u8]) -> Sent<'_> {
    Sent {
        opcode,
        ..data(payload)
    }
}

fn hello() -> &'static [u8] {
    HELLO.as_bytes()
}

/// The first half of a message, and what follows it.
fn halves() -> (Sent<'static>, Sent<'static>) {
    let (first, rest) = hello().split_at(10);
    let first = Sent {
        is_final: false,
        ..data(first)
    };
    (first, control(0, rest))
}

async fn what_is_well_formed_is_understood(target: Target) {
    let (first, rest) = halves();
    let ping = control(9, b"");
    let middle = Sent {
        is_final: false,
        ..control(0, b"")
    };
    let text = control(1, hello());
    let rows: [(&str, &[Sent<'_>]); 7] = [
        ("binary", &[data(hello())]),
        ("text", &[text]),
        ("fragments", &[first, rest]),
        ("more fragments", &[first, middle, rest]),
        ("an empty message before", &[data(b""), data(hello())]),
        ("a ping between fragments", &[first, ping, rest]),
        (
            "a pong that nobody asked for",
            &[control(10, b"x"), data(hello())],
        ),
    ];
    let server = start(target, Websocket::default()).await;
    for (name, sent) in rows {
        let mut frames = Frames::open(server.websocket(), Request::default()).await;
        let bytes: Vec<u8> = sent.iter().flat_map(Sent::bytes).collect();
        frames.send(&bytes).await;
        let mut last = frames.next().await;
        if last.as_ref().is_some_and(|frame| frame.opcode == 10) {
            last = frames.next().await;
        }
        assert_eq!(last.expect(name).payload, b"PONG\r\n", "{name}");
    }
}

/// What breaks the rules, and which.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let (first, rest) = halves();
    let bytes = |sent: Sent<'_>| sent.bytes();
    let reserved = |reserved| Sent {
        reserved,
        ..data(hello())
    };
    let open = Sent {
        is_final: false,
        ..control(9, b"x")
    };
    let unmasked = Sent {
        is_masked: false,
        ..data(hello())
    };
    let endless = Sent {
        claims: Some(1 << 63),
        ..data(hello())
    };
    vec![
        ("masked", bytes(unmasked)),
        ("reserved bit", bytes(reserved(1))),
        ("reserved bit", bytes(reserved(2))),
        ("reserved bit", bytes(reserved(4))),
        ("opcode", bytes(control(3, hello()))),
        ("opcode", bytes(control(11, b""))),
        ("length", bytes(endless)),
        ("control frame", bytes(control(9, &[b'x'; 126]))),
        ("control frame", bytes(open)),
        ("fragment", bytes(rest)),
        ("fragment", [bytes(first), bytes(data(hello()))].concat()),
        ("status", bytes(control(8, b"x"))),
        ("status", bytes(control(8, &999u16.to_be_bytes()))),
        ("status", bytes(control(8, &1005u16.to_be_bytes()))),
    ]
}

async fn what_is_not_ends_the_connection(target: Target) {
    let server = start(target, Websocket::default()).await;
    for (name, bytes) in broken() {
        let mut frames = Frames::open(server.websocket(), Request::default()).await;
        frames.send(&bytes).await;
        let rest = frames.until_end().await;
        assert!(
            rest.iter().all(|frame| frame.opcode == 8),
            "{name}: {rest:?}"
        );
    }
}

async fn whoever_breaks_the_rules_is_told_which() {
    let server = start(Target::Ours, Websocket::default()).await;
    for (name, bytes) in broken() {
        let mut frames = Frames::open(server.websocket(), Request::default()).await;
        frames.send(&bytes).await;
        let (status, text) = farewell(&frames.until_end().await);
        assert_eq!(status, 1002, "{name}: {text}");
        assert!(text.contains(name), "{name}: {text}");
    }
}

/// The status and the text of the close frame, which must be the only thing there.
fn farewell(frames: &[Frame]) -> (u16, String) {
    let [
        Frame {
            opcode: 8, payload, ..
        },
    ] = frames
    else {
        panic!("not one close frame: {frames:?}");
    };
    let text = String::from_utf8_lossy(&payload[2..]).into_owned();
    (u16::from_be_bytes([payload[0], payload[1]]), text)
}

async fn pings_are_answered_with_what_they_carry(target: Target) {
    let server = start(target, Websocket::default()).await;
    let mut frames = Frames::open(server.websocket(), Request::default()).await;
    for body in [&b""[..], b"abc", &[b'x'; 125]] {
        frames.send(&control(9, body).bytes()).await;
        let pong = frames.next().await.expect("a pong");
        assert_eq!((pong.opcode, &pong.payload[..]), (10, body));
    }
}

async fn a_close_is_answered_with_itself(target: Target) {
    let server = start(target, Websocket::default()).await;
    let bodies = [
        (&b""[..], &b""[..]),
        (b"\x03\xe8bye", b"\x03\xe8bye"),
        (b"\x0f\xa0", b"\x0f\xa0"),
        (
            b"\x03\xe8\xff\xfe",
            b"\x03\xefinvalid utf8 body in close frame",
        ),
    ];
    for (body, answer) in bodies {
        let mut frames = Frames::open(server.websocket(), Request::default()).await;
        frames
            .send(&[data(hello()).bytes(), control(8, body).bytes()].concat())
            .await;
        frames.until("PONG\r\n").await;
        let rest = frames.until_end().await;
        let close = rest.last().expect("a close frame");
        assert_eq!((close.opcode, &close.payload[..]), (8, answer), "{rest:?}");
    }
}

async fn a_message_of_any_size_goes_both_ways(target: Target) {
    let server = start(target, Websocket::default()).await;
    let mut frames = Frames::open(server.websocket(), Request::default()).await;
    frames.say(format!("{HELLO}SUB up 1\r\nPING\r\n")).await;
    frames.until("PONG\r\nPONG\r\n").await;
    let mut client = Client::connect(server.address()).await;
    client.subscribe("down 7").await;
    client.barrier().await;
    for size in [0, 1, 100, 125, 126, 4095, 4096, 60_000, 65_535, 65_536] {
        let payload = "x".repeat(size);
        frames
            .say(format!("PUB down {size}\r\n{payload}\r\n"))
            .await;
        assert_eq!(
            client.message().await.payload,
            payload.as_bytes(),
            "{size} up"
        );
        client.publish("up", payload.as_bytes()).await;
        let message = format!("MSG up 1 {size}\r\n{payload}\r\n");
        assert_eq!(frames.until(&message).await, message, "{size} down");
    }
}

async fn browsers_get_short_frames(target: Target) {
    let server = start(target, Websocket::default()).await;
    let request = Request::default().with("User-Agent", "Mozilla/5.0 (X11; Linux)");
    let mut frames = Frames::open(server.websocket(), request).await;
    frames.say(format!("{HELLO}SUB a 1\r\nPING\r\n")).await;
    frames.until("PONG\r\nPONG\r\n").await;
    let payload = "x".repeat(20_000);
    frames.say(format!("PUB a 20000\r\n{payload}\r\n")).await;
    let mut text = Vec::new();
    while text.len() < payload.len() + 17 {
        let frame = frames.next().await.expect("a frame");
        let is_short = !frame.payload.is_empty() && frame.payload.len() <= 4096;
        assert!(is_short && frame.is_final && frame.opcode == 2);
        text.extend(frame.payload);
    }
    assert_eq!(text, format!("MSG a 1 20000\r\n{payload}\r\n").as_bytes());
}

async fn a_payload_too_large_is_told_and_closed_with_its_reason(target: Target) {
    let server = start(target, Websocket::default()).await;
    let mut frames = Frames::open(server.websocket(), Request::default()).await;
    frames.say(HELLO).await;
    frames.until("PONG\r\n").await;
    frames.say("PUB a 70000\r\n").await;
    frames.until("-ERR 'Maximum Payload Violation'\r\n").await;
    let (status, text) = farewell(&frames.until_end().await);
    assert_eq!((status, &*text), (1009, "Maximum Message Payload Exceeded"));
}

async fn a_mistake_in_the_protocol_is_told() {
    let server = start(Target::Ours, Websocket::default()).await;
    let mut frames = Frames::open(server.websocket(), Request::default()).await;
    frames.say(HELLO).await;
    frames.until("PONG\r\n").await;
    frames.say("HELLO?\r\n").await;
    frames.until("-ERR 'Unknown Protocol Operation'\r\n").await;
    let (status, text) = farewell(&frames.until_end().await);
    assert_eq!((status, &*text), (1002, "Protocol Violation"));
}

async fn of_many_pings_the_last_is_answered() {
    let server = start(Target::Ours, Websocket::default()).await;
    let mut frames = Frames::open(server.websocket(), Request::default()).await;
    let mut pings: Vec<u8> = Vec::new();
    for number in 0..1000u16 {
        pings.extend(control(9, &number.to_be_bytes()).bytes());
    }
    frames.send(&pings).await;
    let mut last = 0;
    while last < 999 {
        let pong = frames.next().await.expect("a pong");
        let number = u16::from_be_bytes([pong.payload[0], pong.payload[1]]);
        assert!(pong.opcode == 10 && number >= last, "{pong:?}");
        last = number;
    }
}

async fn what_came_before_a_broken_frame_is_obeyed() {
    let server = start(Target::Ours, Websocket::default()).await;
    let mut client = Client::connect(server.address()).await;
    client.subscribe("a 1").await;
    client.barrier().await;
    let mut frames = Frames::open(server.websocket(), Request::default()).await;
    let publish = [hello(), b"PUB a 2\r\nhi\r\n"].concat();
    frames
        .send(&[data(&publish).bytes(), control(3, b"").bytes()].concat())
        .await;
    assert_eq!(client.message().await.payload, b"hi");
    let rest = frames.until_end().await;
    assert_eq!(rest.last().map(|frame| frame.opcode), Some(8), "{rest:?}");
}

async fn a_server_that_stops_says_so() {
    let server = start(Target::Ours, Websocket::default()).await;
    let mut frames = Frames::open(server.websocket(), Request::default()).await;
    frames.say(HELLO).await;
    frames.until("PONG\r\n").await;
    let stopped = tokio::spawn(server.stop());
    let (status, text) = farewell(&frames.until_end().await);
    assert_eq!((status, &*text), (1001, "Server Shutdown"));
    drop(frames);
    stopped.await.expect("the server stops");
}

async fn every_byte_may_come_alone() {
    let server = start(Target::Ours, Websocket::default()).await;
    let mut frames = Frames::open(server.websocket(), Request::default()).await;
    let (first, rest) = halves();
    let bytes = [first, control(9, b"hey"), rest]
        .map(|sent| sent.bytes())
        .concat();
    for byte in bytes {
        frames.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    let pong = frames.next().await.expect("a pong");
    assert_eq!((pong.opcode, &pong.payload[..]), (10, &b"hey"[..]));
    frames.until("PONG\r\n").await;
}
