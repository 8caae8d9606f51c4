//! The client for threads: the same calls, each of which blocks (feature `blocking`).
//!
//! ```no_run
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = dunlin::blocking::connect("nats://localhost:4222")?;
//!     let mut greetings = client.subscribe("greet.*")?;
//!     client.publish("greet.joe", "hello")?;
//!     let message = greetings.next().ok_or("closed")?;
//!     println!("{}: {:?}", message.subject, message.payload);
//!     Ok(())
//! }
//! ```
//!
//! The program needs no runtime and need not know of one: each client has a thread of its own that
//! does for it what the runtime does otherwise, with the same engine; a call parks its thread until
//! it is done. The thread ends when the client and all that was made of it are dropped and what was
//! published is sent. Everything may be called and dropped on any thread, also on one of a runtime,
//! which it then holds up.
//!
//! What each call does, and how it fails, is what the call of the same name of
//! [`Client`](crate::Client) does.

use std::fmt;
use std::sync::mpsc;
use std::thread;

use tokio::runtime::{Builder, Handle};

use crate::address::ToServerAddrs;
use crate::answers::RequestMany;
use crate::error::{
    ConnectError, ConnectErrorKind, DrainError, FlushError, PublishError, RequestError,
    SubscribeError,
};
use crate::message::Message;
use crate::options::ConnectOptions;
use crate::outgoing::DrainReport;
use crate::request::Request;
use crate::statistics::Statistics;
use crate::subscribe::SubscribeOptions;
use dunlin_protocol::HeaderMap;

mod park;
mod streams;

use park::wait;
pub use streams::{Answers, Events, Subscriber};

/// Connects to a server with default options.
///
/// # Errors
///
/// As [`connect`](fn@crate::connect), and if the system has no thread to give.
pub fn connect(addrs: impl ToServerAddrs) -> Result<Client, ConnectError> {
    ConnectOptions::new().connect_blocking(addrs)
}

impl ConnectOptions {
    /// Connects, for threads; otherwise as [`connect`](ConnectOptions::connect). Callbacks run on
    /// the client's thread.
    ///
    /// # Errors
    ///
    /// As [`connect`](ConnectOptions::connect), and if the system has no thread to give.
    pub fn connect_blocking(self, addrs: impl ToServerAddrs) -> Result<Client, ConnectError> {
        let addrs = addrs.to_server_addrs()?;
        let io = |error| ConnectError::with_source(ConnectErrorKind::Io, error);
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_io().enable_time().build().map_err(io)?;
        let handle = runtime.handle().clone();
        let (made, making) = mpsc::sync_channel(1);
        let work = move || {
            runtime.block_on(async {
                let client = match self.connect(addrs).await {
                    Ok(client) => client,
                    Err(error) => return drop(made.send(Err(error))),
                };
                let mut events = client.events();
                if made.send(Ok(client)).is_err() {
                    return; // The caller's thread is gone, in the middle of the call.
                }
                // The last one is that the client has closed: nothing is left to do here.
                while events.next().await.is_some() {}
            });
        };
        let thread = thread::Builder::new().name("dunlin".to_owned());
        thread.spawn(work).map_err(io)?;
        match making.recv() {
            Ok(client) => client.map(|client| Client { client, handle }),
            Err(_) => Err(ConnectErrorKind::GaveUp.into()), // A callback has panicked.
        }
    }
}

/// A connection to a NATS server, for threads. Clones are cheap and share it.
#[derive(Clone)]
pub struct Client {
    client: crate::Client,
    handle: Handle,
}

/// Each does, and fails, as the method of the same name of [`Client`](crate::Client) does.
#[allow(
    clippy::missing_errors_doc,
    reason = "the methods of the same name have it"
)]
impl Client {
    /// Publishes a message; blocks only while the outgoing buffer is full.
    pub fn publish(
        &self,
        subject: impl AsRef<str>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        wait(&self.handle, self.client.publish(subject, payload))
    }

    /// Publishes a message and waits until the server has taken it.
    pub fn publish_confirmed(
        &self,
        subject: impl AsRef<str>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        wait(
            &self.handle,
            self.client.publish_confirmed(subject, payload),
        )
    }

