//! The client against servers: a real one, and scripted ones that do what no real one does.
//!
//! The real one is dunlin's own, embedded; `nats.rs` runs the same tests against nats-server.

#![allow(
    clippy::unwrap_used,
    reason = "tests may say what they expect in the shortest way"
)]

/// Whether the real server is nats-server.
const IS_REFERENCE: bool = false;

#[path = "main/answers.rs"]
mod answers;
#[path = "main/delivery.rs"]
mod delivery;
#[path = "main/hostile.rs"]
mod hostile;
#[path = "main/identity.rs"]
mod identity;
#[path = "main/jwt.rs"]
mod jwt;
#[path = "main/lifetime.rs"]
mod lifetime;
#[path = "main/limits.rs"]
mod limits;
#[path = "main/moving.rs"]
mod moving;
#[path = "main/paths.rs"]
mod paths;
#[path = "main/reconnect.rs"]
mod reconnect;
#[path = "main/requests.rs"]
mod requests;
#[path = "main/restarts.rs"]
mod restarts;
#[path = "main/scripted.rs"]
mod scripted;
#[cfg(any(feature = "tls", feature = "aws-lc"))]
#[path = "main/secure.rs"]
mod secure;
#[path = "main/server.rs"]
mod server;
#[path = "main/services.rs"]
mod services;
#[cfg(feature = "blocking")]
#[path = "main/threads.rs"]
mod threads;
#[cfg(feature = "tracing")]
#[path = "main/traces.rs"]
mod traces;
