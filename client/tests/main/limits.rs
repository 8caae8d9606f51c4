//! Bounds, and what happens at them.

use std::time::Duration;

use dunlin::{
    ConnectOptions, Event, PublishErrorKind, SlowConsumer, SubscribeErrorKind, SubscribeOptions,
    WhenFull,
};
use tokio::time::timeout;

use super::scripted::Scripted;
use super::server::{PATIENCE, Server, free_addr, next, texts};

#[tokio::test]
async fn a_full_subscription_drops_the_newest_and_counts_exactly() {
    let server = Server::start().await;
    let client = server
        .connect_as(ConnectOptions::new().subscription_capacity(10))
        .await;
    let mut events = client.events();
    let mut few = client.subscribe("a").await.unwrap();
    let options = SubscribeOptions::new().capacity(1000).capacity_bytes(100);
    let mut small = client.subscribe_with("a", options).await.unwrap();
    let mut wide = client
        .subscribe_with("a", SubscribeOptions::new().capacity(1000))
        .await
        .unwrap();
    for number in 0..100 {
        client.publish("a", format!("{number:04}")).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!((few.dropped(), few.queued()), (90, (10, 40)));
    assert_eq!((small.dropped(), small.queued()), (75, (25, 100)));
    assert_eq!((wide.dropped(), texts(&mut wide).len()), (0, 100));
    assert_eq!(texts(&mut few)[9], "0009");
    assert_eq!(client.statistics().dropped, 165);

    // The events say the same, whoever reads them when.
    for subscriber in [&few, &small] {
        let expected = SlowConsumer {
            sid: subscriber.sid(),
            subject: "a".into(),
            dropped: subscriber.dropped(),
        };
        assert_eq!(events.next().await, Some(Event::SlowConsumer(expected)));
    }
    client.publish("a", "more").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!((few.dropped(), texts(&mut small).len()), (90, 25));
    assert_eq!(texts(&mut few), ["more"]);
}

#[tokio::test]
async fn a_publisher_waits_when_the_server_does_not_read() {
    let server = Scripted::start().await;
    // Filling the buffer may take a while, and what is counted is to be publishes alone.
    let options = ConnectOptions::new()
        .outgoing_buffer(1000)
        .confirm_interval(None);
    let (client, mut peer) = server.connect(options).await;
    let payload = [b'x'; 1000];
    let mut published = 0;
    // The kernel takes some megabytes; then the buffer is full, and stays it.
    while timeout(Duration::from_millis(200), client.publish("a", payload))
        .await
        .is_ok()
    {
        published += 1;
    }
    assert_eq!(client.statistics().out_messages, published);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.publish("last", "").await }
    });
    for _ in 0..published {
        peer.expect("PUB a 1000").await;
        assert_eq!(peer.line().await.len(), 1000);
    }
    peer.expect("PUB last 0").await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_message_larger_than_the_buffer_gets_through() {
    let server = Server::start().await;
    let client = server
        .connect_as(ConnectOptions::new().outgoing_buffer(100))
        .await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    for _ in 0..3 {
        client.publish("a", vec![0; 100_000]).await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(next(&mut subscriber).await.payload.len(), 100_000);
    }
}

