//! Visitors of the monitoring port: those who ask and do not read, those who come in crowds, and the
//! exporter that many Prometheus servers read nats-server by.

use std::net::SocketAddr;

use dunlin_tests::{Client, Events, Options, PATIENCE, Running, Target, fetch, fetch_json};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::watching::{metrics, start, until_metric};

against_both! {
    the_exporter_finds_what_it_reads
}

against_ours! {
    who_asks_for_much_and_does_not_read_holds_nobody_up
    crowds_of_event_streams_are_bounded_and_the_rest_goes_on
}

/// What prometheus-nats-exporter reads of each connection, as text; its `collector/connz.go`.
const TEXTS: [&str; 9] = [
    "kind",
    "type",
    "ip",
    "name",
    "lang",
    "version",
    "start",
    "last_activity",
    "rtt",
];
/// The same, as numbers.
const NUMBERS: [&str; 8] = [
    "cid",
    "port",
    "pending_bytes",
    "in_msgs",
    "out_msgs",
    "in_bytes",
    "out_bytes",
    "subscriptions",
];

/// The exporter itself cannot be had everywhere; this is what it reads, and how.
async fn the_exporter_finds_what_it_reads(target: Target) {
    let options = Options {
        is_monitored: true,
        ..Options::default()
    };
    let server = target.start(&options).await.expect("the server starts");
    let at = server.monitor();
    let mut client = Client::open(server.address()).await;
    let hello =
        "CONNECT {\"verbose\":false,\"name\":\"a\",\"lang\":\"wire\",\"version\":\"1\"}\r\n";
    client.send(hello).await;
    client.subscribe("a 1").await;
    client.barrier().await;
    // Of these pages it takes whatever is a number, and three texts for labels.
    let varz = fetch_json(at, "/varz").await;
    for label in ["server_id", "server_name", "version"] {
        assert!(varz[label].is_string(), "{label}");
    }
    for field in [
        "connections",
        "in_msgs",
        "out_bytes",
        "slow_consumers",
        "subscriptions",
        "mem",
        "cpu",
    ] {
        assert!(varz[field].is_number(), "{field}");
    }
    for (page, field) in [
        ("/subsz", "num_subscriptions"),
        ("/routez", "num_routes"),
        ("/leafz", "leafnodes"),
    ] {
        let told = fetch_json(at, page).await;
        assert!(told[field].is_number(), "{page}: {told}");
    }
    let connz = fetch_json(at, "/connz").await;
    looks_like_connections(&connz);
    let accounts = fetch_json(at, "/accstatz?unused=1").await;
    let account = &accounts["account_statz"][0];
    assert!(
        account["acc"].is_string() && account["name"].is_string(),
        "{account}"
    );
    for field in [
        "conns",
        "leafnodes",
        "total_conns",
        "num_subscriptions",
        "slow_consumers",
    ] {
        assert!(account[field].is_number(), "{field}: {account}");
    }
    for side in ["sent", "received"] {
        let both = &account[side];
        assert!(
            both["msgs"].is_number() && both["bytes"].is_number(),
            "{account}"
        );
    }
    assert_eq!(fetch_json(at, "/healthz").await["status"], "ok");
}

/// Whether `connz` has what is read of it, in the form in which it is read.
fn looks_like_connections(connz: &Value) {
    for field in ["num_connections", "total", "offset", "limit"] {
        assert!(connz[field].is_number(), "{field}");
    }
    let connection = &connz["connections"][0];
    for field in TEXTS.into_iter().chain(["uptime", "idle"]) {
        assert!(connection[field].is_string(), "{field}: {connection}");
    }
    for field in NUMBERS {
        assert!(connection[field].is_number(), "{field}: {connection}");
    }
    for field in ["start", "last_activity"] {
        let time = connection[field].as_str().unwrap_or_default();
        assert!(time.contains('T') && time.ends_with('Z'), "{field}: {time}");
    }
    for field in ["rtt", "uptime", "idle"] {
        assert!(is_duration(&connection[field]), "{field}: {connection}");
    }
}

/// Numbers, each with its unit.
fn is_duration(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let is_unit = |letter: char| "yhdmnsµ".contains(letter);
    let parts = text.split(is_unit).filter(|part| !part.is_empty());
    text.ends_with(is_unit) && parts.map(str::parse::<f64>).all(|part| part.is_ok())
}

async fn who_asks_for_much_and_does_not_read_holds_nobody_up() {
    let server = start(Options::default()).await;
    let mut client = Client::connect(server.address()).await;
    let mut text = String::new();
    for number in 0..50_000 {
        text += &format!("SUB some.subject.of.a.certain.length.{number} {number}\r\n");
    }
    client.send(text).await;
    client.barrier().await;
    let mut silent = Vec::new();
    for page in ["/subsz?subs=1&limit=50000", "/connz?subs=detail"] {
        for _ in 0..4 {
            silent.push(ask(server.monitor(), page).await);
        }
    }
    // Messages and other visitors do not wait for them.
    messages_pass(&server).await;
    assert_eq!(fetch(server.monitor(), "/healthz").await.status, 200);
    assert_eq!(fetch(server.monitor(), "/varz").await.status, 200);
    drop(silent);
}

async fn crowds_of_event_streams_are_bounded_and_the_rest_goes_on() {
    let server = start(Options::default()).await;
    let mut streams = Vec::new();
    for _ in 0..400 {
        streams.push(Events::open(server.monitor(), "/dashboard/events").await);
    }
    let mut served = 0;
    for stream in &mut streams {
        match stream.status().await {
            200 => served += 1,
            status => assert_eq!(status, 503),
        }
    }
    assert_eq!(served, 64);
    messages_pass(&server).await;
    assert_eq!(metrics(&server).await["dunlin_connections"], 0.0);
    drop(streams);
    let again = async {
        loop {
            let mut stream = Events::open(server.monitor(), "/dashboard/events").await;
            if stream.status().await == 200 {
                return;
            }
        }
    };
    let again = tokio::time::timeout(PATIENCE, again).await;
    again.expect("a place is free again");
}

/// A thousand messages from one client to another.
async fn messages_pass(server: &Running) {
    let before = metrics(server).await["dunlin_connections"];
    let mut reader = Client::connect(server.address()).await;
    reader.subscribe("passes 1").await;
    reader.barrier().await;
    let mut publisher = Client::connect(server.address()).await;
    for _ in 0..1_000 {
        publisher.publish("passes", b"x").await;
    }
    for _ in 0..1_000 {
        reader.message().await;
    }
    drop((reader, publisher));
    until_metric(server, "dunlin_connections", before).await;
}

/// Asks for `page`, and does not read it.
async fn ask(address: SocketAddr, page: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(address).await.expect("the server accepts");
    let request = format!("GET {page} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("the server takes a request");
    stream
}
