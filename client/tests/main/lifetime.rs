//! The beginning and the end of clients.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use dunlin::{ConnectOptions, DrainErrorKind, Event, PublishErrorKind, State, SubscribeErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::scripted::{INFO, Scripted};
use super::server::{PATIENCE, Server, next, text, texts};

#[tokio::test]
async fn a_drain_sends_what_waits_and_leaves_what_came() {
    let server = Server::start().await;
    let (client, other) = (server.connect().await, server.connect().await);
    let mut own = client.subscribe("a").await.unwrap();
    let mut others = other.subscribe("a").await.unwrap();
    for number in 0..1000 {
        client.publish("a", number.to_string()).await.unwrap();
    }
    let report = client.drain().await.unwrap();
    assert_eq!((report.discarded, report.queued), (0, 1000));
    assert_eq!(texts(&mut own).len(), 1000);
    assert!(own.next().await.is_none());
    for number in 0..1000 {
        assert_eq!(text(&next(&mut others).await), number.to_string());
    }
    assert_eq!(client.state(), State::Closed);
    assert_eq!(
        client.drain().await.unwrap_err().kind(),
        DrainErrorKind::Closed
    );
    assert_eq!(
        client.publish("a", "").await.unwrap_err().kind(),
        PublishErrorKind::Closed
    );
    assert_eq!(
        client.subscribe("a").await.unwrap_err().kind(),
        SubscribeErrorKind::Closed
    );
    assert!(own.unsubscribe().await.is_ok() && own.drain().await.is_ok());
}

#[tokio::test]
async fn a_dropped_client_sends_what_it_has_and_its_subscribers_keep_it() {
    let server = Server::start().await;
    let (reader, writer) = (server.connect().await, server.connect().await);
    let mut subscriber = reader.subscribe("a").await.unwrap();
    drop(reader);
    for number in 0..1000 {
        writer.publish("a", number.to_string()).await.unwrap();
    }
    drop(writer);
    for number in 0..1000 {
        assert_eq!(text(&next(&mut subscriber).await), number.to_string());
    }
}

#[tokio::test]
async fn a_dropped_subscriber_unsubscribes_and_the_last_handle_hangs_up() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(ConnectOptions::new()).await;
    let subscriber = client.subscribe_at_once("a", Default::default()).unwrap();
    drop(client);
    peer.expect("SUB a 1").await;
    drop(subscriber);
    peer.expect("UNSUB 1").await;
    peer.hung_up().await;
}

#[test]
fn handles_can_be_dropped_outside_of_a_runtime_and_after_it() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let (server, client, subscriber) = first.block_on(async {
        let server = Scripted::start().await;
        let (client, peer) = server.connect(ConnectOptions::new()).await;
        let subscriber = client.subscribe_at_once("a", Default::default()).unwrap();
        ((server, peer), client, subscriber)
    });
    let extra = client.clone();
    drop(subscriber);
    drop(extra);
    drop(server);
    drop(first);
    // The driver went with its runtime: nobody is left waiting for it.
    assert_eq!(client.state(), State::Closed);
    second.block_on(async {
        assert!(client.publish("a", "").await.is_err());
        assert!(client.flush().await.is_err());
        assert!(client.request("a", "").await.is_err());
        assert!(client.subscribe("a").await.is_err());
    });
    drop(client);
}

#[tokio::test]
async fn any_byte_stream_will_do() {
    let (ours, theirs) = tokio::io::duplex(64);
    let serving = tokio::spawn(async move {
        let mut theirs = theirs;
        theirs.write_all(INFO.as_bytes()).await.unwrap();
        theirs
            .write_all(b"PONG\r\nMSG a 1 2\r\nhi\r\n")
            .await
            .unwrap();
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).await.unwrap();
        String::from_utf8(heard).unwrap()
    });
    let client = ConnectOptions::new().connect_with(ours).await.unwrap();
    let mut events = client.events();
    client.publish("b", "x").await.unwrap();
    drop(client);
    let heard = timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert!(heard.ends_with("PING\r\nPUB b 1\r\nx\r\n"), "{heard}");
    assert_eq!(events.next().await, Some(Event::Closed));
}

