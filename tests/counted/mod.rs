//! What is counted: each counter of `/metrics` rises by exactly what causes it, the others stay, and
//! `/varz` says the same.
//!
//! Readers that are to be slow sit in this process, behind a pipe: it takes the same number of bytes
//! every time, where a kernel takes what it likes.

mod books;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use dunlin_server::{
    Authorization, Builder, Event, EventOptions, Lag, Permissions, Quota, TlsOptions, User,
};
use dunlin_tests::{Client, Events, PATIENCE, fetch, fetch_json, request};

use self::books::{Books, Deaf, builder, closed, counters, family};
use crate::BETWEEN_LOOKS;

against_ours! {
    every_counter_is_caused
    what_alerts_and_dashboards_ask_for_is_there
}

const KB: usize = 1024;
const MB: usize = 1024 * KB;
/// How large a message for a slow reader is.
const SIZE: usize = 8 * KB;

async fn every_counter_is_caused() {
    let mut caused = BTreeSet::new();
    let (a, b, c, d) = tokio::join!(traffic(), arrivals(), farewells(), authentication());
    let (e, f, g, h) = tokio::join!(silence(), policies(), paces(), denials());
    let (i, j, k, l) = tokio::join!(events(), tap(), encryption(), cuts());
    for names in [a, b, c, d, e, f, g, h, i, j, k, l] {
        caused.extend(names);
    }
    let books = refusing(builder()).await;
    let page = books.before.keys().map(|name| family(name).to_owned());
    let page: BTreeSet<_> = page.filter(|name| name != "process_cpu_seconds").collect();
    assert_eq!(page, caused, "on the page, and caused");
}

