//! Delivery: the rules everybody leans on, one test each, while subscriptions come and go.
//!
//! The numbers are those of `protocol.md#delivery`. Rules 6 and 9 are in `slow`, 10 in `flood`.
//! Every payload is a number, counted up by its publisher, so that a gap, a copy and a swap show.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dunlin_tests::{Arrival, Client, Message, Options, Running, Target};
use tokio::task::JoinHandle;

use crate::churn::{Churn, FILTERS, publish_numbers};

against_both! {
    rule_1_a_subscription_gets_each_message_at_most_once
    rule_1_a_reader_that_keeps_up_gets_every_message
    rule_1_a_queue_group_gets_each_message_once
    rule_2_one_publisher_is_read_in_order
    rule_2_bursts_to_one_subject_keep_their_order
    rule_3_a_pong_says_that_messages_are_queued
    rule_3_a_pong_says_that_a_subscription_is_in_force
    rule_3_nothing_arrives_after_the_pong_behind_an_unsub
    rule_4_a_queue_group_is_its_name
    rule_5_auto_unsubscribe_is_exact
    rule_5_auto_unsubscribe_counts_from_the_sub
    rule_7_what_was_sent_whole_before_the_end_arrives
    rule_8_what_was_accepted_is_flushed_at_shutdown
    rule_12_a_request_is_taken_or_answered_with_503
}

against_ours! {
    rule_11_a_second_connect_keeps_subscriptions_and_order
}

async fn rule_1_a_subscription_gets_each_message_at_most_once(target: Target) {
    let server = start(target).await;
    let churn = Churn::start(server.address(), FILTERS);
    publish_numbers(server.address(), 0..MESSAGES).await;
    for (sid, numbers) in churn.stop().await {
        let pairs = numbers.windows(2);
        let wrong: Vec<&[usize]> = pairs.filter(|pair| pair[0] >= pair[1]).collect();
        assert!(
            wrong.is_empty(),
            "{sid} got again or out of order: {wrong:?}"
        );
    }
}

async fn rule_1_a_reader_that_keeps_up_gets_every_message(target: Target) {
    let server = start(target).await;
    let mut reader = Client::connect(server.address()).await;
    for what in ["a.* 1", "a.> 2", "> 3", "*.* 4"] {
        reader.subscribe(what).await;
    }
    reader.barrier().await;
    let reader = tokio::spawn(async move {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..4 * MESSAGES {
            let message = reader.message().await;
            let next = seen.entry(message.sid.clone()).or_default();
            assert_eq!(message.number(), *next, "sid {}", message.sid);
            *next += 1;
        }
        assert!(reader.barrier().await.is_empty(), "more than was published");
    });
    let churn = Churn::start(server.address(), FILTERS);
    publish_numbers(server.address(), 0..MESSAGES).await;
    reader
        .await
        .expect("each sid gets every number in its turn");
    churn.stop().await;
}

async fn rule_1_a_queue_group_gets_each_message_once(target: Target) {
    let server = start(target).await;
    let mut steady = Client::connect(server.address()).await;
    steady.subscribe("a.* q steady").await;
    steady.barrier().await;
    let churn = Churn::start(
        server.address(),
        &["a.* q", "a.> q", "*.* q", "a.1 q", "a.1"],
    );
    publish_numbers(server.address(), 0..MESSAGES).await;
    let churned = churn.stop().await;
    let mut copies: Vec<usize> = steady.barrier().await.iter().map(Message::number).collect();
    for (sid, numbers) in churned {
        if sid.ends_with('q') {
            copies.extend(numbers);
        }
    }
    copies.sort_unstable();
    assert_eq!(copies.len(), MESSAGES, "deliveries to the group");
    assert!(
        copies.into_iter().eq(0..MESSAGES),
        "a message reached the group twice, or not at all"
    );
}

