//! What the tests stand on: a server of their own, connections to it, and ways to wait for events.
//!
//! async-nats has no flush that waits for the server, so there are two others here. [`settle`] is a round trip.
//! An [`Inbox`] waits for the last word of a publisher: messages of one connection keep their order.

use std::error::Error as StdError;
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Message, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::task::coop::unconstrained;

mod server;

pub use server::{Server, Signal};

pub type Error = Box<dyn StdError + Send + Sync>;
pub type Result<T> = std::result::Result<T, Error>;

/// What a test may wait for anything. Far above what a healthy server needs, so that only a lost event reaches it.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The subject of a publisher's last word.
const END: &str = "end";

/// Options under which requests wait for the deadline.
pub fn options() -> ConnectOptions {
    ConnectOptions::new().request_timeout(Some(DEADLINE))
}

/// A server, a publisher and a subscriber.
pub async fn pair() -> Result<(Server, Client, Client)> {
    let server = Server::start().await?;
    let publisher = server.connect(options()).await?;
    let subscriber = server.connect(options()).await?;
    Ok((server, publisher, subscriber))
}

/// Waits for `event`, and fails after the deadline.
pub async fn within<T>(event: impl Future<Output = T>) -> Result<T> {
    Ok(tokio::time::timeout(DEADLINE, event).await?)
}

/// The next message of a subscription that has not ended.
pub async fn next(subscription: &mut Subscriber) -> Result<Message> {
    within(subscription.next())
        .await?
        .ok_or_else(|| "the subscription ended".into())
}

/// Returns when the server has dealt with everything said before: it sends a message to the connection itself.
pub async fn settle(client: &Client) -> Result<()> {
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await?;
    client.publish(inbox, Bytes::new()).await?;
    next(&mut echo).await?;
    Ok(())
}

/// Publishes all, and then the last word that an [`Inbox`] waits for.
pub async fn publish_all<T: Display>(
    client: &Client,
    subject: &'static str,
    payloads: &[T],
) -> Result<()> {
    for payload in payloads {
        client.publish(subject, payload.to_string().into()).await?;
    }
    finish(client).await
}

/// Publishes the last word.
pub async fn finish(client: &Client) -> Result<()> {
    Ok(client.publish(END, Bytes::new()).await?)
}

/// A subscription together with the last word of its publisher.
pub struct Inbox {
    pub messages: Subscriber,
    end: Subscriber,
}

impl Inbox {
    /// Subscribes; the server has the subscription when this returns.
    pub async fn open(client: &Client, subject: &'static str) -> Result<Self> {
        Self::around(client, client.subscribe(subject).await?).await
    }

    /// As [`Inbox::open`], as a member of a queue group.
    pub async fn join(client: &Client, subject: &'static str, queue: &str) -> Result<Self> {
        Self::around(client, client.queue_subscribe(subject, queue.into()).await?).await
    }

    async fn around(client: &Client, messages: Subscriber) -> Result<Self> {
        let end = client.subscribe(END).await?;
        settle(client).await?;
        Ok(Self { messages, end })
    }

    /// Waits for the last word: what was published before it is here.
    pub async fn complete(&mut self) -> Result<()> {
        next(&mut self.end).await.map(drop)
    }

    /// What was published before the last word.
    pub async fn all(&mut self) -> Result<Vec<Message>> {
        self.complete().await?;
        Ok(here(&mut self.messages))
    }
}

/// The messages that are here already, but for the last word, which a wildcard may match.
pub fn here(subscription: &mut Subscriber) -> Vec<Message> {
    // Unconstrained, or tokio would say "not yet" after 128 messages to let other tasks run.
    let waiting =
        std::iter::from_fn(|| unconstrained(subscription.next()).now_or_never().flatten());
    waiting
        .filter(|message| message.subject.as_str() != END)
        .collect()
}

/// As `assert_eq`, without printing all of what may be a hundred thousand texts.
#[track_caller]
pub fn assert_same(got: &[String], wanted: &[String]) {
    let differs = got
        .iter()
        .zip(wanted)
        .position(|(got, wanted)| got != wanted);
    assert_eq!(differs, None, "differs at this place");
    assert_eq!(got.len(), wanted.len(), "has another length");
}

pub fn payloads(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| String::from_utf8_lossy(&message.payload).into_owned())
        .collect()
}

pub fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}
