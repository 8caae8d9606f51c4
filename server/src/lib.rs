//! A pub-sub server that speaks core NATS, to be embedded in a program or a test.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = dunlin_server::Server::builder().port(0).start().await?;
//! println!("any NATS client may connect to {}", server.url());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Many servers live in one process without knowing of each other: there are no globals, no threads
//! of their own (they run on the runtime that started them), and no logging but `tracing` events
//! that the embedder may listen to. Under tokio's paused clock a server follows that clock.

#![cfg_attr(not(feature = "http"), allow(dead_code, unused_imports))] // What only monitoring asks.

mod auth;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod bus;
#[doc(hidden)]
pub mod conf;
mod doors;
mod events;
#[cfg(feature = "http")]
mod http;
mod link;
mod monitor;
#[cfg(feature = "http")]
mod monitoring;
mod net;
mod options;
mod peer;
#[cfg(feature = "program")]
#[doc(hidden)]
pub mod program;
mod server;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod sim;

pub use auth::{Authorization, AuthorizationError, ConnectionType, Permissions, Responses, User};
#[cfg(feature = "http")]
pub use http::{MonitorOptions, Request, Wish};
pub use net::{HandshakeFirst, Pipe, TlsError, TlsFacts, TlsOptions, TlsVersion};
pub use options::{Builder, WebsocketOptions, WriteTimeout};
pub use peer::{Event, EventOptions, Lag, Quota, Statistics};
pub use server::{Batching, Change, REFERENCE_VERSION, ReloadError, Server, StartError};