/// What can be read without waiting.
fn said(stream: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = vec![0; 1000];
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(stream.read(&mut bytes)).poll(&mut cx) {
        Poll::Ready(len) => bytes[..len.unwrap()].to_vec(),
        Poll::Pending => Vec::new(),
    }
}

#[tokio::test]
async fn what_is_published_on_an_idle_connection_is_written_by_the_call() {
    let (ours, mut theirs) = tokio::io::duplex(1000);
    theirs.write_all(INFO.as_bytes()).await.unwrap();
    theirs.write_all(b"PONG\r\n").await.unwrap();
    let client = ConnectOptions::new().connect_with(ours).await.unwrap();
    let written_at_once = async {
        loop {
            while !said(&mut theirs).is_empty() {}
            client.publish("b", "x").await.unwrap(); // Does not yield.
            if said(&mut theirs) == b"PUB b 1\r\nx\r\n" {
                break;
            }
            tokio::task::yield_now().await; // The client's task had something to do.
        }
    };
    timeout(PATIENCE, written_at_once).await.unwrap();
}

#[tokio::test]
async fn an_embedded_server_is_reached_without_a_socket() {
    let server = dunlin_server::Server::builder()
        .host("127.0.0.1")
        .port(0)
        .start()
        .await
        .unwrap();
    let client = ConnectOptions::new()
        .connect_with(server.connect())
        .await
        .unwrap();
    let mut subscriber = client.subscribe("a.>").await.unwrap();
    for number in 0..10_000 {
        client.publish("a.b", number.to_string()).await.unwrap();
    }
    for number in 0..10_000 {
        assert_eq!(text(&next(&mut subscriber).await), number.to_string());
    }
    let mut events = client.events();
    server.shutdown().await;
    while events.next().await.is_some() {}
    assert_eq!(client.state(), State::Closed);
    assert!(subscriber.next().await.is_none());
}

#[tokio::test]
async fn events_reach_the_callback() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let options = ConnectOptions::new().event_callback(move |event| {
        let sender = sender.clone();
        async move {
            let _ = sender.send(event);
        }
    });
    let server = Server::start().await;
    let client = server.connect_as(options).await;
    client.drain().await.unwrap();
    assert_eq!(receiver.recv().await, Some(Event::Connected));
    assert_eq!(receiver.recv().await, Some(Event::Closed));
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test]
async fn the_connection_introduces_the_client() {
    let server = Scripted::start().await;
    let options = ConnectOptions::new().name("n\"1").token("t0ken").no_echo();
    let introduced = async {
        let mut peer = server.accept().await;
        peer.say(INFO).await;
        let connect = peer.line().await;
        peer.say("PONG\r\n").await;
        (connect, peer)
    };
    let (client, (connect, _peer)) = tokio::join!(options.connect(server.addr), introduced);
    for part in [
        "\"verbose\":false",
        "\"pedantic\":false",
        "\"echo\":false",
        "\"headers\":true",
        "\"no_responders\":true",
        "\"protocol\":1",
        "\"name\":\"n\\\"1\"",
        "\"lang\":\"rust\"",
        "\"auth_token\":\"t0ken\"",
    ] {
        assert!(connect.contains(part), "{part} in {connect}");
    }
    assert_eq!(client.unwrap().server_info().server_id, "SCRIPT");

    let addr = format!("nats://us%65r:p%40ss@{}", server.addr);
    let options = ConnectOptions::new().user_and_password("other", "one");
    let introduced = async {
        let mut peer = server.accept().await;
        peer.say(INFO).await;
        let connect = peer.line().await;
        assert!(
            connect.contains("\"user\":\"user\",\"pass\":\"p@ss\""),
            "{connect}"
        );
        peer.say("PONG\r\n").await;
        peer
    };
    let (client, _peer) = tokio::join!(options.connect(addr), introduced);
    client.unwrap();
}
