//! Events about connections: what a plain subscriber hears of others, and what it does not.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

use std::time::Duration;

use dunlin_server::{Authorization, Builder, Event, EventOptions, Permissions, Server, User};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Long enough for a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that speaks the wire.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(server: &Server, fields: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap(); // So that it can be slow.
        let stream = socket.connect(server.addr()).await.unwrap();
        let mut client = Self(BufReader::new(stream));
        client.line().await;
        let connect = format!("CONNECT {{\"verbose\":false{fields}}}\r\n");
        client.send(&connect).await;
        client
    }

    async fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends, and waits until the server has done it.
    async fn does(&mut self, text: &str) {
        self.send(&format!("{text}PING\r\n")).await;
        while self.line().await != "PONG" {}
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.0.read_line(&mut line)).await;
        assert!(read.unwrap().unwrap() > 0, "the connection ended");
        line.trim_end().to_owned()
    }

    /// The next message: its subject, and its body as JSON.
    async fn event(&mut self) -> (String, Value) {
        loop {
            let line = self.line().await;
            let words: Vec<_> = line.split(' ').collect();
            if let ["MSG", subject, _, size] = words[..] {
                let mut body = vec![0; size.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut body).await.unwrap();
                return (subject.to_owned(), serde_json::from_slice(&body).unwrap());
            }
        }
    }
}

async fn start(builder: Builder, events: EventOptions) -> Server {
    builder.port(0).events(events).start().await.unwrap()
}

#[tokio::test]
async fn who_comes_subscribes_and_leaves_is_told() {
    let server = start(Server::builder(), EventOptions::default()).await;
    let mut watcher = Client::connect(&server, "").await;
    watcher.does("SUB dunlin.event.> 1\r\n").await;
    let name = ",\"name\":\"a <b>\",\"lang\":\"rust\",\"user\":\"joe\"";
    let mut client = Client::connect(&server, name).await;
    client.does("SUB orders.* workers 7\r\n").await;
    let (mut subject, mut event) = watcher.event().await;
    if event["name"] != "a <b>" {
        (subject, event) = watcher.event().await; // Its own coming was noted before it listened.
    }
    assert_eq!(
        (subject.as_str(), &event["event"]),
        ("dunlin.event.connected", &"connected".into())
    );
    assert_eq!(
        (&event["name"], &event["user"], &event["lang"]),
        (&"a <b>".into(), &"joe".into(), &"rust".into())
    );
    let cid = event["cid"].clone();
    let (subject, event) = watcher.event().await;
    assert_eq!(subject, "dunlin.event.subscribed");
    assert_eq!(
        (
            &event["cid"],
            &event["subject"],
            &event["queue"],
            &event["sid"]
        ),
        (&cid, &"orders.*".into(), &"workers".into(), &"7".into())
    );
    client.does("PUB nobody 5\r\nhello\r\n").await;
    drop(client);
    let (subject, event) = watcher.event().await;
    assert_eq!(subject, "dunlin.event.left");
    assert_eq!(
        (&event["cid"], &event["reason"]),
        (&cid, &"Client Closed".into())
    );
    assert_eq!(
        (&event["in_msgs"], &event["in_bytes"]),
        (&1.into(), &5.into())
    );
    assert_eq!(event["missed"], Value::Null);
}

#[tokio::test]
async fn only_what_is_asked_for_is_told_and_where() {
    let events = EventOptions::new("site.bus").only([Event::Left]);
    let server = start(Server::builder(), events).await;
    let mut watcher = Client::connect(&server, "").await;
    watcher.does("SUB > 1\r\n").await;
    for name in ["one", "two"] {
        let mut client = Client::connect(&server, &format!(",\"name\":\"{name}\"")).await;
        client.does("SUB a 1\r\n").await;
        drop(client);
        let (subject, event) = watcher.event().await;
        assert_eq!(
            (subject.as_str(), &event["name"]),
            ("site.bus.left", &name.into())
        );
    }
}

