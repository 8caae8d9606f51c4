//! Readers that are cut: what they lost is told for each subscription, to the message and the byte,
//! whatever they were cut for. What they heard and what they lost make up what was published.

use std::time::Duration;

use dunlin_tests::{Arrival, Client, Options, Running, fetch_json};
use serde_json::Value;

use crate::watching::{metrics, start, until_metric};

against_ours! {
    what_is_lost_over_max_pending_is_told_for_each_subscription
    what_is_lost_at_the_write_deadline_is_told_for_each_subscription
    what_is_lost_for_want_of_room_is_told_for_each_subscription
    what_is_lost_of_a_message_under_way_is_told_as_far_as_it_is_known
    who_leaves_by_itself_has_lost_nothing
}

const KB: usize = 1024;
const MB: usize = 1024 * KB;
/// Of a message that is copied for each reader.
const SIZE: usize = 8 * KB;
const STALLS: usize = 12 * MB / SIZE;

async fn what_is_lost_over_max_pending_is_told_for_each_subscription() {
    let options = Options {
        max_pending: Some(16 * MB),
        ..patient()
    };
    let mut scene = Scene::new(options, SIZE).await;
    // There is no room for it, so it is what the reader is cut for.
    scene.publish("last", 15 * MB).await;
    let cut = scene.cut("Slow Consumer (Pending Bytes)").await;
    assert_eq!(told(&cut, "last"), (1, line("MSG last 4", 15 * MB)));
    scene.check(&cut).await;
}

async fn what_is_lost_at_the_write_deadline_is_told_for_each_subscription() {
    let options = Options {
        write_deadline: Some(Duration::from_secs(2)),
        ..patient()
    };
    let mut scene = Scene::new(options, SIZE).await;
    let cut = scene.cut("Slow Consumer (Write Deadline)").await;
    assert_eq!(told(&cut, "last"), (0, 0));
    scene.check(&cut).await;
}

async fn what_is_lost_for_want_of_room_is_told_for_each_subscription() {
    let options = Options {
        max_pending_total: Some(20 * MB),
        ..patient()
    };
    let mut scene = Scene::new(options, SIZE).await;
    scene.publish("last", 15 * MB).await;
    let cut = scene.cut("Slow Consumer (Pending Total)").await;
    assert_eq!(told(&cut, "last"), (1, line("MSG last 4", 15 * MB)));
    scene.check(&cut).await;
}

async fn what_is_lost_of_a_message_under_way_is_told_as_far_as_it_is_known() {
    let options = Options {
        write_deadline: Some(Duration::from_secs(2)),
        ..patient()
    };
    // So long that the head of one goes out alone.
    let mut scene = Scene::new(options, 100 * KB).await;
    let cut = scene.cut("Slow Consumer (Write Deadline)").await;
    let heard = scene.heard().await as u64;
    let lost = number(&cut, "dropped_messages");
    assert_eq!(heard + lost, scene.published, "{cut}");
    let untold = lost - sum(&cut, "dropped_messages");
    let rest = number(&cut, "unattributed_bytes");
    assert!(
        untold <= 1 && rest <= untold * (100 * KB as u64 + 2),
        "{cut}"
    );
}

async fn who_leaves_by_itself_has_lost_nothing() {
    let Scene { server, slow, .. } = Scene::new(patient(), SIZE).await;
    drop(slow);
    until_metric(&server, "dunlin_connections", 0.0).await;
    let connz = fetch_json(server.monitor(), "/connz?state=closed&subs=detail").await;
    let connections = connz["connections"].as_array().expect("connections");
    let details = |it: &Value| it["subscriptions_list_detail"].as_array().cloned();
    let details: Vec<_> = connections.iter().filter_map(details).flatten().collect();
    assert_eq!((connections.len(), details.len()), (2, 5));
    for it in connections.iter().chain(&details) {
        assert_eq!(it["dropped_msgs"], Value::Null, "{it}");
    }
}

fn patient() -> Options {
    Options {
        write_deadline: Some(Duration::from_secs(600)),
        max_payload: Some(16 * MB),
        ..Options::default()
    }
}

/// A reader for whom much waits, and a publisher.
struct Scene {
    server: Running,
    slow: Client,
    publisher: Client,
    published: u64,
}

