//! What flows, as `/trafficz` tells it: within its doubt of what was published, what nobody reads, and
//! in bounded memory.

use std::collections::BTreeMap;

use dunlin_tests::{Client, Options, Running, fetch, fetch_json, request};
use serde_json::Value;

use crate::watching::{start, until_metric};

against_ours! {
    traffic_is_counted_once_it_is_switched_on
    traffic_agrees_with_a_twin_that_counts_everything
    what_nobody_reads_is_told
    traffic_takes_bounded_memory
    what_is_refused_is_told
}

const MB: usize = 1024 * 1024;

async fn traffic_is_counted_once_it_is_switched_on() {
    let server = start(Options::default()).await;
    let mut client = Client::connect(server.address()).await;
    client.subscribe("orders.> 1").await;
    client.publish("orders.eu", b"before").await;
    client.message().await;
    let told = trafficz(&server).await;
    assert_eq!(told["is_on"], false);
    assert_eq!(told["subjects_by_messages"], serde_json::json!([]));
    watch(&server, true).await;
    for _ in 0..3 {
        client.publish("orders.eu", b"12345").await;
        client.message().await;
    }
    client.publish("orders.us", &[0; 100]).await;
    client.message().await;
    let told = trafficz(&server).await;
    let first = &told["subjects_by_messages"][0];
    assert_eq!(
        (&first["subject"], &first["total"]),
        (&"orders.eu".into(), &3.into())
    );
    assert_eq!(first["doubt_per_second"], 0);
    // Of three messages just now, some ten seconds see 3 x ln 2 / 5 a second; it fades from there.
    let rate = first["msgs_per_second"].as_f64().expect("a rate");
    assert!(rate > 0.0 && rate <= 0.416, "{first}");
    let first = &told["subjects_by_bytes"][0];
    assert_eq!(
        (&first["subject"], &first["total"]),
        (&"orders.us".into(), &100.into())
    );
    assert_eq!(told["publishers_by_messages"][0]["total"], 4);
    assert_eq!(told["publishers_by_bytes"][0]["total"], 115);
    let tree = fetch_json(server.monitor(), "/dashboard/subjects?prefix=orders").await;
    assert_eq!(tree["is_watched"], true);
    let tokens = tree["branches"].as_array().expect("branches").iter();
    let tokens: Vec<_> = tokens.map(|branch| &branch["token"]).collect();
    assert_eq!(tokens, ["eu", "us", ">"]);
    watch(&server, false).await;
    assert_eq!(
        trafficz(&server).await["publishers_by_bytes"],
        serde_json::json!([])
    );
}

async fn traffic_agrees_with_a_twin_that_counts_everything() {
    let server = start(Options::default()).await;
    watch(&server, true).await;
    let mut client = Client::connect(server.address()).await;
    let mut twin = BTreeMap::<String, u64>::new();
    let mut total = 0;
    // In bursts, so that messages are sampled; ever fewer to each subject, in a mixed order.
    // So many that chance does not make the second the first.
    for round in 0..4_000_u64 {
        let mut text = String::new();
        for number in 0..100_u64 {
            let lot = (round * 100 + number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            let subject = format!("s.{}", (lot % 40) * (lot / 40 % 40) / 20);
            text += &format!("PUB {subject} 2\r\nok\r\n");
            *twin.entry(subject).or_default() += 1;
            total += 1;
        }
        client.send(&text).await;
    }
    client.barrier().await;
    let told = fetch_json(server.monitor(), "/trafficz?limit=1000").await;
    let flows = told["subjects_by_messages"].as_array().expect("a list");
    let mut seen = 0;
    for flow in flows {
        let exact = twin[flow["subject"].as_str().expect("a subject")];
        let found = flow["total"].as_u64().expect("a number");
        seen += found;
        // One look stands for 128 messages on average: five times what chance makes of that.
        let doubt = 5.0 * (exact as f64 * 128.0).sqrt() + 256.0;
        assert!(
            found.abs_diff(exact) as f64 <= doubt,
            "{flow}, really {exact}"
        );
    }
    assert!(seen <= total && seen > total * 9 / 10, "{seen} of {total}");
    let mut heavy: Vec<_> = twin.iter().collect();
    heavy.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    assert_eq!(flows[0]["subject"], heavy[0].0.as_str(), "{heavy:?}");
}

async fn what_nobody_reads_is_told() {
    let server = start(Options::default()).await;
    watch(&server, true).await;
    let mut client = Client::connect(server.address()).await;
    client.subscribe("heard 1").await;
    client
        .send("PUB lost 1\r\nx\r\nPUB heard 1\r\nx\r\nPUB lost 1\r\nx\r\n")
        .await;
    client.barrier().await;
    let told = trafficz(&server).await;
    let unheard = told["unheard"].as_array().expect("a list");
    assert_eq!(unheard.len(), 1, "{told}");
    assert_eq!(
        (&unheard[0]["subject"], &unheard[0]["total"]),
        (&"lost".into(), &2.into())
    );
    until_metric(&server, "dunlin_messages_unheard_total", 2.0).await;
}

async fn what_is_refused_is_told() {
    let server = start(Options::default()).await;
    watch(&server, true).await;
    let mut client = Client::connect(server.address()).await;
    // Names of the reference server's inside are refused to everybody.
    client
        .send("PUB $NRG.x 0\r\n\r\nPUB $NRG.x 0\r\n\r\nSUB a _sys_ 1\r\n")
        .await;
    let labels = [("publish", 2.0), ("subscribe", 1.0)];
    for (what, times) in labels {
        let name = format!("dunlin_permission_denials_total{{what=\"{what}\"}}");
        until_metric(&server, &name, times).await;
    }
    let told = trafficz(&server).await;
    assert_eq!(
        told["denied"],
        serde_json::json!([
            { "subject": "$NRG.x", "what": "publish", "times": 2 },
            { "subject": "a", "what": "subscribe", "times": 1 },
        ])
    );
}

async fn traffic_takes_bounded_memory() {
    let server = start(Options::default()).await;
    watch(&server, true).await;
    let mut client = Client::connect(server.address()).await;
    for round in 0..50 {
        let mut text = String::new();
        for number in 0..200 {
            let pad = "x".repeat(3_000);
            text += &format!("PUB <b>.{round}.{number}.{pad} 0\r\n\r\n");
        }
        client.send(&text).await;
    }
    client.barrier().await;
    let page = fetch(server.monitor(), "/trafficz?limit=1000000").await;
    let told: Value = serde_json::from_str(&page.body).expect("JSON");
    let subjects = told["subjects_by_messages"].as_array().expect("a list");
    assert!(subjects.len() <= 256, "{}", subjects.len());
    assert!(page.body.len() < 2 * MB, "{}", page.body.len());
    assert!(!page.body.contains('<'), "markup came back");
}

async fn trafficz(server: &Running) -> Value {
    fetch_json(server.monitor(), "/trafficz").await
}

async fn watch(server: &Running, is_on: bool) {
    let what = format!("POST /dashboard/traffic?on={}", u8::from(is_on));
    let page = request(server.monitor(), &what, "X-Dunlin: 1\r\n").await;
    assert_eq!(page.status, 200, "{}", page.body);
}
