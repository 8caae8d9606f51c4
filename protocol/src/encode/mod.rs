//! Operations to bytes: appended to a buffer that the caller owns.

mod client;
mod server;

pub use client::{Publication, connect, publish, subscribe, unsubscribe};
pub use server::{Message, OK, PING, PONG, err, info, message, tail};