#[tokio::test]
async fn without_a_connection_messages_are_kept_up_to_a_bound() {
    let options = ConnectOptions::new()
        .retry_on_initial_connect()
        .reconnect_buffer(1000);
    let client = options.connect(free_addr()).await.unwrap();
    let mut kept = 0;
    let error = loop {
        match client.publish("a", [b'x'; 100]).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((kept, error.kind()), (8, PublishErrorKind::BufferFull));
    assert_eq!(
        error.to_string(),
        "not connected and the reconnect buffer is full"
    );
    assert_eq!(client.statistics().out_messages, 8);
    let report = client.drain().await.unwrap();
    assert_eq!((report.flushed, report.discarded), (0, 8));
    assert_eq!(client.statistics().discarded, 8);
}

#[tokio::test]
async fn a_refused_subscription_is_an_error_of_that_call() {
    let server = Scripted::start().await;
    let (client, mut peer) = server.connect(ConnectOptions::new()).await;
    let subscribing = tokio::spawn({
        let client = client.clone();
        async move {
            tokio::join!(
                client.subscribe("free"),
                client.queue_subscribe("secret", "q"),
                client.subscribe("secret"),
                client.subscribe("many"),
            )
        }
    });
    for line in ["SUB free 1", "SUB secret q 2", "SUB secret 3", "SUB many 4"] {
        peer.expect(line).await;
        peer.expect("PING").await;
    }
    peer.say(
        "PONG\r\n-ERR 'Permissions Violation for Subscription to \"secret\" using queue \"q\"'\r\n\
        PONG\r\nPONG\r\n-ERR 'maximum subscriptions exceeded'\r\nPONG\r\n",
    )
    .await;
    let (free, denied, other, many) = subscribing.await.unwrap();
    let mut free = free.unwrap();
    let error = denied.unwrap_err();
    assert_eq!(error.kind(), SubscribeErrorKind::PermissionDenied);
    assert_eq!(
        error.to_string(),
        "server does not allow the subscription: \"secret\""
    );
    assert_eq!(many.unwrap_err().kind(), SubscribeErrorKind::TooMany);

    // One that was made and is taken away later ends its stream.
    let mut other = other.unwrap();
    peer.say("-ERR 'Permissions Violation for Subscription to \"secret\" (sid \"3\")'\r\n")
        .await;
    peer.say("MSG free 1 2\r\nhi\r\n").await;
    assert!(other.next().await.is_none());
    assert_eq!(other.refused(), Some(SubscribeErrorKind::PermissionDenied));
    assert_eq!((next(&mut free).await.length, free.refused()), (2, None));
}

#[tokio::test]
async fn each_subscription_settles_what_a_full_queue_does() {
    let server = Server::start().await;
    let client = server.connect().await;
    let with = |when_full| SubscribeOptions::new().capacity(4).when_full(when_full);
    let mut oldest = client
        .subscribe_with("s.*", with(WhenFull::DropOldest))
        .await
        .unwrap();
    let mut latest = client
        .subscribe_with("s.*", with(WhenFull::LatestPerSubject))
        .await
        .unwrap();
    for number in 0..100 {
        let subject = format!("s.{}", number % 3);
        client.publish(subject, number.to_string()).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!((oldest.dropped(), oldest.replaced()), (96, 0));
    assert_eq!(texts(&mut oldest), ["96", "97", "98", "99"]);
    assert_eq!((latest.dropped(), latest.replaced()), (0, 97));
    assert_eq!(texts(&mut latest), ["99", "97", "98"]);
    let statistics = client.statistics();
    assert_eq!((statistics.dropped, statistics.replaced), (96, 97));
}

#[tokio::test]
async fn backpressure_loses_nothing_and_goes_on_when_the_reader_does() {
    let server = Server::start().await;
    let (reader, writer) = (server.connect().await, server.connect().await);
    let options = SubscribeOptions::new()
        .capacity(100)
        .when_full(WhenFull::Backpressure);
    let mut slow = reader.subscribe_with("a", options).await.unwrap();
    let payload = vec![b'x'; 1000];
    for _ in 0..3000 {
        writer.publish("a", &payload).await.unwrap();
    }
    writer.flush().await.unwrap();
    // Nothing is read beyond what one read brings, however long nobody takes any.
    let asked = timeout(Duration::from_millis(200), reader.flush()).await;
    assert!(asked.is_err(), "the answer is read only when there is room");
    let (queued, _) = slow.queued();
    assert!((100..300).contains(&queued), "{queued}");
    for _ in 0..3000 {
        next(&mut slow).await;
    }
    reader.flush().await.unwrap();
    assert_eq!((slow.dropped(), slow.queued()), (0, (0, 0)));
    // A reader that goes away frees the connection.
    for _ in 0..300 {
        writer.publish("a", &payload).await.unwrap();
    }
    writer.flush().await.unwrap();
    drop(slow);
    timeout(PATIENCE, reader.flush()).await.unwrap().unwrap();
}
