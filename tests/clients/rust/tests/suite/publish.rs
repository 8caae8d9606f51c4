//! Publish and subscribe: who gets a message, whole and in order.

use async_nats::PublishErrorKind;
use bytes::Bytes;
use dunlin_clients_rust::*;

/// The default of the protocol's servers, announced in INFO.
const MAX_PAYLOAD: usize = 1024 * 1024;

#[tokio::test]
async fn a_published_message_reaches_its_subscriber() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, "greet").await?;
    publisher.publish("greet", "hello".into()).await?;
    let message = next(&mut inbox.messages).await?;
    assert_eq!(
        (message.subject.as_str(), &message.payload[..]),
        ("greet", &b"hello"[..])
    );
    Ok(())
}

#[tokio::test]
async fn a_round_trip_is_a_barrier() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, "x").await?;
    publish_all(&publisher, "x", &numbers(1000)).await?;
    settle(&publisher).await?;
    settle(&subscriber).await?;
    assert_eq!(here(&mut inbox.messages).len(), 1000);
    Ok(())
}

#[tokio::test]
async fn a_star_matches_exactly_one_token() -> Result<()> {
    check_matches("a.*", &["a.b", "a.c"]).await?;
    check_matches("*.b", &["a.b", "b.b"]).await?;
    check_matches("a.*.c", &["a.b.c"]).await?;
    check_matches("*", &["a"]).await
}

#[tokio::test]
async fn a_full_wildcard_matches_one_or_more_tokens() -> Result<()> {
    check_matches("a.>", &["a.b", "a.c", "a.b.c", "a.b.c.d"]).await?;
    check_matches(">", &["a", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d"]).await?;
    check_matches("*.*.>", &["a.b.c", "a.b.c.d"]).await
}

async fn check_matches(pattern: &'static str, matching: &[&str]) -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, pattern).await?;
    // The subscriber's own round trip went past a bare `>`.
    here(&mut inbox.messages);
    for subject in ["a", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d"] {
        publisher.publish(subject, Bytes::new()).await?;
    }
    finish(&publisher).await?;
    let messages = inbox.all().await?;
    let subjects: Vec<_> = messages
        .iter()
        .map(|message| message.subject.as_str())
        .collect();
    assert_eq!(subjects, matching, "{pattern}");
    Ok(())
}

#[tokio::test]
async fn a_queue_group_hands_each_message_to_exactly_one_member() -> Result<()> {
    let shares = shares_of_a_queue_group(&numbers(600)).await?;
    let (mut together, mut wanted) = (shares.concat(), numbers(600));
    together.sort();
    wanted.sort();
    assert_same(&together, &wanted);
    Ok(())
}

#[tokio::test]
async fn every_member_of_a_queue_group_gets_some() -> Result<()> {
    let shares = shares_of_a_queue_group(&numbers(600)).await?;
    assert!(shares.iter().all(|share| !share.is_empty()));
    Ok(())
}

async fn shares_of_a_queue_group(messages: &[String]) -> Result<Vec<Vec<String>>> {
    let (server, publisher, first) = pair().await?;
    let members = [
        first,
        server.connect(options()).await?,
        server.connect(options()).await?,
    ];
    let mut inboxes = Vec::new();
    for member in &members {
        inboxes.push(Inbox::join(member, "jobs", "workers").await?);
    }
    publish_all(&publisher, "jobs", messages).await?;
    let mut shares = Vec::new();
    for inbox in &mut inboxes {
        shares.push(payloads(&inbox.all().await?));
    }
    Ok(shares)
}

#[tokio::test]
async fn no_echo_keeps_own_messages_away() -> Result<()> {
    let (server, other, _) = pair().await?;
    let quiet = server.connect(options().no_echo()).await?;
    let mut others = Inbox::open(&other, "x").await?;
    let mut own = quiet.subscribe("x").await?;
    quiet.publish("x", "own".into()).await?;
    next(&mut others.messages).await?; // The server has dealt with the quiet one's lines.
    other.publish("x", "other".into()).await?;
    assert_eq!(&next(&mut own).await?.payload[..], b"other");
    Ok(())
}

#[tokio::test]
async fn a_payload_of_max_payload_arrives_whole() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, "large").await?;
    // Every byte value, in a rhythm that no power of two divides: a block lost or doubled shows.
    let payload: Bytes = (0..MAX_PAYLOAD).map(|index| (index % 257) as u8).collect();
    publisher.publish("large", payload.clone()).await?;
    let whole = next(&mut inbox.messages).await?.payload == payload;
    assert!(whole); // Not `assert_eq`: it would print two megabytes.
    Ok(())
}

#[tokio::test]
async fn a_payload_over_max_payload_is_refused() -> Result<()> {
    let (_server, publisher, _) = pair().await?;
    let refused = publisher
        .publish("large", vec![0; MAX_PAYLOAD + 1].into())
        .await;
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(PublishErrorKind::MaxPayloadExceeded)
    );
    Ok(())
}

#[tokio::test]
async fn many_messages_arrive_complete_and_in_order() -> Result<()> {
    let messages = numbers(100_000);
    let (server, publisher, _) = pair().await?;
    // Room for all of them: by default async-nats drops what is over 65536 unread messages.
    let subscriber = server
        .connect(options().subscription_capacity(messages.len()))
        .await?;
    let mut inbox = Inbox::open(&subscriber, "many").await?;
    publish_all(&publisher, "many", &messages).await?;
    assert_same(&payloads(&inbox.all().await?), &messages);
    Ok(())
}