impl Scene {
    /// The reader stands still over messages of `size` bytes; behind those wait 5,000 and 5 others.
    async fn new(options: Options, size: usize) -> Self {
        let server = start(options).await;
        let mut slow = Client::connect_small(server.address()).await;
        slow.send("CONNECT {\"verbose\":false,\"headers\":true}\r\n")
            .await;
        for subscription in ["stall 9", "few 1", "many 22", "none 3", "last 4", "gone 5"] {
            slow.subscribe(subscription).await;
        }
        slow.barrier().await;
        let publisher = Client::connect(server.address()).await;
        let mut scene = Self {
            server,
            slow,
            publisher,
            published: 0,
        };
        for _ in 0..STALLS * SIZE / size {
            scene.publish("stall", size).await;
        }
        for number in 0..5_000 {
            scene.publish("many", 10).await;
            if number % 1_000 == 0 {
                scene.publish("few", 20 * KB).await;
            }
        }
        scene.publish("gone", 1).await;
        scene.publisher.barrier().await;
        scene.slow.send("UNSUB 5\r\n").await;
        until_metric(&scene.server, "dunlin_subscriptions", 5.0).await;
        scene
    }

    async fn publish(&mut self, subject: &str, size: usize) {
        self.publisher.publish(subject, &vec![b'x'; size]).await;
        self.published += 1;
    }

    /// The reader has been cut for `reason`; what `/slowz` says of it.
    async fn cut(&mut self, reason: &str) -> Value {
        self.publisher.barrier().await;
        until_metric(&self.server, "dunlin_slow_consumers_total", 1.0).await;
        let slowz = fetch_json(self.server.monitor(), "/slowz").await;
        let cid = &slowz["cut"][0]["cid"];
        let slowz = fetch_json(self.server.monitor(), &format!("/slowz?cid={cid}")).await;
        let cut = slowz["cut"][0].clone();
        assert_eq!(cut["reason"], reason);
        cut
    }

    /// How many messages the reader still hears.
    async fn heard(&mut self) -> usize {
        let arrivals = self.slow.until_end().await;
        let messages = arrivals.iter();
        let is_message = |it: &&Arrival| matches!(it, Arrival::Message(_));
        messages.filter(is_message).count()
    }

    /// Compares `cut` with what was published and heard, and with what other pages say.
    async fn check(mut self, cut: &Value) {
        assert_eq!(told(cut, "few"), (5, 5 * line("MSG few 1", 20 * KB)));
        assert_eq!(told(cut, "many"), (5_000, 5_000 * line("MSG many 22", 10)));
        assert_eq!(told(cut, "none"), (0, 0));
        assert_eq!(told(cut, ""), (1, line("MSG gone 5", 1)), "over: {cut}");
        assert_eq!(cut["subscriptions"][0]["subject"], "many", "most first");
        let lost = number(cut, "dropped_messages");
        assert_eq!(sum(cut, "dropped_messages"), lost, "{cut}");
        let told_bytes = sum(cut, "dropped_bytes");
        let rest = number(cut, "unattributed_bytes");
        assert_eq!(told_bytes + rest, number(cut, "dropped_bytes"), "{cut}");
        let last_words = "-ERR 'Slow Consumer'\r\n".len() as u64;
        assert!(rest <= last_words, "{cut}");
        assert_eq!(self.heard().await as u64 + lost, self.published, "{cut}");
        let cid = &cut["cid"];
        let path = format!("/connz?state=closed&subs=detail&cid={cid}");
        let connz = fetch_json(self.server.monitor(), &path).await;
        let closed = &connz["connections"][0];
        assert_eq!(number(closed, "dropped_msgs"), lost);
        let details = closed["subscriptions_list_detail"].as_array();
        let details = details.expect("subscriptions").iter();
        let of_each = details.filter_map(|it| it["dropped_msgs"].as_u64());
        assert_eq!(of_each.sum::<u64>(), lost, "{closed}");
        let metrics = metrics(&self.server).await;
        assert_eq!(metrics["dunlin_dropped_messages_total"], lost as f64);
    }
}

/// How many bytes a message with this head takes on the wire.
fn line(head: &str, size: usize) -> u64 {
    format!("{head} {size}\r\n\r\n").len() as u64 + size as u64
}

/// What was lost of `subject`, in messages and bytes.
fn told(cut: &Value, subject: &str) -> (u64, u64) {
    let found = list(cut).iter().find(|it| it["subject"] == subject);
    let it = found.unwrap_or_else(|| panic!("{subject}: {cut}"));
    (number(it, "dropped_messages"), number(it, "dropped_bytes"))
}

fn sum(cut: &Value, field: &str) -> u64 {
    list(cut).iter().map(|it| number(it, field)).sum()
}

fn list(cut: &Value) -> &[Value] {
    cut["subscriptions"].as_array().expect("subscriptions")
}

fn number(of: &Value, field: &str) -> u64 {
    of[field].as_u64().expect("a number")
}
