//! The client against nats-server: everything that `main.rs` tests against dunlin's server.
//!
//! The program that `DUNLIN_NATS_SERVER` names is run.

#![allow(
    clippy::unwrap_used,
    reason = "tests may say what they expect in the shortest way"
)]

/// Whether the real server is nats-server.
const IS_REFERENCE: bool = true;

#[path = "main/mod.rs"]
mod suite;
