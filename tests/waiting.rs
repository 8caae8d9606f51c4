//! What waits for a slow reader, subscription by subscription: `/slowz` reads it out of what waits,
//! and counts nothing before somebody asks.

use std::collections::BTreeMap;
use std::time::Duration;

use dunlin_tests::{Client, Options, Running, fetch_json};
use serde_json::Value;

use crate::BETWEEN_LOOKS;
use crate::watching::{metrics, start, until_metric};

against_ours! {
    what_waits_is_told_for_each_subscription
    what_waits_for_a_subscription_that_is_over_is_told
    a_look_at_what_moves_adds_up
    how_long_a_message_took_is_seen
}

const SIZE: usize = 16 * 1024;

async fn what_waits_is_told_for_each_subscription() {
    let (server, _slow, mut publisher) = stalled("few 1,many 22,heads 3,large 4,none 5").await;
    // One between another, copied and shared, with headers and replies.
    for number in 0..5_000 {
        publisher.publish("many", b"0123456789").await;
        if number % 1_000 == 0 {
            publisher.publish("few", &[0; 100]).await;
            publisher.publish("large", &[0; 100_000]).await;
            let with_headers = "HPUB heads back 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
            publisher.send(with_headers).await;
        }
    }
    publisher.barrier().await;
    let reader = slowest(&server).await;
    let told = |subject: &str| {
        let found = list(&reader).iter().find(|it| it["subject"] == subject);
        let it = found.unwrap_or_else(|| panic!("{subject}: {reader}"));
        (number(it, "pending_messages"), number(it, "pending_bytes"))
    };
    let line = |line: &str, body: u64| line.len() as u64 + body + 4;
    for (subject, messages, bytes) in [
        ("many", 5_000, line("MSG many 22 10", 10)),
        ("few", 5, line("MSG few 1 100", 100)),
        ("large", 5, line("MSG large 4 100000", 100_000)),
        ("heads", 5, line("HMSG heads 3 back 12 14", 14)),
        ("none", 0, 0),
    ] {
        assert_eq!(told(subject), (messages, messages * bytes), "{subject}");
    }
    assert_eq!(list(&reader)[0]["subject"], "stall", "most first: {reader}");
    assert!(sum(&reader) <= number(&reader, "pending_bytes"), "{reader}");
    let rest = number(&reader, "unattributed_bytes") as usize;
    assert!(rest <= SIZE + 2, "the payload under way: {reader}");
}

async fn what_waits_for_a_subscription_that_is_over_is_told() {
    let (server, mut slow, mut publisher) = stalled("gone 6").await;
    publisher.publish("gone", b"x").await;
    publisher.barrier().await;
    slow.send("UNSUB 6\r\n").await;
    let is_over =
        |it: &Value| it["sid"] == "6" && it["subject"] == "" && it["pending_messages"] == 1;
    while !list(&slowest(&server).await).iter().any(is_over) {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    while number(&list(&slowest(&server).await)[0], "oldest_ms") <= 100 {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

async fn a_look_at_what_moves_adds_up() {
    let (server, mut slow, mut publisher) = stalled("many 2").await;
    let reading = tokio::spawn(async move {
        for _ in 0..512 + 2_000 {
            slow.message().await;
        }
        assert!(slow.barrier().await.is_empty());
        slow // It stays.
    });
    for _ in 0..100 {
        for _ in 0..20 {
            publisher.publish("many", &[0; 10]).await;
        }
        for reader in list_of_slow(&server).await {
            assert!(sum(&reader) <= 512 * 17_000 + 2_000 * 100, "{reader}");
        }
    }
    let _slow = reading.await.expect("it gets every message");
    let waits = |reader: &Value| number(reader, "pending_bytes") > 0;
    while list_of_slow(&server).await.iter().any(waits) {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    let reader = slowest(&server).await;
    assert_eq!(
        (sum(&reader), number(&reader, "unattributed_bytes")),
        (0, 0)
    );
}

async fn how_long_a_message_took_is_seen() {
    let (server, mut slow, _publisher) = stalled("other 1").await;
    let before = metrics(&server).await;
    while number(&slowest(&server).await, "oldest_ms") <= 300 {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    for _ in 0..512 {
        slow.message().await;
    }
    let late = |found: &BTreeMap<String, f64>| {
        let up_to = |bound: &str| {
            found[&format!("dunlin_delivery_latency_seconds_bucket{{le=\"{bound}\"}}")]
        };
        up_to("+Inf") - up_to("0.25")
    };
    assert_eq!(late(&before), 0.0, "{before:?}");
    while late(&metrics(&server).await) < 1.0 {
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    let after = metrics(&server).await;
    let grown = |name: &str| after[name] - before[name];
    assert!(
        grown("dunlin_delivery_latency_seconds_sum") > 0.25,
        "{after:?}"
    );
    assert!(
        grown("dunlin_delivery_latency_seconds_count") >= 1.0,
        "{after:?}"
    );
}

/// A reader that stands still over messages to `stall`, and a publisher.
async fn stalled(subscriptions: &str) -> (Running, Client, Client) {
    let server = start(Options {
        write_deadline: Some(Duration::from_secs(600)),
        ..Options::default()
    })
    .await;
    let mut slow = Client::connect_small(server.address()).await;
    slow.send("CONNECT {\"verbose\":false,\"headers\":true}\r\n")
        .await;
    for subscription in subscriptions.split(',').chain(["stall 99"]) {
        slow.subscribe(subscription).await;
    }
    slow.barrier().await;
    let mut publisher = Client::connect(server.address()).await;
    for _ in 0..512 {
        publisher.publish("stall", &[0; SIZE]).await; // More than the kernel takes.
    }
    publisher.barrier().await;
    until_metric(&server, "dunlin_stalled_connections", 1.0).await;
    (server, slow, publisher)
}

/// The reader for which the most waits, as somebody sees it who asks for it alone.
async fn slowest(server: &Running) -> Value {
    let cid = list_of_slow(server).await[0]["cid"].clone();
    let slowz = fetch_json(server.monitor(), &format!("/slowz?cid={cid}")).await;
    slowz["slow"][0].clone()
}

async fn list_of_slow(server: &Running) -> Vec<Value> {
    let slowz = fetch_json(server.monitor(), "/slowz").await;
    slowz["slow"].as_array().expect("readers").clone()
}

fn list(reader: &Value) -> &[Value] {
    reader["subscriptions"].as_array().expect("subscriptions")
}

fn sum(reader: &Value) -> u64 {
    let each = list(reader).iter();
    each.map(|it| number(it, "pending_bytes")).sum()
}

fn number(of: &Value, field: &str) -> u64 {
    of[field].as_u64().expect("a number")
}