async fn traffic() -> BTreeSet<String> {
    let mut books = Books::open(builder()).await;
    let mut reader = Client::connect(books.server.addr()).await;
    reader.subscribe("a 1").await;
    reader.barrier().await;
    let mut publisher = Client::connect(books.server.addr()).await;
    books.expect(&[("connections_accepted", 2.0)]).await;
    for subject in ["a", "a", "a"] {
        publisher.publish(subject, b"hello").await;
    }
    publisher
        .send("HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
        .await;
    for _ in 0..2 {
        publisher.publish("nobody", b"hello").await;
    }
    publisher.barrier().await;
    let expected = [
        ("messages_in", 6.0),
        ("bytes_in", 39.0),
        ("messages_out", 4.0),
        ("bytes_out", 29.0),
        ("messages_unheard", 2.0),
        ("index_lookups", 2.0),
        ("match_cache_hits", 4.0),
    ];
    books.expect(&expected).await;
    books.named
}

async fn arrivals() -> BTreeSet<String> {
    let mut books = Books::open(builder().max_connections(1)).await;
    let first = Client::connect(books.server.addr()).await;
    let _refused = Client::attempt(books.server.addr()).await;
    let full = closed("Maximum Connections Exceeded");
    let expected = [
        ("connections_accepted", 2.0),
        ("connections_refused", 1.0),
        (&full, 1.0),
    ];
    books.expect(&expected).await;
    drop(first);
    books.expect(&[(&closed("Client Closed"), 1.0)]).await;
    books.named
}

async fn farewells() -> BTreeSet<String> {
    let mut books = Books::open(builder()).await;
    let long = format!("SUB {} 1\r\n", "x".repeat(5_000));
    for (text, reason) in [
        ("FOO\r\n", "Protocol Violation"),
        ("-ERR 'no'\r\n", "Parse Error"),
        (
            "CONNECT {\"protocol\":2}\r\n",
            "Bad Client Protocol Version",
        ),
        (
            "CONNECT {\"no_responders\":true}\r\n",
            "No Responders Requires Headers",
        ),
        ("PUB a 99999999\r\n", "Maximum Message Payload Exceeded"),
        (&long, "Maximum Control Line Exceeded"),
    ] {
        let mut client = Client::open(books.server.addr()).await;
        if !text.starts_with("CONNECT") {
            client.send("CONNECT {\"verbose\":false}\r\n").await;
        }
        client.send(text).await;
        let expected = [("connections_accepted", 1.0), (&closed(reason), 1.0)];
        books.expect(&expected).await;
    }
    let _client = Client::connect(books.server.addr()).await;
    let kick = "POST /dashboard/kick?cid=7";
    let page = request(books.monitor(), kick, "X-Dunlin: 1\r\n").await;
    assert_eq!(page.status, 200, "{}", page.body);
    let expected = [("connections_accepted", 1.0), (&closed("Kicked"), 1.0)];
    books.expect(&expected).await;
    books.named
}

async fn authentication() -> BTreeSet<String> {
    let users = Authorization::new()
        .user(User::new("a", "a"))
        .user(User::nkey(NKEY))
        .timeout(Duration::from_millis(50));
    let mut books = Books::open(builder().authorization(users)).await;
    for credentials in [
        "\"user\":\"a\",\"pass\":\"b\"".to_owned(),
        "\"user\":\"b\",\"pass\":\"b\"".to_owned(),
        "\"auth_token\":\"a\"".to_owned(),
        format!("\"nkey\":\"{NKEY}\",\"sig\":\"AAAA\""),
        String::new(),
    ] {
        let mut client = Client::open(books.server.addr()).await;
        client.send(format!("CONNECT {{{credentials}}}\r\n")).await;
        let expected = [
            ("connections_accepted", 1.0),
            ("authentication_failures", 1.0),
            (&closed("Authentication Failure"), 1.0),
        ];
        books.expect(&expected).await;
    }
    let _silent = Client::open(books.server.addr()).await;
    let expected = [
        ("connections_accepted", 1.0),
        ("authentication_failures", 1.0),
        (&closed("Authentication Timeout"), 1.0),
    ];
    books.expect(&expected).await;
    books.named
}

async fn silence() -> BTreeSet<String> {
    let builder = builder()
        .ping_interval(Duration::from_millis(500))
        .ping_max(1);
    let mut books = Books::open(builder).await;
    let _silent = Client::connect(books.server.addr()).await;
    let expected = [
        ("connections_accepted", 1.0),
        ("stale_connections", 1.0),
        (&closed("Stale Connection"), 1.0),
    ];
    books.expect(&expected).await;
    books.named
}

/// A reader that is cut, for each reason there is.
async fn cuts() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (builder, reason) in [
        (builder().max_pending(2 * MB), "Pending Bytes"),
        (builder().max_pending_total(2 * MB), "Pending Total"),
        (
            builder().write_deadline(Duration::from_millis(50)),
            "Write Deadline",
        ),
    ] {
        let mut books = Books::open(builder).await;
        let mut reader = Deaf::listen(&books.server).await;
        let mut publisher = Client::connect(books.server.addr()).await;
        publisher.subscribe("answers 1").await;
        books.expect(&[("connections_accepted", 2.0)]).await;
        let line = format!("PUB load answers {SIZE}\r\n{}\r\n", "x".repeat(SIZE));
        let (mut published, mut unheard, started) = (0, 0, Instant::now());
        while unheard == 0 {
            assert!(started.elapsed() < PATIENCE, "it is still there: {reason}");
            // No more than a quarter of what may wait, where time alone is to cut it.
            let is_to_publish = reason != "Write Deadline" || published < 64;
            let text = if is_to_publish {
                &line
            } else {
                "PUB load answers 0\r\n\r\n"
            };
            if is_to_publish || books.server.statistics().slow_consumers > 0 {
                publisher.send(text).await;
                published += 1;
                unheard = publisher.barrier().await.len();
            }
        }
        let (heard, heard_bytes) = reader.until_end().await;
        // What does not fit is lost with what waits, though nobody took it.
        let offered = published - usize::from(reason != "Pending Bytes");
        let lost = (offered - heard) as f64;
        let reason = format!("Slow Consumer ({reason})");
        let by_reason = format!("dropped_by_reason{{reason=\"{reason}\"}}");
        let bytes = SIZE + format!("MSG load 1 answers {SIZE}\r\n\r\n").len();
        let lost_bytes = (offered * bytes - heard_bytes) as f64;
        let mut expected = vec![
            ("slow_consumers", 1.0),
            ("dropped_messages", lost),
            ("dropped_bytes", lost_bytes),
            (&by_reason, lost),
            ("messages_unheard", unheard as f64),
        ];
        let closed = closed(&reason);
        expected.push((&closed, 1.0));
        if reason.contains("Total") {
            expected.push(("evicted_consumers", 1.0));
        }
        assert!(lost > 30.0, "{lost} lost, {heard} heard");
        books.expect_among(&expected, &TRAFFIC).await;
        named.extend(books.named);
    }
    named
}

