//! How subscriptions and connections end, and how they live through a restart of the server.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, Event, Subscriber};
use dunlin_clients_rust::*;
use futures_util::StreamExt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

#[tokio::test]
async fn auto_unsubscribe_ends_after_max() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = first_three_of_ten(&publisher, &subscriber).await?;
    assert_same(&payloads(&rest(&mut inbox.messages).await?), &numbers(3));
    Ok(())
}

#[tokio::test]
async fn the_server_sends_no_more_than_max() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    first_three_of_ten(&publisher, &subscriber).await?;
    // Two round trips and the last word come on top.
    assert_eq!(received(&subscriber), 3 + 3);
    Ok(())
}

async fn first_three_of_ten(publisher: &Client, subscriber: &Client) -> Result<Inbox> {
    let mut inbox = Inbox::open(subscriber, "x").await?;
    inbox.messages.unsubscribe_after(3).await?;
    settle(subscriber).await?;
    publish_all(publisher, "x", &numbers(10)).await?;
    inbox.complete().await?;
    Ok(inbox)
}

/// Messages this connection had from the server, wanted or not.
fn received(client: &Client) -> u64 {
    client.statistics().in_messages.load(Ordering::Relaxed)
}

/// What is left in a subscription that ends.
async fn rest(subscription: &mut Subscriber) -> Result<Vec<async_nats::Message>> {
    within(subscription.collect()).await
}

// The drain of async-nats does not wait for the server's PONG. What it must not lose is what has come by then,
// so these tests wait for the publisher's last word first.

#[tokio::test]
async fn a_drained_subscription_gets_all_from_before() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, "x").await?;
    publish_all(&publisher, "x", &numbers(1000)).await?;
    inbox.complete().await?;
    inbox.messages.drain().await?;
    assert_same(&payloads(&rest(&mut inbox.messages).await?), &numbers(1000));
    Ok(())
}

#[tokio::test]
async fn the_server_sends_nothing_after_a_drain() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, "x").await?;
    inbox.messages.drain().await?;
    settle(&subscriber).await?;
    let before = received(&subscriber);
    publish_all(&publisher, "x", &["late"]).await?;
    inbox.complete().await?;
    assert_eq!(received(&subscriber) - before, 1, "more than the last word");
    Ok(())
}

#[tokio::test]
async fn a_drained_connection_gets_all_from_before() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, "x").await?;
    publish_all(&publisher, "x", &numbers(1000)).await?;
    inbox.complete().await?;
    subscriber.drain().await?;
    assert_same(&payloads(&rest(&mut inbox.messages).await?), &numbers(1000));
    Ok(())
}

#[tokio::test]
async fn a_drained_connection_sends_all_it_published() -> Result<()> {
    let (_server, publisher, subscriber) = pair().await?;
    let mut inbox = Inbox::open(&subscriber, "x").await?;
    publish_all(&publisher, "x", &numbers(1000)).await?;
    publisher.drain().await?;
    assert_same(&payloads(&inbox.all().await?), &numbers(1000));
    Ok(())
}

#[tokio::test]
async fn subscriptions_resume_after_a_restart_by_sigterm() -> Result<()> {
    check_restart(Signal::TERM).await
}

#[tokio::test]
async fn subscriptions_resume_after_a_restart_by_sigkill() -> Result<()> {
    check_restart(Signal::KILL).await
}

async fn check_restart(how: Signal) -> Result<()> {
    let mut server = Server::start().await?;
    let (publisher, mut publisher_connects) = connect_patiently(&server).await?;
    let (subscriber, mut subscriber_connects) = connect_patiently(&server).await?;
    let mut inbox = Inbox::open(&subscriber, "x").await?;
    server.restart(how).await?;
    within(publisher_connects.recv()).await?;
    within(subscriber_connects.recv()).await?;
    settle(&subscriber).await?; // The SUB that was sent again is in force.
    publish_all(&publisher, "x", &["after"]).await?;
    assert_eq!(payloads(&inbox.all().await?), ["after"]);
    Ok(())
}

/// A connection that tries again for as long as it takes, and its later connects.
async fn connect_patiently(server: &Server) -> Result<(Client, UnboundedReceiver<()>)> {
    let (connected, mut connects) = unbounded_channel();
    let options = options()
        .reconnect_delay_callback(|_| Duration::from_millis(50))
        .event_callback(move |event| {
            let connected = connected.clone();
            async move {
                if event == Event::Connected {
                    // A test that is over no longer listens.
                    let _ = connected.send(());
                }
            }
        });
    let client = server.connect(options).await?;
    within(connects.recv()).await?; // The first connect.
    Ok((client, connects))
}
