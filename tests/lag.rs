//! Lag policies: what becomes of messages for a reader that does not keep up.
//!
//! A reader that is to lag has a small kernel buffer and does not read until all is published. What
//! it then hears and what the server says was dropped make up what was published, to the message.

use std::net::SocketAddr;
use std::time::Instant;

use dunlin_server::{Authorization, Builder, Lag, MonitorOptions, Server, User};
use dunlin_tests::{Client, PATIENCE, fetch, fetch_json};
use serde_json::Value;

against_ours! {
    the_newest_go_and_what_is_old_is_worked_off
    the_oldest_go_and_the_last_is_there
    the_latest_of_each_subject_stays
    a_message_that_must_not_be_lost_finds_room_among_those_that_may
    a_user_has_its_own_policy
    answers_are_never_dropped
    a_reload_changes_it_for_who_is_there
    drops_are_shown
    drops_are_shown_for_each_subscription
}

const KB: usize = 1024;
const MB: usize = 1024 * KB;
/// How many bytes are published: far more than may wait, and than kernels take.
const LOAD: usize = 24 * MB;
/// Those of the first two sizes are copied for each reader, those of the last are shared.
const SIZES: [usize; 3] = [3 * KB, 15 * KB, 20 * KB];

async fn the_newest_go_and_what_is_old_is_worked_off() {
    for size in SIZES {
        let count = LOAD / size;
        let server = start(builder().lag(Lag::DropNewest)).await;
        let mut reader = lagging(&server, "load").await;
        publish(&server, &["load"], size).await;
        let heard = hear(&mut reader).await;
        let before_gap = heard.iter().zip(0..).take_while(|(it, at)| *it == at);
        assert!(before_gap.count() * size > MB / 2, "the oldest are there");
        assert!(heard.is_sorted(), "in order");
        let counted = server.statistics();
        assert_eq!(heard.len() as u64 + counted.dropped_messages, count as u64);
        assert_eq!(counted.refused_messages, counted.dropped_messages);
        assert_eq!(counted.slow_consumers, 0);
    }
}

async fn the_oldest_go_and_the_last_is_there() {
    for size in SIZES {
        let count = LOAD / size;
        let server = start(builder().lag(Lag::DropOldest)).await;
        let mut reader = lagging(&server, "load").await;
        publish(&server, &["load"], size).await;
        let heard = hear(&mut reader).await;
        assert!(heard.is_sorted(), "in order");
        assert_eq!(heard.last(), Some(&(count - 1)));
        let tail = heard.iter().rev().zip((0..count).rev());
        let unbroken = tail.take_while(|(it, at)| *it == at).count();
        assert!(unbroken * size > MB / 2, "{unbroken} of the newest");
        let counted = server.statistics();
        assert_eq!(heard.len() as u64 + counted.dropped_messages, count as u64);
        assert_eq!((counted.refused_messages, counted.slow_consumers), (0, 0));
    }
}

async fn the_latest_of_each_subject_stays() {
    for size in SIZES {
        let count = LOAD / size;
        let server = start(builder().lag(Lag::Latest)).await;
        let mut reader = lagging(&server, "price.*").await;
        let subjects = ["price.a", "price.b", "price.c"];
        publish(&server, &subjects, size).await;
        let heard = hear(&mut reader).await;
        assert!(heard.is_sorted(), "in order");
        for (at, subject) in subjects.iter().enumerate() {
            let last = count - subjects.len() + at;
            assert!(heard.contains(&last), "the last to {subject}");
        }
        let counted = server.statistics();
        assert_eq!(heard.len() as u64 + counted.dropped_messages, count as u64);
        assert_eq!((counted.refused_messages, counted.slow_consumers), (0, 0));
    }
}

