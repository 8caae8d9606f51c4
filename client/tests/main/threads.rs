//! The client on plain threads.

use std::time::Duration;

use dunlin::blocking::{self, Client};
use dunlin::{ConnectErrorKind, Event, RequestErrorKind, RequestMany};

use super::server::{PATIENCE, Server, free_addr, text};

/// Runs `work` on a thread without a runtime, against a server that runs elsewhere.
fn against_a_server(work: impl FnOnce(Client) + Send + 'static) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start());
    let client = blocking::connect(server.addr).unwrap();
    std::thread::spawn(move || work(client)).join().unwrap();
    drop(server);
}

#[test]
fn threads_publish_and_subscribe() {
    against_a_server(|client| {
        let mut numbers = client.subscribe("n").unwrap();
        let publishing = std::thread::spawn({
            let client = client.clone();
            move || (0..1000).for_each(|n| client.publish("n", n.to_string()).unwrap())
        });
        for number in 0..1000 {
            assert_eq!(text(&numbers.next().unwrap()), number.to_string());
        }
        publishing.join().unwrap();
        assert!(numbers.next_timeout(Duration::from_millis(20)).is_none());
        numbers.unsubscribe_after(1001).unwrap();
        client.publish("n", "last").unwrap();
        assert_eq!(
            numbers.map(|message| text(&message)).last().unwrap(),
            "last"
        );
    });
}

#[test]
fn threads_ask_and_answer() {
    against_a_server(|client| {
        let error = client.request("ask", "x").unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::NoResponders);
        let questions = client.queue_subscribe("ask", "q").unwrap();
        let answering = client.clone();
        std::thread::spawn(move || {
            for question in questions {
                let reply = question.reply.unwrap();
                let _ = answering.publish(&reply, "y");
                let _ = answering.publish(&reply, "z");
            }
        });
        assert_eq!(text(&client.request("ask", "x").unwrap()), "y");
        let answers = client
            .request_many("ask", RequestMany::new().max(2))
            .unwrap();
        let all: Vec<_> = answers.map(|answer| text(&answer.unwrap())).collect();
        assert_eq!(all, ["y", "z"]);
        let quick = dunlin::Request::new().timeout(Duration::from_millis(20));
        let silent = client.subscribe("silent").unwrap();
        let error = client.send_request("silent", quick).unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::TimedOut);
        drop(silent);
    });
}

#[test]
fn a_drained_client_ends_its_thread_and_its_streams() {
    against_a_server(|client| {
        let mut events = client.events();
        let mut messages = client.subscribe("a").unwrap();
        client.publish("a", "1").unwrap();
        let report = client.drain().unwrap();
        assert_eq!(report.discarded, 0);
        assert_eq!(text(&messages.next().unwrap()), "1");
        assert!(messages.next().is_none());
        assert_eq!(events.next_timeout(PATIENCE), Some(Event::Closed));
        assert!(client.publish("a", "2").is_err() && client.request("a", "").is_err());
    });
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let error = blocking::connect(free_addr()).unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Io);
}

#[tokio::test]
async fn what_is_published_last_is_sent_though_everything_is_dropped_inside_a_runtime() {
    let server = Server::start().await;
    let reader = server.connect().await;
    let mut subscriber = reader.subscribe("a").await.unwrap();
    let addr = server.addr;
    tokio::task::spawn_blocking(move || {
        let client = blocking::connect(addr).unwrap();
        client.publish("a", "last").unwrap();
    })
    .await
    .unwrap();
    assert_eq!(text(&super::server::next(&mut subscriber).await), "last");
}
