//! An async client for NATS: light, bounded everywhere, errors where they belong.
//!
//! ```no_run
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = dunlin::connect("nats://localhost:4222").await?;
//!     let mut greetings = client.subscribe("greet.*").await?;
//!     client.publish("greet.joe", "hello").await?;
//!     let message = greetings.next().await.ok_or("closed")?;
//!     println!("{}: {:?}", message.subject, message.payload);
//!     Ok(())
//! }
//! ```
//!
//! It speaks the core NATS protocol: [publish](Client::publish), [subscribe](Client::subscribe) with
//! wildcards and [queue groups](Client::queue_subscribe), [request](Client::request) of one or of
//! [many](Client::request_many), [headers](HeaderMap), [services](service). Delivery is at most once.
//! When the connection is lost the client finds another one, makes its subscriptions again and sends
//! what was published meanwhile.
//!
//! - `publish` is written at once when the connection is idle and together with others when it is
//!   busy; no flush is needed for that. `subscribe` returns when the server has the subscription.
//! - A refusal by the server is an error of the call it belongs to, as far as the server says which
//!   that is and the call waits for it ([`Client::publish_confirmed`]), and an [`Event`] besides.
//! - Everything that grows has a bound ([`ConnectOptions`], [`WhenFull`]), and everything that is
//!   dropped, or may be lost with a connection, has a counter ([`Subscriber::dropped`],
//!   [`Statistics`], [`DrainReport`]).
//!
//! Features: `tls` (default; `aws-lc` for other cryptography), `websocket`, `serde` (JSON payloads),
//! `blocking` (for programs without a runtime), `tracing` (W3C trace context). None changes what is
//! there without it. Who comes from async-nats finds what differs in `docs/coming-from-async-nats.md`
//! of the repository.

mod address;
mod answers;
mod auth;
#[cfg(feature = "blocking")]
pub mod blocking;
mod client;
mod command;
mod connect;
mod dial;
mod driver;
mod engine;
mod error;
mod events;
mod handle;
mod ids;
#[cfg(feature = "serde")]
mod json;
mod message;
mod notice;
mod options;
mod outgoing;
mod pool;
mod publish;
mod queue;
mod refusal;
mod replies;
mod request;
pub mod service;
mod shared;
mod sift;
mod statistics;
mod subscribe;
mod subscriber;
mod tls;
#[cfg(feature = "tracing")]
pub mod trace;
mod transport;
mod websocket;

pub use address::{ServerAddr, ToServerAddrs};
pub use answers::{Answers, AnswersEnd, RequestMany};
pub use auth::{Auth, AuthError, KeyError, UserKey};
pub use bytes::Bytes;
pub use client::{Client, State};
pub use connect::connect;
pub use dunlin_protocol::{HeaderError, HeaderMap, Info as ServerInfo};
pub use error::{
    ConnectError, ConnectErrorKind, DrainError, DrainErrorKind, Error, FlushError, FlushErrorKind,
    PublishError, PublishErrorKind, RequestError, RequestErrorKind, SubscribeError,
    SubscribeErrorKind, UnsubscribeError, UnsubscribeErrorKind,
};
pub use events::{Event, Events, SlowConsumer};
#[cfg(feature = "serde")]
pub use json::JsonError;
pub use message::{Message, StatusCode, Subject};
pub use options::ConnectOptions;
pub use outgoing::{DrainReport, WhenUnsent};
pub use queue::WhenFull;
pub use refusal::{ServerError, ServerErrorKind};
pub use request::Request;
pub use statistics::Statistics;
pub use subscribe::SubscribeOptions;
pub use subscriber::Subscriber;