async fn a_message_that_must_not_be_lost_finds_room_among_those_that_may() {
    for lag in [Lag::DropOldest, Lag::DropNewest, Lag::Latest] {
        let server = start(builder().lag_for("price.>", lag)).await;
        let mut reader = lagging(&server, ">").await;
        let mut publisher = Client::connect(server.addr()).await;
        let count = LOAD / (3 * KB);
        for number in 0..count {
            let price = format!("{number:>width$}", width = 3 * KB);
            publisher.publish("price.a", price.as_bytes()).await;
            if number % 10 == 0 {
                let order = format!("{number}");
                publisher.publish("order", order.as_bytes()).await;
            }
        }
        publisher.barrier().await;
        let messages = reader.barrier().await;
        let orders = messages.iter().filter(|it| it.subject == "order");
        let numbers = orders.map(|it| it.number());
        assert!(
            numbers.eq((0..count).step_by(10)),
            "an order is lost: {lag:?}"
        );
        let counted = server.statistics();
        let published = (count + count.div_ceil(10)) as u64;
        let accounted = messages.len() as u64 + counted.dropped_messages;
        assert_eq!(accounted, published, "{lag:?}");
        assert!(counted.dropped_messages > 0, "nothing had to go: {lag:?}");
        assert_eq!(counted.slow_consumers, 0);
    }
}

async fn a_user_has_its_own_policy() {
    let authorization = Authorization::new()
        .user(User::new("board", "b").lag(Lag::DropOldest))
        .user(User::new("books", "b"));
    let server = start(builder().authorization(authorization)).await;
    let mut board = log_in(server.addr(), "board").await;
    let mut books = log_in(server.addr(), "books").await;
    let mut publisher = log_in(server.addr(), "books").await;
    for reader in [&mut board, &mut books] {
        reader.subscribe("load 1").await;
        reader.barrier().await;
    }
    let count = LOAD / (15 * KB);
    for number in 0..count {
        let text = format!("{number:>width$}", width = 15 * KB);
        publisher.publish("load", text.as_bytes()).await;
    }
    publisher.barrier().await;
    assert_eq!(hear(&mut board).await.last(), Some(&(count - 1)));
    let end = books.until_end().await;
    assert!(end.len() < count, "who has no policy is cut");
    drop(books);
    let start = Instant::now();
    while server.statistics().slow_consumers != 1 {
        assert!(start.elapsed() < PATIENCE, "it is not counted");
        tokio::time::sleep(crate::BETWEEN_LOOKS).await;
    }
}

async fn answers_are_never_dropped() {
    for lag in [Lag::DropNewest, Lag::DropOldest, Lag::Latest] {
        let server = start(builder().lag(lag)).await;
        let mut reader = lagging(&server, "load").await;
        publish(&server, &["load"], 3 * KB).await;
        for number in 0..100 {
            reader.send("PING\r\n").await;
            reader
                .send(format!("PUB nobody r 1\r\n{}\r\n", number % 10))
                .await;
        }
        publish(&server, &["load"], 3 * KB).await;
        for number in 0..100 {
            let heard = reader.until_pong().await;
            assert!(number > 0 || !heard.is_empty(), "{lag:?}");
        }
    }
}

async fn a_reload_changes_it_for_who_is_there() {
    let server = start(builder()).await;
    let mut reader = lagging(&server, "load").await;
    let port = server.addr().port();
    let changed = server.reload(
        builder()
            .port(port)
            .lag(Lag::DropOldest)
            .lag_for("a", Lag::Latest),
    );
    assert!(changed.is_err(), "another port is no reload");
    let changed = server.reload(builder().lag(Lag::DropOldest).lag_for("a", Lag::Latest));
    let names: Vec<_> = changed
        .expect("it can change")
        .iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["lag", "lag.subjects"]);
    assert!(reader.barrier().await.is_empty(), "it has looked");
    let count = LOAD / (15 * KB);
    publish(&server, &["load"], 15 * KB).await;
    assert_eq!(hear(&mut reader).await.last(), Some(&(count - 1)));
    assert_eq!(server.statistics().slow_consumers, 0);
}

