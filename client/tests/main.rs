//! The client against servers: a real one, and scripted ones that do what no real one does.
//!
//! The real one is dunlin's own, embedded, or the program that `DUNLIN_NATS_SERVER` names.

#![allow(
    clippy::unwrap_used,
    reason = "tests may say what they expect in the shortest way"
)]

#[path = "main/delivery.rs"]
mod delivery;
#[path = "main/hostile.rs"]
mod hostile;
#[path = "main/lifetime.rs"]
mod lifetime;
#[path = "main/limits.rs"]
mod limits;
#[path = "main/reconnect.rs"]
mod reconnect;
#[path = "main/requests.rs"]
mod requests;
#[path = "main/scripted.rs"]
mod scripted;
#[path = "main/server.rs"]
mod server;
