//! Requests, their answers, headers, and what happens when nobody answers.

use std::time::{Duration, Instant};

use async_nats::{Client, HeaderMap, Message, RequestErrorKind};
use bytes::Bytes;
use dunlin_clients_rust::*;
use futures_util::StreamExt;
use tokio::task::JoinSet;

/// Many round trips, and far from the deadline a timeout would take.
const SOON: Duration = Duration::from_secs(2);

/// Answers in a task of its own; the server has the subscription when this returns.
async fn answer(
    client: &Client,
    subject: &'static str,
    respond: impl Fn(Message) -> (HeaderMap, Bytes) + Send + 'static,
) -> Result<()> {
    let mut requests = client.subscribe(subject).await?;
    settle(client).await?;
    let client = client.clone();
    tokio::spawn(async move {
        while let Some(mut request) = requests.next().await {
            // A request without a reply and a broken connection both show as a requester that waits in vain.
            let Some(reply) = request.reply.take() else {
                continue;
            };
            let (headers, payload) = respond(request);
            let _ = client.publish_with_headers(reply, headers, payload).await;
        }
    });
    Ok(())
}

#[tokio::test]
async fn a_request_is_answered() -> Result<()> {
    let (_server, requester, responder) = pair().await?;
    answer(&responder, "upper", |request| {
        (
            HeaderMap::new(),
            request.payload.to_ascii_uppercase().into(),
        )
    })
    .await?;
    let reply = requester.request("upper", "hello".into()).await?;
    assert_eq!(&reply.payload[..], b"HELLO");
    Ok(())
}

#[tokio::test]
async fn concurrent_requests_get_their_own_answers() -> Result<()> {
    let (server, _, responder) = pair().await?;
    answer(&responder, "echo", |request| {
        (HeaderMap::new(), request.payload)
    })
    .await?;
    let mut asking = JoinSet::new();
    for requester in 0..20 {
        let client = server.connect(options()).await?;
        for number in 0..50 {
            let (client, question) = (client.clone(), format!("{requester} asks {number}"));
            asking.spawn(async move {
                let reply = client.request("echo", question.clone().into()).await?;
                Ok::<_, Error>((question, reply))
            });
        }
    }
    while let Some(asked) = asking.join_next().await {
        let (question, reply) = asked??;
        assert_eq!(reply.payload, question);
    }
    Ok(())
}

/// Keys with more than one value, and two keys that differ in case only.
fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append("Color", "red");
    headers.append("Color", "green: dark, not light");
    headers.append("color", "other");
    headers
}

#[tokio::test]
async fn headers_with_several_values_arrive_with_a_message() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, "x").await?;
    publisher
        .publish_with_headers("x", headers(), "body".into())
        .await?;
    assert_eq!(next(&mut inbox.messages).await?.headers, Some(headers()));
    Ok(())
}

#[tokio::test]
async fn headers_with_several_values_come_back_with_a_reply() -> Result<()> {
    let (_server, requester, responder) = pair().await?;
    answer(&responder, "x", |request| {
        (request.headers.unwrap_or_default(), request.payload)
    })
    .await?;
    let reply = requester
        .request_with_headers("x", headers(), "body".into())
        .await?;
    assert_eq!(reply.headers, Some(headers()));
    Ok(())
}

#[tokio::test]
async fn a_payload_with_headers_is_not_touched_by_them() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, "x").await?;
    publisher
        .publish_with_headers("x", headers(), "body\r\n".into())
        .await?;
    assert_eq!(&next(&mut inbox.messages).await?.payload[..], b"body\r\n");
    Ok(())
}

#[tokio::test]
async fn a_request_without_responders_fails_with_its_own_error() -> Result<()> {
    let (_server, requester, _) = pair().await?;
    let failed = requester.request("nobody", Bytes::new()).await;
    assert_eq!(
        failed.map(drop).map_err(|error| error.kind()),
        Err(RequestErrorKind::NoResponders)
    );
    Ok(())
}

#[tokio::test]
async fn a_request_without_responders_fails_at_once() -> Result<()> {
    let (_server, requester, _) = pair().await?;
    let started = Instant::now();
    let failed = requester.request("nobody", Bytes::new()).await;
    assert!(failed.is_err() && started.elapsed() < SOON);
    Ok(())
}
