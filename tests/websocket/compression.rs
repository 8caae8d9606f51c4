//! Compression: messages in both directions, what cannot be inflated, and what would become too
//! large.

use std::io::Write as _;

use dunlin_tests::{Client, Frame, Frames, Request, Sent, Target, Websocket};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::{HELLO, start};

against_both! {
    compressed_messages_are_understood
    what_cannot_be_inflated_ends_the_connection
    a_bomb_ends_the_connection
    long_messages_come_compressed
}

against_ours! {
    nothing_is_compressed_before_the_client_has_spoken
    whoever_sends_a_bomb_is_told
    a_compressed_message_may_become_the_largest_message
    noise_is_not_compressed
}

async fn connect(target: Target) -> (dunlin_tests::Running, Frames) {
    let websocket = Websocket {
        compression: true,
        ..Websocket::default()
    };
    let server = start(target, websocket).await;
    let frames = Frames::open(server.websocket(), offer()).await;
    (server, frames)
}

fn offer() -> Request {
    Request::default().with("Sec-WebSocket-Extensions", "permessage-deflate")
}

fn deflate(text: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1024);
    let mut state = Compress::new(Compression::fast(), false);
    state
        .compress_vec(text, &mut out, flush)
        .expect("memory takes all");
    if let Some(short) = out.strip_suffix(&[0, 0, 0xff, 0xff]) {
        return short.to_vec();
    }
    out
}

fn inflate(message: &[u8]) -> Vec<u8> {
    let whole = [message, &[0, 0, 0xff, 0xff]].concat();
    let mut out = Vec::with_capacity(1024 * 1024);
    let mut state = Decompress::new(false);
    let done = state.decompress_vec(&whole, &mut out, FlushDecompress::Sync);
    done.expect("the server compresses well");
    out
}

fn compressed(payload: &[u8]) -> Sent<'_> {
    Sent {
        payload,
        reserved: 4,
        ..Sent::default()
    }
}

/// The text of data frames up to `end`, inflated where they are compressed; and how many were.
async fn until(frames: &mut Frames, end: &str) -> (String, usize) {
    let (mut text, mut count, mut open) = (Vec::new(), 0, None::<Vec<u8>>);
    while !text.ends_with(end.as_bytes()) {
        let Frame {
            is_final,
            reserved,
            payload,
            ..
        } = frames.next().await.expect("a frame");
        match (&mut open, reserved) {
            (None, 0) => text.extend(payload),
            (None, _) => open = Some(payload),
            (Some(message), _) => message.write_all(&payload).expect("memory takes all"),
        }
        if is_final && let Some(message) = open.take() {
            count += 1;
            text.extend(inflate(&message));
        }
    }
    (String::from_utf8_lossy(&text).into_owned(), count)
}