    /// Publishes a message that asks for answers on `reply`.
    pub fn publish_with_reply(
        &self,
        subject: impl AsRef<str>,
        reply: impl AsRef<str>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        let published = self.client.publish_with_reply(subject, reply, payload);
        wait(&self.handle, published)
    }

    /// Publishes a message with headers.
    pub fn publish_with_headers(
        &self,
        subject: impl AsRef<str>,
        headers: HeaderMap,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        let published = self.client.publish_with_headers(subject, headers, payload);
        wait(&self.handle, published)
    }

    /// Publishes a message with headers that asks for answers on `reply`.
    pub fn publish_with_reply_and_headers(
        &self,
        subject: impl AsRef<str>,
        reply: impl AsRef<str>,
        headers: HeaderMap,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        let client = &self.client;
        let published = client.publish_with_reply_and_headers(subject, reply, headers, payload);
        wait(&self.handle, published)
    }

    /// Waits until the server has handled everything published so far.
    pub fn flush(&self) -> Result<(), FlushError> {
        wait(&self.handle, self.client.flush())
    }

    /// Subscribes to a subject; returns when the server has the subscription.
    pub fn subscribe(&self, subject: impl AsRef<str>) -> Result<Subscriber, SubscribeError> {
        self.subscribe_with(subject, SubscribeOptions::new())
    }

    /// Subscribes as a member of a queue group.
    pub fn queue_subscribe(
        &self,
        subject: impl AsRef<str>,
        group: impl AsRef<str>,
    ) -> Result<Subscriber, SubscribeError> {
        self.subscribe_with(subject, SubscribeOptions::new().queue(group))
    }

    /// Subscribes with a queue group or bounds of its own.
    pub fn subscribe_with(
        &self,
        subject: impl AsRef<str>,
        options: SubscribeOptions,
    ) -> Result<Subscriber, SubscribeError> {
        let made = wait(&self.handle, self.client.subscribe_with(subject, options));
        made.map(|subscriber| Subscriber::new(subscriber, self.handle.clone()))
    }

    /// Publishes a request and waits for the first answer.
    pub fn request(
        &self,
        subject: impl AsRef<str>,
        payload: impl AsRef<[u8]>,
    ) -> Result<Message, RequestError> {
        wait(&self.handle, self.client.request(subject, payload))
    }

    /// Publishes a request with headers and waits for the first answer.
    pub fn request_with_headers(
        &self,
        subject: impl AsRef<str>,
        headers: HeaderMap,
        payload: impl AsRef<[u8]>,
    ) -> Result<Message, RequestError> {
        let answer = self.client.request_with_headers(subject, headers, payload);
        wait(&self.handle, answer)
    }

    /// Publishes a [`Request`] and waits for the first answer.
    pub fn send_request(
        &self,
        subject: impl AsRef<str>,
        request: Request,
    ) -> Result<Message, RequestError> {
        wait(&self.handle, self.client.send_request(subject, request))
    }

    /// Publishes a request that many may answer; the answers are an iterator.
    pub fn request_many(
        &self,
        subject: impl AsRef<str>,
        request: RequestMany,
    ) -> Result<Answers, RequestError> {
        let asked = wait(&self.handle, self.client.request_many(subject, request));
        asked.map(|answers| Answers::new(answers, self.handle.clone()))
    }

    /// Ends in order.
    pub fn drain(&self) -> Result<DrainReport, DrainError> {
        wait(&self.handle, self.client.drain())
    }

    /// What happens to the connection from now on, as an iterator.
    pub fn events(&self) -> Events {
        Events::new(self.client.events(), self.handle.clone())
    }

    /// A subject that nobody else uses, for answers.
    pub fn new_inbox(&self) -> String {
        self.client.new_inbox()
    }

    /// Counters since the client was made.
    pub fn statistics(&self) -> Statistics {
        self.client.statistics()
    }

    /// Whether the client is connected.
    pub fn state(&self) -> crate::State {
        self.client.state()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}
