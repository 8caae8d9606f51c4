//! Publishing and subscribing.

use std::pin::Pin;

use dunlin::{HeaderMap, PublishErrorKind, SubscribeErrorKind, SubscribeOptions};
use futures_core::Stream;

use super::server::{Server, next, text, texts};

#[tokio::test]
async fn what_is_published_after_a_subscribe_arrives() {
    let server = Server::start().await;
    let (reader, writer) = (server.connect().await, server.connect().await);
    let mut subscriber = reader.subscribe("greet.*").await.unwrap();
    writer.publish("greet.joe", "hello").await.unwrap();
    writer
        .publish_with_reply("greet.sue", "answer.here", b"hi")
        .await
        .unwrap();
    let message = next(&mut subscriber).await;
    assert_eq!(
        (message.subject.as_str(), &message.payload[..]),
        ("greet.joe", &b"hello"[..])
    );
    assert_eq!(
        (message.reply, message.headers, message.length),
        (None, None, 5)
    );
    let message = next(&mut subscriber).await;
    assert_eq!(message.reply.as_deref(), Some("answer.here"));
}

#[tokio::test]
async fn wildcards_choose_by_tokens() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut one = client.subscribe("a.*").await.unwrap();
    let mut all = client.subscribe("a.>").await.unwrap();
    let mut exact = client.subscribe("a.b.c").await.unwrap();
    for subject in ["a.b", "a.b.c", "b"] {
        client.publish(subject, subject).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!(texts(&mut one), ["a.b"]);
    assert_eq!(texts(&mut all), ["a.b", "a.b.c"]);
    assert_eq!(texts(&mut exact), ["a.b.c"]);
}

#[tokio::test]
async fn a_queue_group_gets_each_message_once() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut one = client.queue_subscribe("work", "group").await.unwrap();
    let mut two = client.queue_subscribe("work", "group").await.unwrap();
    let mut plain = client.subscribe("work").await.unwrap();
    for number in 0..100 {
        client.publish("work", number.to_string()).await.unwrap();
    }
    client.flush().await.unwrap();
    let mut all: Vec<u32> = Vec::new();
    for member in [&mut one, &mut two] {
        all.extend(
            texts(member)
                .iter()
                .map(|text| text.parse::<u32>().unwrap()),
        );
    }
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
    assert_eq!(texts(&mut plain).len(), 100);
}

#[tokio::test]
async fn headers_travel_in_order_and_in_their_case() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    let headers = HeaderMap::try_from([("Trace", "1"), ("trace", "ü"), ("Trace", "")]).unwrap();
    client
        .publish_with_headers("a", headers.clone(), "x")
        .await
        .unwrap();
    client
        .publish_with_reply_and_headers("a", "r", HeaderMap::new(), "")
        .await
        .unwrap();
    let message = next(&mut subscriber).await;
    assert_eq!(
        (message.headers, message.status, text_of(&message.payload)),
        (Some(headers), None, "x")
    );
    let message = next(&mut subscriber).await;
    assert_eq!(
        (message.headers, message.reply.as_deref()),
        (Some(HeaderMap::new()), Some("r"))
    );
}

fn text_of(payload: &[u8]) -> &str {
    str::from_utf8(payload).unwrap()
}

#[tokio::test]
async fn payloads_of_all_sizes_arrive_whole_and_in_order() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut subscriber = client.subscribe("sizes").await.unwrap();
    let sizes = [
        0, 1, 100, 4_095, 4_096, 8_192, 65_535, 65_536, 300_000, 1_048_576, 3, 500_000, 0,
    ];
    let payload = |size: usize| {
        (0..size)
            .map(|at| (at * 7 + size) as u8)
            .collect::<Vec<_>>()
    };
    for round in 0..3 {
        for size in sizes {
            client.publish("sizes", payload(size)).await.unwrap();
        }
        for size in sizes {
            let message = next(&mut subscriber).await;
            assert!(
                message.payload == payload(size),
                "round {round}, size {size}"
            );
        }
    }
    assert_eq!(client.statistics().in_messages, 39);
}

