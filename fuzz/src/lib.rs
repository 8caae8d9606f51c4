//! What must hold for every decoder of the protocol, whatever the bytes.
//!
//! In: the bytes that a fuzzer, or a file of `seeds/`, gives. Out: nothing, or a panic that says
//! what did not hold. Each function is one target of `targets/`.

#![forbid(unsafe_code)]

mod conf;
mod door;
mod hand;
mod headers;
mod json;
#[path = "../../tests/harness/naive.rs"]
mod naive;
mod parsers;
mod pieces;
mod routing;
mod subjects;
mod twin;
mod upgrade;
mod websocket;

pub use conf::conf;
pub use door::door;
pub use hand::hand_parser;
pub use headers::headers;
pub use json::info_connect;
pub use parsers::{client_parser, server_parser};
pub use routing::routing;
pub use subjects::subjects;
pub use upgrade::upgrade;
pub use websocket::websocket;