async fn compressed_messages_are_understood(target: Target) {
    let hello = deflate(HELLO.as_bytes(), FlushCompress::Sync);
    let ended = deflate(HELLO.as_bytes(), FlushCompress::Finish);
    let junk = [&ended[..], b"junk"].concat();
    let plain = Sent {
        payload: HELLO.as_bytes(),
        ..Sent::default()
    };
    let (front, back) = hello.split_at(9);
    let first = Sent {
        is_final: false,
        ..compressed(front)
    };
    let rest = Sent {
        opcode: 0,
        reserved: 0,
        ..compressed(back)
    };
    let ping = Sent {
        opcode: 9,
        ..Sent::default()
    };
    let rows: [(&str, &[Sent<'_>]); 6] = [
        ("compressed", &[compressed(&hello)]),
        ("not compressed", &[plain]),
        ("fragments", &[first, rest]),
        ("fragments around a ping", &[first, ping, rest]),
        ("with an end", &[compressed(&ended)]),
        ("with something behind its end", &[compressed(&junk)]),
    ];
    for (name, sent) in rows {
        let (_server, mut frames) = connect(target).await;
        // Twice: what comes behind must be understood too.
        for _ in 0..2 {
            let bytes: Vec<u8> = sent.iter().flat_map(Sent::bytes).collect();
            frames.send(&bytes).await;
            let (text, _) = until(&mut frames, "PONG\r\n").await;
            assert!(text.ends_with("PONG\r\n"), "{name}: {text}");
        }
    }
}

/// Two messages, the second of which refers to the first.
fn taken_over() -> (Vec<u8>, Vec<u8>) {
    let mut state = Compress::new(Compression::best(), false);
    let mut next = || {
        let mut out = Vec::with_capacity(1024);
        let done = state.compress_vec(HELLO.as_bytes(), &mut out, FlushCompress::Sync);
        done.expect("memory takes all");
        out.truncate(out.len() - 4);
        out
    };
    (next(), next())
}

async fn what_cannot_be_inflated_ends_the_connection(target: Target) {
    let hello = deflate(HELLO.as_bytes(), FlushCompress::Sync);
    let (_, referring) = taken_over();
    let first = Sent {
        is_final: false,
        ..compressed(&hello[..9])
    };
    let again = Sent {
        opcode: 0,
        ..compressed(&hello[9..])
    };
    let ping = Sent {
        opcode: 9,
        ..compressed(b"")
    };
    let text: String = (0..200u32)
        .map(|n| format!("PUB a.{} 0\r\n\r\n", n * n * 7919))
        .collect();
    let long = deflate(text.as_bytes(), FlushCompress::Sync);
    let rows: [(&str, &[Sent<'_>]); 6] = [
        ("noise", &[compressed(&[0xff; 30])]),
        ("nothing", &[compressed(b"")]),
        ("cut off", &[compressed(&long[..long.len() / 2])]),
        (
            "a context that was not agreed on",
            &[compressed(&referring)],
        ),
        ("compressed twice", &[first, again]),
        ("a compressed ping", &[ping]),
    ];
    for (name, sent) in rows {
        let (_server, mut frames) = connect(target).await;
        let bytes: Vec<u8> = sent.iter().flat_map(Sent::bytes).collect();
        frames.send(&bytes).await;
        frames.send(&compressed(&hello).bytes()).await;
        // What could be inflated of it may have been answered; the message behind it is not.
        let rest = frames.until_end().await;
        if target == Target::Ours {
            let close = rest
                .last()
                .unwrap_or_else(|| panic!("{name}: no close frame"));
            assert_eq!(
                close.payload[..2],
                1002u16.to_be_bytes(),
                "{name}: {rest:?}"
            );
        }
    }
}

/// Some megabytes of messages, in a few thousand bytes.
fn bomb() -> Vec<u8> {
    deflate(
        &b"PUB nobody 2\r\nhi\r\n".repeat(300_000),
        FlushCompress::Sync,
    )
}

async fn a_bomb_ends_the_connection(target: Target) {
    let (_server, mut frames) = connect(target).await;
    frames.say(HELLO).await;
    until(&mut frames, "PONG\r\n").await;
    frames.send(&compressed(&bomb()).bytes()).await;
    let rest = frames.until_end().await;
    assert!(rest.iter().all(|frame| frame.opcode == 8), "{rest:?}");
}

async fn whoever_sends_a_bomb_is_told() {
    let (_server, mut frames) = connect(Target::Ours).await;
    frames.say(HELLO).await;
    until(&mut frames, "PONG\r\n").await;
    frames.send(&compressed(&bomb()).bytes()).await;
    let rest = frames.until_end().await;
    let close = rest.last().expect("a close frame");
    assert_eq!(&close.payload[..2], &1009u16.to_be_bytes(), "{rest:?}");
}

async fn long_messages_come_compressed(target: Target) {
    for agent in ["node", "Mozilla/5.0"] {
        let (server, _) = connect(target).await;
        let request = offer().with("User-Agent", agent);
        let mut frames = Frames::open(server.websocket(), request).await;
        frames.say(format!("{HELLO}SUB a 1\r\nPING\r\n")).await;
        until(&mut frames, "PONG\r\nPONG\r\n").await;
        let mut client = Client::connect(server.address()).await;
        for size in [1_000, 60_000] {
            let payload: String = (0..size).map(|n| ["a", "bc", "d"][n * n % 3]).collect();
            let size = payload.len().min(65_536);
            let payload = &payload[..size];
            client.publish("a", payload.as_bytes()).await;
            let message = format!("MSG a 1 {size}\r\n{payload}\r\n");
            let (text, count) = until(&mut frames, &message).await;
            assert_eq!(text, message);
            assert!(count > 0, "{agent}: nothing was compressed");
        }
    }
}

async fn nothing_is_compressed_before_the_client_has_spoken() {
    let websocket = Websocket {
        compression: true,
        ..Websocket::default()
    };
    let server = start(Target::Ours, websocket).await;
    let (mut frames, _) = Frames::ask(server.websocket(), &offer().bytes()).await;
    let info = frames.next().await.expect("INFO comes first");
    assert!(info.payload.starts_with(b"INFO {"), "{info:?}");
}

async fn a_compressed_message_may_become_the_largest_message() {
    let (server, mut frames) = connect(Target::Ours).await;
    let mut client = Client::connect(server.address()).await;
    client.subscribe("a 1").await;
    client.barrier().await;
    let payload = "x".repeat(64 * 1024);
    let text = format!("{HELLO}PUB a {}\r\n{payload}\r\n", payload.len());
    let message = deflate(text.as_bytes(), FlushCompress::Sync);
    frames.send(&compressed(&message).bytes()).await;
    assert_eq!(client.message().await.payload, payload.as_bytes());
}

async fn noise_is_not_compressed() {
    let (server, mut frames) = connect(Target::Ours).await;
    frames.say(format!("{HELLO}SUB a 1\r\nPING\r\n")).await;
    until(&mut frames, "PONG\r\nPONG\r\n").await;
    let mut random = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
        .take(10_000)
        .collect();
    let mut client = Client::connect(server.address()).await;
    client.publish("a", &noise).await;
    let mut bytes = Vec::new();
    while bytes.len() < noise.len() + 17 {
        let frame = frames.next().await.expect("a frame");
        assert_eq!(frame.reserved, 0);
        bytes.extend(frame.payload);
    }
    assert_eq!(bytes[15..], [&noise[..], b"\r\n"].concat());
}