#[tokio::test]
async fn many_small_messages_arrive_in_order() {
    let server = Server::start().await;
    let (reader, writer) = (server.connect().await, server.connect().await);
    let mut subscriber = reader.subscribe("n").await.unwrap();
    let publishing = tokio::spawn(async move {
        for number in 0..50_000_u32 {
            writer.publish("n", number.to_le_bytes()).await.unwrap();
        }
        writer.flush().await.unwrap();
        writer.statistics().out_messages
    });
    for number in 0..50_000_u32 {
        assert_eq!(
            next(&mut subscriber).await.payload[..],
            number.to_le_bytes()
        );
    }
    assert_eq!(publishing.await.unwrap(), 50_000);
    assert_eq!((subscriber.dropped(), subscriber.queued()), (0, (0, 0)));
}

#[tokio::test]
async fn a_subscriber_is_a_stream() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.publish("a", "x").await.unwrap();
    let message = std::future::poll_fn(|cx| Pin::new(&mut subscriber).poll_next(cx)).await;
    assert_eq!(message.map(|message| text(&message)), Some("x".to_owned()));
}

#[tokio::test]
async fn an_unsubscribed_stream_gives_what_it_has_and_ends() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.publish("a", "1").await.unwrap();
    client.flush().await.unwrap();
    subscriber.unsubscribe().await.unwrap();
    subscriber.unsubscribe().await.unwrap();
    client.publish("a", "2").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(text(&next(&mut subscriber).await), "1");
    assert!(subscriber.next().await.is_none());
}

#[tokio::test]
async fn unsubscribe_after_counts_from_the_beginning() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.publish("a", "1").await.unwrap();
    client.flush().await.unwrap();
    subscriber.unsubscribe_after(3).await.unwrap();
    for number in 2..=5 {
        client.publish("a", number.to_string()).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!(texts(&mut subscriber), ["1", "2", "3"]);
    assert!(subscriber.next().await.is_none());

    let mut late = client.subscribe("a").await.unwrap();
    client.publish("a", "1").await.unwrap();
    client.flush().await.unwrap();
    late.unsubscribe_after(1).await.unwrap();
    assert_eq!(text(&next(&mut late).await), "1");
    assert!(late.next().await.is_none());
}

#[tokio::test]
async fn a_drained_subscriber_has_all_that_was_sent_to_it() {
    let server = Server::start().await;
    let client = server.connect().await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    for number in 0..1000 {
        client.publish("a", number.to_string()).await.unwrap();
    }
    subscriber.drain().await.unwrap();
    client.publish("a", "late").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(texts(&mut subscriber).len(), 1000);
    assert!(subscriber.next().await.is_none());
}

#[tokio::test]
async fn a_subscription_made_at_once_is_before_what_the_same_client_publishes() {
    let server = Server::start().await;
    let client = server.connect().await;
    let options = SubscribeOptions::new().queue("q");
    let mut subscriber = client.subscribe_at_once("a", options).unwrap();
    client.publish("a", "x").await.unwrap();
    assert_eq!(text(&next(&mut subscriber).await), "x");
}

#[tokio::test]
async fn malformed_names_are_refused_before_they_are_sent() {
    let server = Server::start().await;
    let client = server.connect().await;
    for subject in ["", "a b", "a..b", ".a", "a.", "a\r\nPUB b 0\r\n"] {
        let error = client.publish(subject, "").await.unwrap_err();
        assert_eq!(
            error.kind(),
            PublishErrorKind::InvalidSubject,
            "{subject:?}"
        );
        let error = client
            .publish_with_reply("a", subject, "")
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            PublishErrorKind::InvalidSubject,
            "{subject:?}"
        );
        let error = client.subscribe(subject).await.unwrap_err();
        assert_eq!(
            error.kind(),
            SubscribeErrorKind::InvalidSubject,
            "{subject:?}"
        );
    }
    let error = client.subscribe("a.>.b").await.unwrap_err();
    assert_eq!(error.kind(), SubscribeErrorKind::InvalidSubject);
    for group in ["", "a b", "a\n"] {
        let error = client.queue_subscribe("a", group).await.unwrap_err();
        assert_eq!(error.kind(), SubscribeErrorKind::InvalidQueue, "{group:?}");
    }
    client.flush().await.unwrap();
}

#[tokio::test]
async fn what_an_own_message_says_is_heard_unless_told_otherwise() {
    let server = Server::start().await;
    let client = server
        .connect_as(dunlin::ConnectOptions::new().no_echo())
        .await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.publish("a", "x").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(texts(&mut subscriber), [""; 0]);
}