/// A reader that loses messages and stays, by each policy.
async fn policies() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for lag in [Lag::DropNewest, Lag::DropOldest, Lag::Latest] {
        let mut books = Books::open(builder().max_pending(2 * MB).lag(lag)).await;
        let mut reader = Deaf::listen(&books.server).await;
        let mut publisher = Client::connect(books.server.addr()).await;
        books.expect(&[("connections_accepted", 2.0)]).await;
        for _ in 0..1_000 {
            publisher.publish("load", &[b'x'; SIZE]).await;
        }
        publisher.barrier().await;
        let lost = (1_000 - reader.until_pong().await) as f64;
        assert!(lost > 100.0, "{lost} lost: {lag:?}");
        let queued = if lag == Lag::DropNewest {
            1_000.0 - lost
        } else {
            1_000.0
        };
        let bytes = (SIZE + format!("MSG load 1 {SIZE}\r\n\r\n").len()) as f64;
        // What was never queued was taken by nobody.
        let unheard = 1_000.0 - queued;
        let expected = [
            ("messages_unheard", unheard),
            ("dropped_messages", lost),
            ("dropped_bytes", lost * bytes),
            ("dropped_by_reason{reason=\"Lag Policy\"}", lost),
            ("messages_in", 1_000.0),
            ("bytes_in", (1_000 * SIZE) as f64),
            ("messages_out", queued),
            ("bytes_out", queued * SIZE as f64),
            ("index_lookups", 1.0),
            ("match_cache_hits", 999.0),
        ];
        books.expect(&expected).await;
        named.extend(books.named);
    }
    named
}

/// Publishers that wait: once for a reader that takes nothing, and once for their own rate.
async fn paces() -> BTreeSet<String> {
    let quota = Quota {
        publish_messages_per_second: Some(1_000),
        ..Quota::default()
    };
    let mut books = Books::open(builder().limits_per_address(quota)).await;
    let mut publisher = Client::connect(books.server.addr()).await;
    // More than a second's worth, in one piece: what is over rests once.
    publisher.send("PUB a 0\r\n\r\n".repeat(1_001)).await;
    publisher.barrier().await;
    let throttles = [("publisher_throttles", 1.0), ("connections_accepted", 1.0)];
    books.expect_among(&throttles, &TRAFFIC).await;
    let mut named = books.named;

    let patient = builder().write_deadline(Duration::from_secs(600));
    let mut books = Books::open(patient).await;
    let _reader = Deaf::listen(&books.server).await;
    let mut publisher = Client::connect(books.server.addr()).await;
    for pauses in [1.0, 0.0] {
        publisher.publish("load", &[b'x'; MB]).await;
        publisher.barrier().await;
        // The second time the reader has taken nothing since: waiting again would be of no use.
        let expected = [
            ("publisher_pauses", pauses),
            ("reader_stalls", pauses),
            ("connections_accepted", 2.0 * pauses),
        ];
        books.expect_among(&expected, &TRAFFIC).await;
    }
    let before = counters(&books.server).await["reader_stalled_seconds"];
    while counters(&books.server).await["reader_stalled_seconds"] <= before {}
    named.insert("reader_stalled_seconds".to_owned());
    named.extend(books.named);
    named
}

async fn denials() -> BTreeSet<String> {
    let permissions = Permissions::new()
        .allow_publish(["a"])
        .allow_subscribe(["a"]);
    let users = Authorization::new().user(User::new("a", "a").permissions(permissions));
    let mut books = Books::open(builder().authorization(users)).await;
    let mut client = Client::open(books.server.addr()).await;
    client
        .send("CONNECT {\"verbose\":false,\"user\":\"a\",\"pass\":\"a\"}\r\nPING\r\n")
        .await;
    client.next().await;
    books.expect(&[("connections_accepted", 1.0)]).await;
    for line in ["PUB b 2\r\nhi\r\n", "PUB b 2\r\nhi\r\n", "SUB b 1\r\n"] {
        client.send(line).await;
    }
    let expected = [
        ("permission_denials{what=\"publish\"}", 2.0),
        ("messages_in", 2.0), // They came.
        ("bytes_in", 4.0),
        ("permission_denials{what=\"subscribe\"}", 1.0),
    ];
    books.expect(&expected).await;
    books.named
}

