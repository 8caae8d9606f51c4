//! Slow readers over WebSocket, and what an idle one costs.

use dunlin_tests::{
    Client, Frame, Frames, Options, Request, Target, Websocket, alone, resident_bytes,
};

use super::HELLO;

against_ours! {
    a_reader_over_the_limit_is_told_between_whole_frames
    a_reader_that_pauses_gets_everything
}

/// How many idle connections are measured.
const IDLE: usize = 1_000;
/// How much more an idle WebSocket may cost than a TCP connection, in bytes, the test's own end of
/// it included. Measured 2026-11 on the server alone: 2,322 and 2,052 bytes.
const MORE_MAX: usize = 2048;

async fn start(pending: usize) -> dunlin_tests::Running {
    let options = Options {
        websocket: Some(Websocket::default()),
        max_pending: Some(pending),
        max_payload: Some(64 * 1024),
        ..Options::default()
    };
    Target::Ours
        .start(&options)
        .await
        .expect("the server starts")
}

async fn stalled(server: &dunlin_tests::Running) -> Frames {
    let mut frames = Frames::open_small(server.websocket()).await;
    frames.say(format!("{HELLO}SUB load 1\r\nPING\r\n")).await;
    frames.until("PONG\r\nPONG\r\n").await;
    frames
}

async fn a_reader_over_the_limit_is_told_between_whole_frames() {
    let server = start(1024 * 1024).await;
    let mut reader = stalled(&server).await;
    let mut client = Client::connect(server.address()).await;
    let payload = vec![b'x'; 16 * 1024];
    for _ in 0..800 {
        client.publish("load", &payload).await;
    }
    client.barrier().await;
    let frames = reader.until_end().await;
    let (last, data) = frames.split_last().expect("there was something to read");
    let text: Vec<u8> = data
        .iter()
        .flat_map(|frame| frame.payload.clone())
        .collect();
    let text = String::from_utf8(text)
        .expect("text")
        .replace("PING\r\n", "");
    let whole = format!("MSG load 1 16384\r\n{}\r\n", "x".repeat(16 * 1024));
    let end = "-ERR 'Slow Consumer'\r\n";
    assert!(text.ends_with(end), "{}", text.len());
    assert_eq!(
        (text.len() - end.len()) % whole.len(),
        0,
        "messages are whole"
    );
    let Frame {
        opcode: 8, payload, ..
    } = last
    else {
        panic!("no close frame: {last:?}");
    };
    assert_eq!(payload[..2], 1008u16.to_be_bytes());
    assert_eq!(&payload[2..], b"Slow Consumer (Pending Bytes)");
}

async fn a_reader_that_pauses_gets_everything() {
    let server = start(64 * 1024 * 1024).await;
    let mut reader = stalled(&server).await;
    let mut client = Client::connect(server.address()).await;
    for number in 0..2_000 {
        client
            .publish("load", format!("{number:0>5000}").as_bytes())
            .await;
    }
    client.barrier().await;
    for number in 0..2_000 {
        let message = format!("MSG load 1 5000\r\n{number:0>5000}\r\n");
        let mut got = reader.bytes(message.len()).await;
        assert_eq!(String::from_utf8_lossy(&got), message, "message {number}");
        got.clear();
    }
    reader.say("PING\r\n").await;
    assert_eq!(reader.bytes(6).await, b"PONG\r\n");
}

async fn idle(server: &dunlin_tests::Running) -> Frames {
    let mut frames = Frames::open(server.websocket(), Request::default()).await;
    frames.say(format!("{HELLO}SUB a.b.c 1\r\nPING\r\n")).await;
    frames.until("PONG\r\nPONG\r\n").await;
    frames
}

#[test]
fn an_idle_websocket_costs_hardly_more_than_a_socket() {
    let name = "websocket::slow::an_idle_websocket_costs_hardly_more_than_a_socket";
    alone(name, || {
        crate::run(async {
            let server = start(1024 * 1024).await;
            let (mut sockets, mut websockets) = (Vec::new(), Vec::new());
            for _ in 0..100 {
                websockets.push(idle(&server).await.into_socket());
            }
            let before = resident_bytes();
            for _ in 0..IDLE {
                let mut client = Client::connect(server.address()).await;
                client.subscribe("a.b.c 1").await;
                client.barrier().await;
                sockets.push(client.into_socket());
            }
            let between = resident_bytes();
            for _ in 0..IDLE {
                websockets.push(idle(&server).await.into_socket());
            }
            let socket = between.saturating_sub(before) / IDLE;
            let websocket = resident_bytes().saturating_sub(between) / IDLE;
            assert!(
                websocket < socket + MORE_MAX,
                "{websocket}, and {socket} over TCP"
            );
        });
    });
}