async fn rule_2_one_publisher_is_read_in_order(target: Target) {
    let server = start(target).await;
    let mut reader = Client::connect(server.address()).await;
    for what in ["a.> 1", "a.1 2", "a.2 3", "a.* q 4", "a.> q 5", "*.1 r 6"] {
        reader.subscribe(what).await;
    }
    reader.barrier().await;
    let churn = Churn::start(server.address(), FILTERS);
    publish_numbers(server.address(), 0..MESSAGES).await;
    churn.stop().await;
    let messages = reader.barrier().await;
    let wrong = messages
        .windows(2)
        .find(|pair| pair[0].number() > pair[1].number());
    assert_eq!(wrong, None, "across all subjects and sids");
    let last = messages.last().expect("there were messages");
    assert_eq!(last.number(), MESSAGES - 1);
}

/// Bursts in one write, to readers whose subscriptions overlap and to readers whose do not.
async fn rule_2_bursts_to_one_subject_keep_their_order(target: Target) {
    let server = start(target).await;
    let mut publisher = Client::connect(server.address()).await;
    let filters: [&[&str]; 4] = [&["a 1"], &["* 1"], &["a 1", "> 2"], &["a 1", "a q 2"]];
    for (round, lists) in [&filters[..1], &filters[..2], &filters]
        .into_iter()
        .enumerate()
    {
        let mut readers = Vec::new();
        for filters in lists {
            let mut reader = Client::connect(server.address()).await;
            for filter in *filters {
                reader.subscribe(filter).await;
            }
            reader.barrier().await;
            readers.push((filters, reader));
        }
        let burst: String = (0..BURST)
            .map(|number| {
                let subject = if number % 100 == 99 { "b" } else { "a" };
                let payload = number.to_string();
                format!("PUB {subject} {}\r\n{payload}\r\n", payload.len())
            })
            .collect();
        publisher.send(burst).await;
        publisher.barrier().await;
        for (filters, mut reader) in readers {
            let numbers: Vec<usize> = reader.barrier().await.iter().map(Message::number).collect();
            assert!(numbers.is_sorted(), "{filters:?} in round {round}");
            let copies = numbers.iter().filter(|number| **number == 7).count();
            assert_eq!(copies, filters.len(), "{filters:?} in round {round}");
        }
    }
}

async fn rule_3_a_pong_says_that_messages_are_queued(target: Target) {
    let server = start(target).await;
    let mut publisher = Client::connect(server.address()).await;
    let mut reader = Client::connect(server.address()).await;
    reader.subscribe("a.* 1").await;
    reader.barrier().await;
    let churn = Churn::start(server.address(), FILTERS);
    for round in 0..ROUNDS {
        for number in 0..=round % 5 {
            publisher
                .publish("a.1", number.to_string().as_bytes())
                .await;
        }
        publisher.barrier().await;
        let before_pong = reader.barrier().await.len();
        assert_eq!(before_pong, 1 + round % 5, "in round {round}");
    }
    churn.stop().await;
}

async fn rule_3_a_pong_says_that_a_subscription_is_in_force(target: Target) {
    let server = start(target).await;
    let mut publisher = Client::connect(server.address()).await;
    let mut reader = Client::connect(server.address()).await;
    let churn = Churn::start(server.address(), FILTERS);
    for round in 0..ROUNDS {
        let filter = FILTERS[round % FILTERS.len()];
        reader.subscribe(&format!("{filter} {round}")).await;
        reader.barrier().await;
        publisher.publish("a.1", b"1").await;
        publisher.barrier().await;
        assert_eq!(reader.barrier().await.len(), 1, "{filter} in round {round}");
        reader.send(format!("UNSUB {round}\r\n")).await;
    }
    churn.stop().await;
}

async fn rule_3_nothing_arrives_after_the_pong_behind_an_unsub(target: Target) {
    let server = start(target).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let flood = tokio::spawn(publish_until(server.address(), is_over.clone()));
    let mut reader = Client::connect(server.address()).await;
    for round in 0..ROUNDS {
        reader.subscribe(&format!("a.> {round}")).await;
        reader.message().await;
        reader.send(format!("UNSUB {round}\r\n")).await;
        reader.barrier().await;
        let late = reader.barrier().await;
        assert_eq!(late.first(), None, "in round {round}");
    }
    is_over.store(true, Ordering::Relaxed);
    flood.await.expect("the publisher ends");
}

