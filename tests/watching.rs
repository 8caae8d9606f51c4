//! What the monitoring port adds to nats-server's pages: metrics, each tested by causing it; slow
//! readers by name; events, the tap, and what may be done there, by whom.

use std::collections::BTreeMap;
use std::time::Duration;

use dunlin_tests::{Client, Events, Options, Running, Target, fetch, fetch_json, request};
use serde_json::Value;

use crate::BETWEEN_LOOKS;

against_ours! {
    the_metrics_are_open_metrics
    what_happens_moves_its_metric
    a_slow_reader_is_told_by_name
    a_reader_that_was_cut_is_told_with_what_it_lost
    events_say_what_the_pages_say
    a_tap_shows_messages_and_is_nobody
    a_connection_can_be_kicked
    nothing_is_changed_without_intent
    foreign_names_for_a_local_port_are_refused
    streams_of_events_are_bounded
    connections_are_found_and_sorted
    subjects_are_a_tree
    a_browser_gets_the_dashboard_first
}

const MB: usize = 1024 * 1024;

async fn the_metrics_are_open_metrics() {
    let server = start(Options::default()).await;
    let page = fetch(server.monitor(), "/metrics").await;
    assert!(
        page.head
            .contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{}",
        page.head
    );
    assert!(page.body.ends_with("# EOF\n"), "{}", page.body);
    assert!(
        page.body.contains("\ndunlin_build_info{server_id=\"N"),
        "{}",
        page.body
    );
    let mut family = String::new();
    for line in page.body.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP" | "TYPE" | "UNIT", name, ref rest @ ..] => {
                assert!(!rest.is_empty(), "{line}");
                family = name.to_owned();
            }
            ["#", "EOF"] => {}
            [name, value] => {
                assert!(name.starts_with(&family), "{line} is not of {family}");
                value
                    .parse::<f64>()
                    .unwrap_or_else(|error| panic!("{line}: {error}"));
            }
            [labelled, rest, more] => assert!(labelled.contains('{'), "{line}: {rest} {more}"),
            _ => assert!(line.contains('{'), "{line}"),
        }
    }
}

async fn what_happens_moves_its_metric() {
    let server = start(Options {
        max_connections: Some(2),
        ..Options::default()
    })
    .await;
    let mut client = Client::connect(server.address()).await;
    client.subscribe("a 1").await;
    for _ in 0..2 {
        client.publish("a", b"hello").await;
        client.message().await;
    }
    let found = metrics(&server).await;
    for (name, expected) in [
        ("dunlin_connections", 1.0),
        ("dunlin_connections_max", 2.0),
        ("dunlin_connections_accepted_total", 1.0),
        ("dunlin_subscriptions", 1.0),
        ("dunlin_messages_in_total", 2.0),
        ("dunlin_bytes_in_total", 10.0),
        ("dunlin_messages_out_total", 2.0),
        ("dunlin_bytes_out_total", 10.0),
        ("dunlin_fanout_max", 1.0),
        ("dunlin_index_lookups_total", 1.0),
        ("dunlin_match_cache_hits_total", 1.0),
        ("dunlin_messages_unheard_total", 0.0),
        ("dunlin_slow_consumers_total", 0.0),
        ("dunlin_pending_bytes", 0.0),
        ("dunlin_stalled_connections", 0.0),
    ] {
        assert_eq!(found.get(name), Some(&expected), "{name}: {found:?}");
    }
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(found.contains_key(name), "{name}: {found:?}");
    }
    let _second = Client::connect(server.address()).await;
    let (_third, _) = Client::attempt(server.address()).await;
    client.half_close().await;
    until_metric(&server, "dunlin_connections_refused_total", 1.0).await;
    until_metric(
        &server,
        "dunlin_connections_closed_total{reason=\"Client Closed\"}",
        1.0,
    )
    .await;
    until_metric(
        &server,
        "dunlin_connections_closed_total{reason=\"Maximum Connections Exceeded\"}",
        1.0,
    )
    .await;
}