async fn events() -> BTreeSet<String> {
    const FLOOD: usize = 50_000;
    let only = EventOptions::default().only([Event::Subscribed]);
    let mut books = Books::open(builder().events(only)).await;
    let mut client = Client::connect(books.server.addr()).await;
    client.subscribe("a 1").await;
    let expected = [("connections_accepted", 1.0), ("events", 1.0)];
    books.expect_among(&expected, &TRAFFIC).await;
    let line = |number| format!("SUB a.{number} f{number}\r\n");
    let flood: String = (0..FLOOD).map(line).collect();
    client.send(flood).await;
    client.barrier().await;
    // What was missed is counted with the next event, which somebody must cause.
    let (mut caused, mut told, mut missed) = (FLOOD, 0.0, 0.0);
    while told + missed < caused as f64 {
        client.subscribe(&format!("b b{caused}")).await;
        caused += 1;
        for _ in 0..50 {
            let now = counters(&books.server).await;
            told = now["events"] - books.before["events"];
            missed = now["events_missed"] - books.before["events_missed"];
            if told + missed == caused as f64 {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        assert!(caused < FLOOD + 100, "{told} told, {missed} missed");
    }
    assert!(missed > 0.0, "nothing was missed");
    assert_eq!(told + missed, caused as f64);
    books.named.insert("events_missed".to_owned());
    books.named
}

async fn tap() -> BTreeSet<String> {
    let mut books = Books::open(builder()).await;
    let mut tap = Events::open(books.monitor(), "/dashboard/tap?filter=a").await;
    while fetch_json(books.monitor(), "/varz").await["subscriptions"] != 1 {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    let mut publisher = Client::connect(books.server.addr()).await;
    publisher.send("PUB a 0\r\n\r\n".repeat(1_000)).await;
    let (mut shown, mut missed) = (0, 0);
    while shown + missed < 1_000 {
        let told = tap.next("messages").await;
        shown += told["messages"].as_array().map_or(0, Vec::len) as u64;
        missed += told["missed"].as_u64().expect("a number");
    }
    assert!(missed > 0, "{shown} shown");
    let expected = [
        ("stream_events_missed", missed as f64),
        ("connections_accepted", 1.0),
        ("messages_in", 1_000.0),
        ("index_lookups", 1.0),
        ("match_cache_hits", 999.0),
        ("messages_unheard", 1_000.0),
    ];
    books.expect(&expected).await;
    books.named
}

async fn encryption() -> BTreeSet<String> {
    let mut books = Books::open(builder().tls(certificate())).await;
    let mut client = Client::open(books.server.addr()).await;
    client.send("CONNECT {\"verbose\":false}\r\n").await;
    let expected = [
        ("connections_accepted", 1.0),
        ("tls_handshake_failures", 1.0),
        (&closed("TLS Handshake Failure"), 1.0),
    ];
    books.expect(&expected).await;
    books.named
}

/// A server that has sent somebody away: who has left is counted from the first on.
async fn refusing(builder: Builder) -> Books {
    let mut books = Books::open(builder.max_connections(0)).await;
    let (_refused, _) = Client::attempt(books.server.addr()).await;
    let expected = [
        ("connections_accepted", 1.0),
        ("connections_refused", 1.0),
        (&closed("Maximum Connections Exceeded"), 1.0),
    ];
    books.expect(&expected).await;
    books
}

fn certificate() -> TlsOptions {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    TlsOptions::new().cert_file(folder.join("cert.pem"), folder.join("key.pem"))
}

/// The files for Prometheus and Grafana name no metric that the page has not.
async fn what_alerts_and_dashboards_ask_for_is_there() {
    let books = refusing(builder().tls(certificate())).await;
    let page = fetch(books.monitor(), "/metrics").await.body;
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let is_end = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
    let names: BTreeSet<_> = samples
        .filter_map(|line| line.split(is_end).next())
        .collect();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/monitoring");
    for (file, least) in [("alerts.yml", 10), ("dashboard.json", 17)] {
        let text = std::fs::read_to_string(docs.join(file)).expect("the file is there");
        let words = text.split(is_end);
        let asked: BTreeSet<_> = words
            .filter(|word| word.starts_with("dunlin_") || word.starts_with("process_"))
            .collect();
        assert!(asked.len() >= least, "{file}: {asked:?}");
        let missing: Vec<_> = asked.difference(&names).collect();
        assert!(missing.is_empty(), "{file}: {missing:?}");
    }
}

/// What each message moves: not looked at where something else is meant.
const TRAFFIC: [&str; 7] = [
    "messages_in",
    "bytes_in",
    "messages_out",
    "bytes_out",
    "messages_unheard",
    "index_lookups",
    "match_cache_hits",
];
/// Of a user whose signature will not do.
const NKEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
