//! The client against servers: a real one, and scripted ones that do what no real one does.
//!
//! The real one is dunlin's own, embedded; `nats.rs` runs the same tests against nats-server.

#![allow(
    clippy::unwrap_used,
    reason = "tests may say what they expect in the shortest way"
)]

/// Whether the real server is nats-server.
const IS_REFERENCE: bool = false;

#[path = "main/mod.rs"]
mod suite;
