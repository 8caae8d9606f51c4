//! The same server killed again and again while everything goes on: no message is lost without
//! being counted, none comes twice, no call hangs.
//!
//! `DUNLIN_RESTARTS` says how often; 10 times where it says nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dunlin::{Client, ConnectOptions, Event, RequestErrorKind, WhenUnsent};
use tokio::time::timeout;

use super::server::{PATIENCE, Server, free_addr, text};

fn soon() -> ConnectOptions {
    ConnectOptions::new()
        .reconnect_delay_callback(|_| Duration::from_millis(2))
        .confirm_interval(Duration::from_millis(20))
        .request_timeout(PATIENCE)
}

/// Publishes numbers until told to stop; returns how many were accepted.
async fn publish(client: Client, is_over: Arc<AtomicBool>) -> u64 {
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        client.publish("number", number.to_string()).await.unwrap();
        number += 1;
        if number % 64 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await; // Neither idle nor only busy.
        }
    }
    number
}

/// Asks until told to stop; returns how many requests were answered and how many failed.
async fn ask(client: Client, is_over: Arc<AtomicBool>) -> (u64, u64) {
    let (mut answered, mut failed) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        let asked = timeout(PATIENCE, client.request("ask", "x")).await;
        match asked.expect("no call hangs") {
            Ok(answer) => {
                assert_eq!(answer.payload, "y");
                answered += 1;
            }
            Err(error) if error.kind() == RequestErrorKind::Disconnected => failed += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (answered, failed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_lost_is_counted_however_often_the_server_is_killed() {
    let rounds = std::env::var("DUNLIN_RESTARTS").map_or(10, |times| times.parse().unwrap());
    let mut server = Server::start_to_kill(free_addr()).await;
    let client = server.connect_as(soon()).await;
    let mut events = client.events();
    let mut numbers = client.subscribe("number").await.unwrap();
    let mut questions = client.subscribe("ask").await.unwrap();
    let (asker, answerer) = (client.clone(), client.clone());
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            answerer
                .publish(question.reply.unwrap(), "y")
                .await
                .unwrap();
        }
    });
    let is_over = Arc::new(AtomicBool::new(false));
    let publishing = tokio::spawn(publish(client.clone(), Arc::clone(&is_over)));
    let asking = tokio::spawn(ask(asker, Arc::clone(&is_over)));
    let reading = tokio::spawn(async move {
        let (mut seen, mut last) = (BTreeSet::new(), None);
        while let Some(message) = numbers.next().await {
            let number: u64 = text(&message).parse().unwrap();
            assert!(seen.insert(number), "{number} came twice");
            assert!(
                last.is_none_or(|last| last < number),
                "{number} after {last:?}"
            );
            last = Some(number);
        }
        assert_eq!(numbers.dropped(), 0);
        seen
    });
    for round in 0..rounds {
        tokio::time::sleep(Duration::from_millis(20 + round % 7 * 10)).await;
        let addr = server.stop().await;
        server = Server::start_to_kill(addr).await;
        let mut heard = Vec::new();
        let back = async {
            while heard.last() != Some(&Event::Reconnected) {
                heard.push(events.next().await.expect("the client lives"));
            }
        };
        let is_back = timeout(PATIENCE, back).await.is_ok();
        let state = client.state();
        assert!(is_back, "round {round}: {heard:?}, {state:?}");
    }
    is_over.store(true, Ordering::Relaxed);
    let published = publishing.await.unwrap();
    let (answered, failed) = asking.await.unwrap();
    let report = client.drain().await.unwrap();
    let seen = timeout(PATIENCE, reading).await.unwrap().unwrap();
    let statistics = client.statistics();
    let missing = published - seen.len() as u64;
    assert!(
        missing <= statistics.unconfirmed + statistics.discarded,
        "{missing} missing, {statistics:?}, {report:?}"
    );
    assert!(
        answered > 0 && failed <= rounds,
        "{answered} answered, {failed} failed"
    );
    assert_eq!(statistics.connects, rounds + 1);
    eprintln!(
        "{rounds} restarts: {published} published, {missing} missing, {} unconfirmed, {} \
         discarded; {answered} answered, {failed} failed",
        statistics.unconfirmed, statistics.discarded
    );
}

#[tokio::test]
async fn the_oldest_give_way_in_a_full_reconnect_buffer() {
    let addr = free_addr();
    let options = soon()
        .retry_on_initial_connect()
        .reconnect_buffer(1000)
        .reconnect_when_full(WhenUnsent::DropOldest);
    let client = options.connect(addr).await.unwrap();
    let mut subscriber = client.subscribe_at_once("a", Default::default()).unwrap();
    let early = tokio::spawn({
        let client = client.clone();
        async move { tokio::join!(client.flush(), client.request("nobody", "x")) }
    });
    tokio::task::yield_now().await;
    let payload = |number| format!("{number:080}");
    for number in 0..100 {
        client.publish("a", payload(number)).await.unwrap();
    }
    let too_large = client.publish("a", vec![b'x'; 1000]).await;
    assert!(too_large.is_err());
    let discarded = client.statistics().discarded;
    assert!((89..=93).contains(&discarded), "{discarded}");
    let _server = Server::start_on(addr).await;
    let (flushed, asked) = timeout(PATIENCE, early).await.unwrap().unwrap();
    assert!(
        flushed.is_ok(),
        "a flush keeps waiting though what it was behind is gone"
    );
    assert_eq!(asked.unwrap_err().kind(), RequestErrorKind::BufferFull);
    client.flush().await.unwrap();
    // The request was one of the discarded.
    for number in discarded - 1..100 {
        assert_eq!(text(&subscriber.try_next().unwrap()), payload(number));
    }
    assert!(subscriber.try_next().is_none());
    assert_eq!(client.statistics().unconfirmed, 0);
}
