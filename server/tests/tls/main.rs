//! Encrypted connections over real sockets: who speaks first, who is let in, and what is said when
//! it fails. The clients are rustls's; those of other hands are in `tests/clients`.

#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

mod certificates;
mod client;
mod handshake;
mod monitor;
mod order;
mod renew;
mod users;
mod websocket;