async fn a_slow_reader_is_told_by_name() {
    let server = start(Options::default()).await;
    let mut slow = Client::connect_small(server.address()).await;
    slow.send("CONNECT {\"verbose\":false,\"name\":\"turtle\"}\r\nSUB load.> 7\r\n")
        .await;
    slow.barrier().await;
    let mut publisher = Client::connect(server.address()).await;
    for _ in 0..512 {
        publisher.publish("load.x", &[0; 16 * 1024]).await;
    }
    publisher.barrier().await;
    let slowz = fetch_json(server.monitor(), "/slowz").await;
    let first = &slowz["slow"][0];
    assert_eq!(first["name"], "turtle");
    assert_eq!(first["is_stalled"], true, "{first}");
    assert!(first["pending_bytes"].as_u64() > Some(MB as u64), "{first}");
    assert!(first["pending_messages"].as_u64() > Some(64), "{first}");
    assert!(
        first["high_water_bytes"].as_u64() >= first["pending_bytes"].as_u64(),
        "{first}"
    );
    assert!(first["stalls"].as_u64() >= Some(1), "{first}");
    assert_eq!(first["subscriptions"][0]["subject"], "load.>");
    assert_eq!(first["subscriptions"][0]["msgs"], 512);
    let found = metrics(&server).await;
    assert!(found["dunlin_pending_bytes"] > MB as f64, "{found:?}");
    assert_eq!(found["dunlin_stalled_connections"], 1.0);
    for (name, least) in [
        ("dunlin_reader_stalls_total", 1.0),
        ("dunlin_pending_messages", 65.0),
        ("dunlin_pending_bytes_max", MB as f64),
    ] {
        assert!(found[name] >= least, "{name}: {found:?}");
    }
    assert_eq!(found["dunlin_pending_bytes_limit"], 64.0 * MB as f64);
    let high_water = found["dunlin_pending_high_water_bytes"];
    assert!(high_water >= found["dunlin_pending_bytes"], "{found:?}");
    let connz = fetch_json(server.monitor(), "/connz?sort=pending").await;
    assert_eq!(connz["connections"][0]["name"], "turtle");
    while fetch_json(server.monitor(), "/slowz").await["slow"][0]["oldest_ms"]
        .as_u64()
        .is_none_or(|ms| ms <= 100)
    {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    let found = metrics(&server).await;
    assert!(found["dunlin_oldest_pending_seconds"] > 0.1, "{found:?}");
    let stalled = found["dunlin_reader_stalled_seconds_total"];
    assert!(stalled > 0.1, "{found:?}");
}

async fn a_reader_that_was_cut_is_told_with_what_it_lost() {
    let server = start(Options {
        max_pending: Some(2 * MB),
        ..Options::default()
    })
    .await;
    let mut slow = Client::connect_small(server.address()).await;
    slow.subscribe("load 1").await;
    slow.barrier().await;
    let mut publisher = Client::connect(server.address()).await;
    for _ in 0..1024 {
        publisher.publish("load", &[0; 16 * 1024]).await;
    }
    publisher.barrier().await;
    until_metric(&server, "dunlin_slow_consumers_total", 1.0).await;
    let found = metrics(&server).await;
    assert!(found["dunlin_dropped_messages_total"] > 50.0, "{found:?}");
    assert!(found["dunlin_dropped_bytes_total"] > MB as f64, "{found:?}");
    let by_reason = found
        .iter()
        .filter(|(name, _)| name.starts_with("dunlin_dropped_by_reason_total"));
    let by_reason: Vec<f64> = by_reason.map(|(_, count)| *count).collect();
    let sum: f64 = by_reason.iter().sum();
    assert_eq!(
        (by_reason.len(), sum),
        (4, found["dunlin_dropped_messages_total"])
    );
    let cut = fetch_json(server.monitor(), "/slowz").await["cut"][0].clone();
    assert_eq!(cut["reason"], "Slow Consumer (Pending Bytes)");
    assert!(cut["dropped_messages"].as_u64() > Some(50), "{cut}");
    assert_eq!(cut["subscriptions"][0]["subject"], "load");
    assert_eq!(
        fetch_json(server.monitor(), "/varz").await["slow_consumers"],
        1
    );
}

async fn events_say_what_the_pages_say() {
    let server = start(Options::default()).await;
    let mut client = Client::connect(server.address()).await;
    client.subscribe("a 1").await;
    client.publish("a", b"hello").await;
    client.message().await;
    let mut events = Events::open(server.monitor(), "/dashboard/events").await;
    let now = events.next("now").await;
    let varz = fetch_json(server.monitor(), "/varz").await;
    for field in [
        "server_id",
        "connections",
        "in_msgs",
        "out_bytes",
        "subscriptions",
    ] {
        assert_eq!(now["varz"][field], varz[field], "{field}");
    }
    assert_eq!(now["slow"]["total"], 0);
    events.next("now").await;
    let history = fetch_json(server.monitor(), "/dashboard/history").await;
    assert_eq!(history[0]["connections"], 1, "{history}");
}

async fn a_tap_shows_messages_and_is_nobody() {
    let server = start(Options::default()).await;
    let mut tap = Events::open(server.monitor(), "/dashboard/tap?filter=orders.*").await;
    let mut client = Client::connect(server.address()).await;
    while fetch_json(server.monitor(), "/varz").await["subscriptions"] != 1 {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    client.subscribe("inbox 1").await;
    client.send("PUB orders.eu inbox 5\r\nhello\r\n").await;
    let answer = client.message().await;
    assert!(answer.headers.starts_with(b"NATS/1.0 503"), "{answer:?}");
    let seen = tap.next("messages").await;
    assert_eq!(seen["messages"][0]["subject"], "orders.eu");
    assert_eq!(seen["messages"][0]["payload"], "hello");
    assert_eq!(seen["messages"][0]["reply"], "inbox");
    for _ in 0..2_000 {
        client.publish("orders.x", b"more").await;
    }
    client.barrier().await;
    let mut missed = 0;
    while missed == 0 {
        missed = tap.next("messages").await["missed"]
            .as_u64()
            .expect("a number");
    }
    let counted = metrics(&server).await["dunlin_stream_events_missed_total"];
    assert!(counted >= missed as f64, "{counted} counted, {missed} told");
    drop(tap);
    while fetch_json(server.monitor(), "/varz").await["subscriptions"] != 1 {
        tokio::time::sleep(BETWEEN_LOOKS).await; // The client's own inbox is left.
    }
    let page = fetch(server.monitor(), "/dashboard/tap?filter=a..b").await;
    assert_eq!(
        (page.status, page.body.as_str()),
        (400, "invalid filter: \"a..b\"")
    );
}

async fn a_connection_can_be_kicked() {
    let server = start(Options::default()).await;
    let mut client = Client::connect(server.address()).await;
    let cid = fetch_json(server.monitor(), "/connz").await["connections"][0]["cid"].clone();
    let what = format!("POST /dashboard/kick?cid={cid}");
    let page = request(server.monitor(), &what, "X-Dunlin: 1\r\n").await;
    assert_eq!((page.status, page.body.as_str()), (200, "{\"kicked\":1}"));
    client.until_end().await;
    let mut closed = Value::Null;
    while closed.is_null() {
        closed =
            fetch_json(server.monitor(), "/connz?state=closed").await["connections"][0].clone();
    }
    assert_eq!(closed["reason"], "Kicked");
    let page = request(
        server.monitor(),
        "POST /dashboard/kick?name=nobody",
        "X-Dunlin: 1\r\n",
    )
    .await;
    assert_eq!(
        (page.status, page.body.as_str()),
        (400, "no connection is called so")
    );
}

async fn nothing_is_changed_without_intent() {
    let server = start(Options::default()).await;
    let mut client = Client::connect(server.address()).await;
    let page = request(server.monitor(), "POST /dashboard/kick?cid=1", "").await;
    assert_eq!(page.status, 403);
    let page = request(
        server.monitor(),
        "GET /dashboard/kick?cid=1",
        "X-Dunlin: 1\r\n",
    )
    .await;
    assert_eq!(page.status, 405);
    client.barrier().await;
}

async fn foreign_names_for_a_local_port_are_refused() {
    let server = start(Options::default()).await;
    for (host, expected) in [
        ("evil.example:80", 403),
        ("localhost:1", 200),
        ("[::1]:1", 200),
        ("127.0.0.1", 200),
    ] {
        let mut client = Events::open_as(server.monitor(), host, "/dashboard/history").await;
        assert_eq!(client.status().await, expected, "{host}");
    }
}

async fn streams_of_events_are_bounded() {
    let server = start(Options::default()).await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut events = Events::open(server.monitor(), "/dashboard/events").await;
        assert_eq!(events.status().await, 200);
        open.push(events);
    }
    let mut one_more = Events::open(server.monitor(), "/dashboard/events").await;
    assert_eq!(one_more.status().await, 503);
    drop(open);
    loop {
        let mut events = Events::open(server.monitor(), "/dashboard/events").await;
        if events.status().await == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn connections_are_found_and_sorted() {
    let server = start(Options::default()).await;
    let mut clients = Vec::new();
    for name in ["ant", "bee", "cat"] {
        let mut client = Client::open(server.address()).await;
        client
            .send(format!(
                "CONNECT {{\"verbose\":false,\"name\":\"{name}\"}}\r\n"
            ))
            .await;
        client.barrier().await;
        clients.push(client);
    }
    clients[1].subscribe("a 1").await;
    clients[1].barrier().await;
    for (query, expected) in [
        ("sort=name", "ant bee cat"),
        ("sort=name&desc=1", "cat bee ant"),
        ("sort=subscriptions&desc=1&limit=1", "bee"),
        ("search=CA", "cat"),
        ("search=nobody", ""),
        ("offset=2", "cat"),
    ] {
        let path = format!("/dashboard/connections?{query}");
        let rows = fetch_json(server.monitor(), &path).await;
        let names = rows["rows"].as_array().expect("rows").iter();
        let names: Vec<_> = names.filter_map(|row| row["name"].as_str()).collect();
        assert_eq!(names.join(" "), expected, "{query}");
        assert_eq!(rows["total"], 3);
    }
    assert_eq!(
        fetch(server.monitor(), "/dashboard/connections?sort=x")
            .await
            .status,
        400
    );
}

async fn subjects_are_a_tree() {
    let server = start(Options::default()).await;
    let mut client = Client::connect(server.address()).await;
    for (sid, filter) in ["orders.eu.new", "orders.eu.>", "orders.us", "health"]
        .iter()
        .enumerate()
    {
        client.subscribe(&format!("{filter} {sid}")).await;
    }
    client.publish("orders.eu.new", b"x").await;
    client.barrier().await;
    let root = fetch_json(server.monitor(), "/dashboard/subjects").await;
    assert_eq!(root["branches"][0]["token"], "orders");
    assert_eq!(root["branches"][0]["subscriptions"], 3);
    assert_eq!(root["branches"][0]["delivered"], 2);
    assert_eq!(root["branches"][1]["has_more"], false);
    let below = fetch_json(server.monitor(), "/dashboard/subjects?prefix=orders.eu").await;
    let tokens: Vec<_> = below["branches"]
        .as_array()
        .expect("branches")
        .iter()
        .map(|it| &it["token"])
        .collect();
    assert_eq!(tokens, [">", "new"]);
}

async fn a_browser_gets_the_dashboard_first() {
    let server = start(Options::default()).await;
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let page = request(server.monitor(), "GET /", browser).await;
    assert!(page.body.contains("role=\"tablist\""), "{}", page.body);
    for tool in ["", "Accept: */*\r\n", "Accept: application/json\r\n"] {
        let page = request(server.monitor(), "GET /", tool).await;
        assert!(page.body.contains("href=\"varz\""), "{tool}: {}", page.body);
    }
}

pub(crate) async fn metrics(server: &Running) -> BTreeMap<String, f64> {
    let page = fetch(server.monitor(), "/metrics").await;
    let lines = page.body.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| line.rsplit_once(' '));
    values
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

pub(crate) async fn until_metric(server: &Running, name: &str, expected: f64) {
    while metrics(server).await.get(name) != Some(&expected) {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

pub(crate) async fn start(options: Options) -> Running {
    let options = Options {
        is_monitored: true,
        ..options
    };
    Target::Ours
        .start(&options)
        .await
        .expect("the server starts")
}
