//! Operations to bytes: appended to a buffer that the caller owns.

mod server;

pub use server::{Message, OK, PING, PONG, err, info, message, tail};
