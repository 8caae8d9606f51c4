//! The client against servers: a real one, and scripted ones that do what no real one does.
//!
//! The real one is the program that `DUNLIN_NATS_SERVER` names.

#![allow(
    clippy::unwrap_used,
    reason = "tests may say what they expect in the shortest way"
)]

#[path = "main/delivery.rs"]
mod delivery;
#[path = "main/server.rs"]
mod server;