async fn drops_are_shown() {
    let server = start(
        builder()
            .lag(Lag::DropNewest)
            .monitor(MonitorOptions::port(0)),
    )
    .await;
    let mut reader = lagging(&server, "load").await;
    publish(&server, &["load"], 15 * KB).await;
    let dropped = server.statistics().dropped_messages;
    assert!(dropped > 0, "nothing was dropped");
    let monitor = server.monitor_addr().expect("it is monitored");
    let connz = fetch_json(monitor, "/connz").await;
    let shown = connz["connections"].as_array().into_iter().flatten();
    let shown = shown.filter_map(|it| it["dropped_msgs"].as_u64());
    assert_eq!(shown.sum::<u64>(), dropped, "{connz}");
    let slowz = fetch_json(monitor, "/slowz").await;
    assert_eq!(slowz["slow"][0]["dropped_messages"], dropped, "{slowz}");
    let metrics = fetch(monitor, "/metrics").await.body;
    let line = format!("dunlin_dropped_messages_total {dropped}");
    assert!(metrics.contains(&line), "{line} is not in {metrics}");
    let published = (LOAD / (15 * KB)) as u64;
    assert_eq!(hear(&mut reader).await.len() as u64 + dropped, published);
}

async fn drops_are_shown_for_each_subscription() {
    for lag in [Lag::DropNewest, Lag::DropOldest, Lag::Latest] {
        for size in SIZES {
            let builder = builder().lag(lag).monitor(MonitorOptions::port(0));
            let server = start(builder).await;
            let mut reader = lagging(&server, "load").await;
            reader.subscribe("other 22").await;
            reader.subscribe("quiet 3").await;
            reader.barrier().await;
            publish(&server, &["load", "load", "other"], size).await;
            let monitor = server.monitor_addr().expect("it is monitored");
            let slowz = fetch_json(monitor, "/slowz").await;
            let details = fetch_json(monitor, "/connz?subs=detail&state=open").await;
            let heard = reader.barrier().await;
            let count = LOAD / size;
            for (sid, published) in [("1", count - count / 3), ("22", count / 3)] {
                let lost = published - heard.iter().filter(|it| it.sid == sid).count();
                let subject = if sid == "1" { "load" } else { "other" };
                let line = format!("MSG {subject} {sid} {size}\r\n\r\n").len() + size;
                let expected = [lost, lost * line].map(|it| Some(it as u64));
                let list = &slowz["slow"][0]["subscriptions"];
                let fields = ["dropped_messages", "dropped_bytes"];
                assert_eq!(told(list, sid, fields), expected, "{lag:?}: {slowz}");
                let list = &details["connections"][0]["subscriptions_list_detail"];
                let fields = ["dropped_msgs", "dropped_bytes"];
                assert_eq!(told(list, sid, fields), expected, "{lag:?}: {details}");
                assert_eq!(told(list, "3", fields), [None, None]);
            }
        }
    }
}

/// Two numbers of the subscription called `sid`, where there are any.
fn told(list: &Value, sid: &str, fields: [&str; 2]) -> [Option<u64>; 2] {
    let mut list = list.as_array().expect("subscriptions").iter();
    let it = list.find(|it| it["sid"] == sid).expect(sid);
    fields.map(|field| it[field].as_u64())
}

fn builder() -> Builder {
    Server::builder()
        .port(0)
        .max_payload(64 * KB)
        .max_pending(MB)
}

async fn start(builder: Builder) -> Server {
    builder.start().await.expect("the server starts")
}

/// A reader that does not read.
async fn lagging(server: &Server, filter: &str) -> Client {
    let mut reader = Client::connect_small(server.addr()).await;
    reader.subscribe(&format!("{filter} 1")).await;
    reader.barrier().await;
    reader
}

async fn log_in(address: SocketAddr, user: &str) -> Client {
    let mut client = Client::open_small(address).await;
    let connect = format!("CONNECT {{\"verbose\":false,\"user\":\"{user}\",\"pass\":\"b\"}}\r\n");
    client.send(connect).await;
    client.barrier().await;
    client
}

/// Publishes numbers in messages of `size` bytes, to one subject after another, and returns when
/// all have been dealt with.
async fn publish(server: &Server, subjects: &[&str], size: usize) {
    let mut publisher = Client::connect(server.addr()).await;
    for number in 0..LOAD / size {
        let text = format!("{number:>size$}");
        let subject = subjects[number % subjects.len()];
        publisher.publish(subject, text.as_bytes()).await;
    }
    publisher.barrier().await;
}

/// The numbers that have come.
async fn hear(reader: &mut Client) -> Vec<usize> {
    let messages = reader.barrier().await;
    messages.iter().map(|message| message.number()).collect()
}
