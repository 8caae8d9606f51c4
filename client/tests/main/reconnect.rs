//! Losing a connection and finding another.

use std::time::Duration;

use dunlin::{
    ConnectErrorKind, ConnectOptions, Event, Events, FlushErrorKind, RequestErrorKind, State,
};
use tokio::time::timeout;

use super::scripted::{INFO, Scripted};
use super::server::{PATIENCE, Server, free_addr, next, text, texts};

fn soon() -> ConnectOptions {
    ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(2))
}

/// Reads events up to one that is like `wanted`, and returns it.
async fn until(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Event {
    let found = async {
        while let Some(event) = events.next().await {
            if wanted(&event) {
                return event;
            }
        }
        panic!("the client has closed");
    };
    timeout(PATIENCE, found).await.expect("the event comes")
}

#[tokio::test]
async fn a_restarted_server_is_found_again_and_nothing_unsent_is_lost() {
    let server = Server::start().await;
    let client = server.connect_as(soon()).await;
    let mut events = client.events();
    let mut plain = client.subscribe("a").await.unwrap();
    let mut group = client.queue_subscribe("a", "q").await.unwrap();
    let mut counted = client.subscribe("a").await.unwrap();
    client.publish("a", "1").await.unwrap();
    client.flush().await.unwrap();
    counted.unsubscribe_after(3).await.unwrap();
    client.flush().await.unwrap();

    let addr = server.stop().await;
    until(&mut events, |event| matches!(event, Event::Disconnected(_))).await;
    assert_eq!(client.state(), State::Disconnected);
    for number in 2..=5 {
        client.publish("a", number.to_string()).await.unwrap();
    }
    let mut late = client.subscribe_at_once("a", Default::default()).unwrap();
    let _server = Server::start_on(addr).await;
    until(&mut events, |event| *event == Event::Reconnected).await;
    client.flush().await.unwrap();

    assert_eq!(texts(&mut plain), ["1", "2", "3", "4", "5"]);
    assert_eq!(texts(&mut group), ["1", "2", "3", "4", "5"]);
    assert_eq!(texts(&mut late), ["2", "3", "4", "5"]);
    assert_eq!(texts(&mut counted), ["1", "2", "3"]);
    assert!(counted.next().await.is_none());
    assert_eq!(
        (client.statistics().connects, client.state()),
        (2, State::Connected)
    );
}

#[tokio::test]
async fn calls_made_without_a_connection_wait_for_the_next_one() {
    let addr = free_addr();
    let client = soon()
        .retry_on_initial_connect()
        .connect(addr)
        .await
        .unwrap();
    assert_eq!(client.state(), State::Pending);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move {
            let mut questions = client.subscribe("a").await.unwrap();
            let flushed = client.flush();
            let asked = client.request("a", "x");
            let answered = async {
                let question = next(&mut questions).await;
                client.publish(question.reply.unwrap(), "y").await.unwrap();
            };
            let (flushed, answer, ()) = tokio::join!(flushed, asked, answered);
            (flushed, answer.unwrap())
        }
    });
    let _server = Server::start_on(addr).await;
    let (flushed, answer) = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert!(flushed.is_ok());
    assert_eq!(text(&answer), "y");
}

#[tokio::test]
async fn what_was_on_its_way_when_the_connection_broke_fails() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(soon()).await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move {
            tokio::join!(
                client.request("a", ""),
                client.flush(),
                client.subscribe("s")
            )
        }
    });
    for line in ["SUB", "PUB a", "", "PING", "SUB s 2", "PING"] {
        let said = peer.line().await;
        assert!(said.starts_with(line), "{said} for {line}");
    }
    drop(peer);
    let mut peer = server.admit().await;
    // The subscriptions are made again, and the call that waits for one goes on.
    assert!(peer.line().await.starts_with("SUB _INBOX."));
    peer.expect("SUB s 2").await;
    peer.expect("PING").await;
    peer.say("PONG\r\n").await;
    let (answer, flushed, subscriber) = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(answer.unwrap_err().kind(), RequestErrorKind::Disconnected);
    assert_eq!(flushed.unwrap_err().kind(), FlushErrorKind::Disconnected);
    assert_eq!(subscriber.unwrap().sid(), 2);
}

#[tokio::test]
async fn subscriptions_come_before_what_was_buffered_and_count_on() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(soon()).await;
    let mut events = client.events();
    let mut subscriber = client.subscribe_at_once("a", Default::default()).unwrap();
    subscriber.unsubscribe_after(5).await.unwrap();
    peer.expect("SUB a 1").await;
    peer.expect("UNSUB 1 5").await;
    peer.say("MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\n").await;
    assert_eq!(text(&next(&mut subscriber).await), "x");
    drop(peer);
    until(&mut events, |event| matches!(event, Event::Disconnected(_))).await;
    let dropped = client
        .subscribe_at_once("gone", Default::default())
        .unwrap();
    drop(dropped);
    client.publish("b", "1").await.unwrap();
    client.publish("b", "2").await.unwrap();
    let mut peer = server.admit().await;
    for line in ["SUB a 1", "UNSUB 1 3", "PUB b 1", "1", "PUB b 1", "2"] {
        peer.expect(line).await;
    }
    client.publish("b", "3").await.unwrap();
    peer.expect("PUB b 1").await;
}