async fn rule_4_a_queue_group_is_its_name(target: Target) {
    let server = start(target).await;
    let mut members = Vec::new();
    for filter in ["a.1", "a.*", "a.>", "*.1", "*.>", ">"] {
        for queue in ["q", "r"] {
            let mut member = Client::connect(server.address()).await;
            member.subscribe(&format!("{filter} {queue} {queue}")).await;
            member.barrier().await;
            members.push(member);
        }
    }
    let churn = Churn::start(server.address(), FILTERS);
    let mut publisher = Client::connect(server.address()).await;
    let count = 2_000;
    for number in 0..count {
        publisher
            .publish("a.1", number.to_string().as_bytes())
            .await;
    }
    publisher.barrier().await;
    churn.stop().await;
    let mut copies: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for member in &mut members {
        let messages = member.barrier().await;
        assert!(
            !messages.is_empty(),
            "a member of twelve got none of {count}"
        );
        for message in messages {
            copies
                .entry(message.sid.clone())
                .or_default()
                .push(message.number());
        }
    }
    for (queue, mut numbers) in copies {
        numbers.sort_unstable();
        assert!(
            numbers.into_iter().eq(0..count),
            "group {queue}: one copy of each"
        );
    }
}

async fn rule_5_auto_unsubscribe_is_exact(target: Target) {
    let server = start(target).await;
    let mut reader = Client::connect(server.address()).await;
    for sid in 1..=200 {
        let subject = ["a.1", "a.*", "a.>", "*.1"][sid % 4];
        reader
            .send(format!("SUB {subject} {sid}\r\nUNSUB {sid} {sid}\r\n"))
            .await;
    }
    reader.barrier().await;
    let publishers: Vec<JoinHandle<()>> = (0..4)
        .map(|_| {
            let address = server.address();
            tokio::spawn(async move {
                let mut publisher = Client::connect(address).await;
                publisher.send("PUB a.1 1\r\n1\r\n".repeat(100)).await;
                publisher.barrier().await;
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.expect("a publisher ends");
    }
    let mut counts = BTreeMap::new();
    for message in reader.barrier().await {
        *counts
            .entry(message.sid.parse::<usize>().expect("a number"))
            .or_insert(0) += 1;
    }
    let wrong: Vec<_> = (1..=200)
        .filter(|sid| counts.get(sid) != Some(sid))
        .collect();
    assert!(
        wrong.is_empty(),
        "not exactly as many as asked for: sids {wrong:?} of {counts:?}"
    );
}

async fn rule_5_auto_unsubscribe_counts_from_the_sub(target: Target) {
    let server = start(target).await;
    let mut reader = Client::connect(server.address()).await;
    let mut publisher = Client::connect(server.address()).await;
    for already in 0..20 {
        reader.subscribe(&format!("a {already}")).await;
        reader.barrier().await;
        publisher.send("PUB a 1\r\n1\r\n".repeat(already)).await;
        publisher.barrier().await;
        reader.send(format!("UNSUB {already} 10\r\n")).await;
        let early = reader.barrier().await.len();
        publisher.send("PUB a 1\r\n1\r\n".repeat(20)).await;
        publisher.barrier().await;
        let late = reader.barrier().await.len();
        assert_eq!(
            (early, early + late),
            (already, already.max(10)),
            "{already} came before"
        );
    }
}

async fn rule_7_what_was_sent_whole_before_the_end_arrives(target: Target) {
    let server = start(target).await;
    let mut reader = Client::connect(server.address()).await;
    reader.subscribe("a 1").await;
    reader.subscribe("end 2").await;
    reader.barrier().await;
    for round in 0..50 {
        let mut publisher = Client::connect(server.address()).await;
        let whole: String = (0..100).map(|_| "PUB a 2\r\nhi\r\n").collect();
        publisher
            .send(whole + "PUB end 1\r\n1\r\n" + ["PUB a 2\r\nh", "PUB a", ""][round % 3])
            .await;
        drop(publisher);
        for number in 0..100 {
            assert_eq!(
                reader.message().await.subject,
                "a",
                "message {number} of {round}"
            );
        }
        assert_eq!(reader.message().await.subject, "end", "in round {round}");
    }
    assert!(
        reader.barrier().await.is_empty(),
        "half a message was delivered"
    );
}

async fn rule_8_what_was_accepted_is_flushed_at_shutdown(target: Target) {
    for round in 0..5 {
        let server = start(target).await;
        let mut reader = Client::connect(server.address()).await;
        reader.subscribe("a.* 1").await;
        reader.barrier().await;
        let reading = tokio::spawn(async move { reader.until_end().await });
        let count = 20_000;
        publish_numbers(server.address(), 0..count).await;
        server.stop().await;
        let arrivals = reading.await.expect("the reader ends");
        let (end, messages) = arrivals.split_last().expect("there is an end");
        assert_eq!(end, &Arrival::End, "in round {round}");
        let numbers = messages.iter().map(|arrival| match arrival {
            Arrival::Message(message) => message.number(),
            other => panic!("expected messages alone, got {other:?}"),
        });
        assert!(
            numbers.eq(0..count),
            "{} of {count} arrived",
            messages.len()
        );
    }
}

async fn rule_11_a_second_connect_keeps_subscriptions_and_order() {
    let server = start(Target::Ours).await;
    let mut reader = Client::connect(server.address()).await;
    reader.subscribe("a.* 1").await;
    reader.subscribe("a.1 q 2").await;
    reader.barrier().await;
    let publishing = tokio::spawn(publish_numbers(server.address(), 0..MESSAGES));
    let mut seen = Vec::new();
    for _ in 0..100 {
        reader.send("CONNECT {\"name\":\"again\"}\r\n").await;
        seen.extend(reader.barrier().await);
    }
    publishing.await.expect("the publisher ends");
    seen.extend(reader.barrier().await);
    let plain = seen
        .iter()
        .filter(|message| message.sid == "1")
        .map(Message::number);
    assert!(
        plain.eq(0..MESSAGES),
        "a second CONNECT lost or swapped messages"
    );
    let queued = seen.iter().filter(|message| message.sid == "2").count();
    assert_eq!(
        queued,
        seen.iter()
            .filter(|m| m.sid == "1" && m.subject == "a.1")
            .count()
    );
}

async fn rule_12_a_request_is_taken_or_answered_with_503(target: Target) {
    let server = start(target).await;
    let churn = Churn::start_few(server.address(), &["ask q", "ask", "*"]);
    let mut asker = Client::connect(server.address()).await;
    asker.subscribe("r.* 1").await;
    let mut answers = Vec::new();
    let count = 3_000;
    for number in 0..count {
        asker
            .send(format!("PUB ask r.{number} 4\r\n{number:04}\r\n"))
            .await;
        if number % 20 == 0 {
            answers.extend(asker.barrier().await);
        }
    }
    answers.extend(asker.barrier().await);
    let mut refused = BTreeSet::new();
    for answer in &answers {
        assert!(
            answer.headers.starts_with(b"NATS/1.0 503\r\n"),
            "{answer:?}"
        );
        let number = answer.subject["r.".len()..]
            .parse::<usize>()
            .expect("a number");
        assert!(refused.insert(number), "two answers to request {number}");
    }
    let taken: BTreeSet<usize> = churn.stop().await.into_values().flatten().collect();
    let both: Vec<&usize> = taken.intersection(&refused).collect();
    assert!(both.is_empty(), "taken, and refused all the same: {both:?}");
    let neither: Vec<usize> = (0..count)
        .filter(|number| !taken.contains(number) && !refused.contains(number))
        .collect();
    assert!(neither.is_empty(), "neither taken nor refused: {neither:?}");
}

async fn start(target: Target) -> Running {
    target
        .start(&Options::default())
        .await
        .expect("the server starts")
}

async fn publish_until(address: SocketAddr, is_over: Arc<AtomicBool>) {
    let mut publisher = Client::connect(address).await;
    while !is_over.load(Ordering::Relaxed) {
        publisher.send("PUB a.1 1\r\n1\r\n".repeat(20)).await;
        publisher.barrier().await;
    }
}

/// How many messages go out in one write.
const BURST: usize = 1000;
const MESSAGES: usize = 20_000;
const ROUNDS: usize = 300;
