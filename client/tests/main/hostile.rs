//! Servers that lie: the client reports, reconnects or gives up; it never panics, hangs or grows.

use std::time::Duration;

use dunlin::{ConnectErrorKind, ConnectOptions, Event, State};
use tokio::time::timeout;

use super::scripted::{INFO, Scripted};
use super::server::{PATIENCE, next, text};

fn soon() -> ConnectOptions {
    ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(2))
}

/// What the client makes of `bytes` in the place of an INFO.
async fn greeted_with(bytes: &[u8]) -> ConnectErrorKind {
    let server = Scripted::start().await;
    let greeting = async {
        let mut peer = server.accept().await;
        peer.try_say(bytes).await;
        peer.hung_up().await;
    };
    let (outcome, ()) = tokio::join!(soon().connect(server.addr), greeting);
    outcome.unwrap_err().kind()
}

#[tokio::test]
async fn what_is_no_greeting_is_refused() {
    let endless = b"INFO {\"a\":\""
        .iter()
        .copied()
        .chain(vec![b'x'; 200_000])
        .collect::<Vec<_>>();
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"INFO {\r\n",
        b"INFO {\"max_payload\":\"x\"}\r\n",
        b"INFO {\"port\":-1}\r\n",
        b"PING\r\n",
        b"MSG a 1 5\r\nhello\r\n",
        b"\xff\xfe\x00",
        &endless,
    ] {
        let kind = greeted_with(bytes).await;
        assert_eq!(
            kind,
            ConnectErrorKind::Protocol,
            "{:?}",
            &bytes[..bytes.len().min(40)]
        );
    }
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_left_and_tried_again() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(soon()).await;
    let mut subscriber = client.subscribe_at_once("a", Default::default()).unwrap();
    let endless = [b"MSG a ".as_slice(), &vec![b'1'; 100_000]].concat();
    let pings = b"PING\r\n".repeat(100_000);
    for bytes in [
        &b"MSG a 1 2\r\nhello\r\n"[..],
        b"MSG a 1 99999999999\r\n",
        b"MSG a 1 -1\r\n",
        b"MSG a 1 999999999\r\n",
        b"HMSG a 1 9 5\r\nhello\r\n",
        b"MSG\r\n",
        b"NONSENSE\r\n",
        b"\x00\x00\x00",
        &endless,
    ] {
        peer.expect("SUB a 1").await;
        peer.try_say(bytes).await;
        peer.hung_up().await;
        peer = server.admit().await;
    }
    // Asking without end and never reading: the answers owed are bounded.
    peer.expect("SUB a 1").await;
    let mut said = 0;
    while said < 400 && timeout(PATIENCE, peer.try_say(&pings)).await == Ok(true) {
        said += 1;
    }
    assert!(said < 400, "the client takes questions without end");
    drop(peer);
    let mut peer = server.admit().await;
    peer.say("MSG a 1 2\r\nhi\r\n").await;
    assert_eq!(text(&next(&mut subscriber).await), "hi");
}

#[tokio::test]
async fn odd_but_harmless_things_are_counted_and_passed_over() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(soon()).await;
    let mut subscriber = client.subscribe_at_once("a.*", Default::default()).unwrap();
    peer.say(concat!(
        "PONG\r\nPONG\r\n+OK\r\nINFO rubbish\r\nINFO {}\r\n",
        "MSG a.b 77 2\r\nno\r\n",
        "MSG a.b sid 2\r\nno\r\n",
        "MSG a.b 18446744073709551616 2\r\nno\r\n",
        "HMSG a.b 1 2 4\r\nzzhi\r\n",
        "HMSG a.b 1 14 14\r\nNATS/1.0 9x\r\n\r\n",
        "msg a.b 1 000000002\nhi\n",
        "-ERR 'Invalid Subject'\r\n",
        "-ERR 'Permissions Violation for Subscription to \"other\"'\r\n",
        "-ERR 'Permissions Violation for Publish to \"other\"'\r\n",
        "-ERR 'Permissions Violation for nothing known'\r\n",
    ))
    .await;
    peer.say(b"MSG a.\xff\xfe 1 2\r\nhi\r\n").await;
    for _ in 0..3 {
        assert_eq!(next(&mut subscriber).await.headers, None);
    }
    let message = next(&mut subscriber).await;
    assert_eq!(
        (message.subject.as_str(), text(&message)),
        ("a.\u{fffd}\u{fffd}", "hi".to_owned())
    );
    let statistics = client.statistics();
    assert_eq!((statistics.unclaimed, statistics.bad_headers), (3, 2));
    assert_eq!(client.state(), State::Connected);
}

#[tokio::test]
async fn more_than_was_asked_for_is_not_delivered() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(soon()).await;
    let mut subscriber = client.subscribe_at_once("a", Default::default()).unwrap();
    subscriber.unsubscribe_after(2).await.unwrap();
    peer.expect("SUB a 1").await;
    peer.expect("UNSUB 1 2").await;
    peer.say("MSG a 1 1\r\n1\r\n".repeat(10)).await;
    next(&mut subscriber).await;
    next(&mut subscriber).await;
    assert!(subscriber.next().await.is_none());
    assert_eq!(client.statistics().unclaimed, 8);
}

#[tokio::test]
async fn a_connection_may_end_at_every_byte() {
    let server = Scripted::start().await;
    let (client, peer) = server.connect(soon()).await;
    drop(peer);
    let mut subscriber = client.subscribe_at_once("a", Default::default()).unwrap();
    let session = format!("{INFO}PONG\r\nHMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPING\r\n");
    let message_end = session.find("PING").unwrap();
    for end in 0..=session.len() {
        let mut peer = server.accept().await;
        peer.try_say(&session.as_bytes()[..end]).await;
        drop(peer);
        if end >= message_end {
            assert_eq!(text(&next(&mut subscriber).await), "hi");
        }
    }
    let mut peer = server.admit().await;
    peer.say("MSG a 1 4\r\nlast\r\n").await;
    assert_eq!(text(&next(&mut subscriber).await), "last");
}

#[tokio::test]
async fn a_server_that_names_peers_without_end_is_not_believed() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(soon().retain_servers_order()).await;
    let mut events = client.events();
    for round in 0..20 {
        let urls: Vec<_> = (0..1000)
            .map(|n| format!("\"127.0.0.1:{}\"", 1 + n + round))
            .collect();
        peer.say(format!(
            "INFO {{\"connect_urls\":[{}]}}\r\n",
            urls.join(",")
        ))
        .await;
    }
    let urls = format!("\"connect_urls\":[\"{0}\",\"{0}\"]", server.addr);
    peer.say(format!("INFO {{{urls},\"server_name\":\"me\"}}\r\n"))
        .await;
    peer.say("INFO {\"ldm\":true}\r\n").await;
    assert_eq!(events.next().await, Some(Event::LameDuck));
    drop(peer);
    // To itself, for ever: each time there is somebody, so each time it is a connection.
    for _ in 0..3 {
        let mut peer = server.accept().await;
        peer.shake_hands(&INFO.replace("\"headers\"", &format!("{urls},\"headers\"")))
            .await;
    }
}