#[tokio::test]
async fn a_silent_server_is_left() {
    let server = Scripted::start().await;
    let options = soon()
        .ping_interval(Duration::from_millis(10))
        .max_outstanding_pings(2);
    let (client, mut peer) = server.connect(options).await;
    let mut events = client.events();
    peer.expect("PING").await;
    peer.expect("PING").await;
    let lost = until(&mut events, |event| matches!(event, Event::Disconnected(_))).await;
    assert_eq!(
        lost,
        Event::Disconnected("server left pings unanswered".into())
    );
    peer.hung_up().await;
    server.admit().await;
    until(&mut events, |event| *event == Event::Reconnected).await;
}

#[tokio::test]
async fn the_server_decides_by_its_words_whether_to_come_back() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(soon()).await;
    let mut events = client.events();
    for words in [
        "Stale Connection",
        "Slow Consumer",
        "maximum connections exceeded",
    ] {
        peer.say(format!("-ERR '{words}'\r\n")).await;
        peer.hung_up().await;
        peer = server.admit().await;
        until(&mut events, |event| *event == Event::Reconnected).await;
    }
    peer.say("-ERR 'Unknown Protocol Operation'\r\n").await;
    peer.hung_up().await;
    until(&mut events, |event| *event == Event::Closed).await;
    assert_eq!(client.state(), State::Closed);
    assert!(client.flush().await.is_err() && client.publish("a", "").await.is_err());
}

#[tokio::test]
async fn a_server_that_refuses_the_credentials_twice_is_given_up() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(soon()).await;
    let mut events = client.events();
    peer.say("-ERR 'User Authentication Expired'\r\n").await;
    for _ in 0..2 {
        let mut peer = server.accept().await;
        peer.say(INFO).await;
        peer.say("-ERR 'Authorization Violation'\r\n").await;
        peer.hung_up().await;
    }
    until(&mut events, |event| *event == Event::Closed).await;
    assert_eq!(client.state(), State::Closed);
}

#[tokio::test]
async fn attempts_are_counted_and_end() {
    let server = Server::start().await;
    let client = server.connect_as(soon().max_reconnects(3)).await;
    let mut events = client.events();
    server.stop().await;
    for _ in 0..3 {
        until(&mut events, |event| {
            matches!(event, Event::ConnectFailed(_))
        })
        .await;
    }
    assert_eq!(events.next().await, Some(Event::Closed));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn discovered_servers_are_tried() {
    let (first, second) = (Scripted::start().await, Scripted::start().await);
    let options = soon().retain_servers_order().user_and_password("ada", "pw");
    let connecting = options.connect(first.addr);
    let admitting = async {
        let mut peer = first.accept().await;
        let urls = format!(
            "\"connect_urls\":[\"{}\",\"\\u0000:\",\"{}\"]",
            first.addr, second.addr
        );
        peer.shake_hands(&INFO.replace("\"headers\"", &format!("{urls},\"headers\"")))
            .await;
    };
    let (client, ()) = tokio::join!(connecting, admitting);
    let client = client.unwrap();
    drop(first);
    let mut peer = second.accept().await;
    peer.say(INFO).await;
    let connect = peer.line().await;
    assert!(
        connect.contains("\"user\":\"ada\",\"pass\":\"pw\""),
        "{connect}"
    );
    peer.say("PONG\r\n").await;
    peer.expect("PING").await;
    client.publish("a", "").await.unwrap();
    peer.expect("PUB a 0").await;
}

#[tokio::test]
async fn a_lame_duck_is_told() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(soon()).await;
    let mut events = client.events();
    peer.say("INFO {\"server_name\":\"duck\",\"max_payload\":8,\"ldm\":true}\r\n")
        .await;
    assert_eq!(events.next().await, Some(Event::LameDuck));
    assert!(client.publish("a", "123456789").await.is_err());
    assert_eq!(client.server_info().server_name, "duck");
}

#[tokio::test]
async fn a_first_connection_that_fails_says_why() {
    let error = dunlin::connect(free_addr()).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Io);
    let none: [&str; 0] = [];
    let error = dunlin::connect(none).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::InvalidAddress);

    let server = Scripted::start().await;
    let refusing = async {
        let mut peer = server.accept().await;
        peer.say(INFO).await;
        peer.line().await;
        peer.say("-ERR 'Authorization Violation'\r\n").await;
    };
    let (outcome, ()) = tokio::join!(dunlin::connect(server.addr), refusing);
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Authentication);
    let expected = format!(
        "server refused the credentials: {}: Authorization Violation",
        server.addr
    );
    assert_eq!(error.to_string(), expected);

    let options = ConnectOptions::new().connection_timeout(Duration::from_millis(20));
    let (outcome, _peer) = tokio::join!(options.connect(server.addr), server.accept());
    assert_eq!(outcome.unwrap_err().kind(), ConnectErrorKind::TimedOut);
}