#[tokio::test]
async fn a_plain_user_hears_of_slow_readers_if_it_may() {
    let watch = Permissions::new()
        .allow_subscribe(["dunlin.event.slow"])
        .allow_publish(["nothing"]);
    let authorization = Authorization::new()
        .user(User::new("watcher", "w").permissions(watch))
        .user(User::new("app", "a"));
    let builder = Server::builder()
        .authorization(authorization)
        .max_pending(8 * 1024 * 1024)
        .write_deadline(Duration::from_secs(600));
    let server = start(builder, EventOptions::default().only([Event::Slow])).await;
    let mut watcher = Client::connect(&server, ",\"user\":\"watcher\",\"pass\":\"w\"").await;
    watcher
        .does("SUB dunlin.event.slow 1\r\nSUB dunlin.event.left 2\r\n")
        .await;
    let app = ",\"user\":\"app\",\"pass\":\"a\",\"name\":\"turtle\"";
    let mut slow = Client::connect(&server, app).await;
    slow.does("SUB idle.> 8\r\nSUB load.> 1\r\n").await;
    let mut publisher = Client::connect(&server, ",\"user\":\"app\",\"pass\":\"a\"").await;
    let message = format!("PUB load.x 65536\r\n{}\r\n", "x".repeat(65536));
    publisher.does(&message.repeat(64)).await;
    let (_, event) = watcher.event().await;
    assert_eq!(
        (&event["state"], &event["name"]),
        (&"slow".into(), &"turtle".into())
    );
    assert_eq!(event["subject"], "load.>");
    assert!(
        event["pending_bytes"].as_u64() > Some(1024 * 1024),
        "{event}"
    );
    let pending = |field: &str| event[field].as_u64().unwrap();
    let under_way = pending("pending_bytes") - pending("subject_pending_bytes");
    assert!(under_way <= 65536 + 2, "the rest of one payload: {event}");
    assert!(
        event["subject_pending_messages"].as_u64() > Some(16),
        "{event}"
    );
    // It reads all of it: over.
    let mut left: usize = 64 * (65536 + 2);
    let mut buffer = vec![0; 256 * 1024];
    while left > 0 {
        let read = timeout(PATIENCE, slow.0.read(&mut buffer)).await;
        left = left.saturating_sub(read.unwrap().unwrap());
    }
    let (_, event) = watcher.event().await;
    assert_eq!(
        (&event["state"], &event["pending_bytes"]),
        (&"recovered".into(), &0.into())
    );
    publisher.does(&message.repeat(400)).await;
    let mut event = watcher.event().await.1;
    while event["state"] != "cut" {
        event = watcher.event().await.1;
    }
    assert_eq!(
        (&event["name"], &event["subject"]),
        (&"turtle".into(), &"load.>".into())
    );
    assert!(event["dropped_messages"].as_u64() > Some(50), "{event}");
    check_lost(&event);
}

/// The one subscription of the reader that was cut is told with what it lost.
#[track_caller]
fn check_lost(event: &serde_json::Value) {
    let lost = &event["subscriptions"][0];
    let named = (&lost["sid"], &lost["subject"]);
    assert_eq!(named, (&"1".into(), &"load.>".into()));
    // One of which the head had gone out may be among those that are not told.
    let told = lost["dropped_messages"].as_u64().unwrap();
    let all = event["dropped_messages"].as_u64().unwrap();
    assert!(told == all || told + 1 == all, "{event}");
}

#[tokio::test]
async fn a_flood_of_events_is_bounded_and_what_is_missing_is_told() {
    let events = EventOptions::default().only([Event::Subscribed]);
    let builder = Server::builder();
    #[cfg(feature = "http")]
    let builder = builder.monitor(dunlin_server::MonitorOptions::port(0));
    let server = start(builder, events).await;
    let mut watcher = Client::connect(&server, "").await;
    watcher.does("SUB dunlin.event.subscribed 1\r\n").await;
    let mut client = Client::connect(&server, "").await;
    const FLOOD: u64 = 50_000;
    let mut text = String::new();
    for number in 0..FLOOD {
        text += &format!("SUB a.{number} {number}\r\n");
    }
    client.does(&text).await;
    let (mut told, mut missed) = (0, 0);
    for number in 0..10 {
        // What is missing at the end is told with the next event, which somebody must cause.
        client.does(&format!("SUB b x{number}\r\n")).await;
        let mut is_seen = false;
        while !is_seen {
            let (_, event) = watcher.event().await;
            is_seen = event["subject"] == "b";
            told += u64::from(!is_seen);
            missed += event["missed"].as_u64().unwrap_or(0);
        }
        if told + missed >= FLOOD {
            break;
        }
    }
    assert_eq!(told + missed, FLOOD);
    assert!(missed > 0 && told >= 1024, "{told} told, {missed} missed");
    #[cfg(feature = "http")]
    {
        let page = metrics(&server).await;
        let counted = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().parse::<u64>().unwrap()
        };
        assert_eq!(counted("dunlin_events_missed_total "), missed);
        assert!(counted("dunlin_events_total ") >= told, "{page}");
    }
}

/// The page for Prometheus.
#[cfg(feature = "http")]
async fn metrics(server: &Server) -> String {
    let stream = TcpStream::connect(server.monitor_addr().unwrap()).await;
    let mut stream = stream.unwrap();
    let request = b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut page = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut page)).await;
    read.unwrap().unwrap();
    page
}
